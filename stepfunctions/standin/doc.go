// Package standin is a Step Functions that listens on loopback: the three
// calls that end or prolong a waiting task, spoken as awsJson1.0 to an
// unmodified AWS SDK. Tests, dev mode and benchmarks run against it, so no
// code of the relay needs to know whether AWS is real.
//
// It is strict where AWS is, and on a few points stricter: a request that only
// a lenient server would take is refused. Every call is judged in this order,
// and the first refusal is the answer:
//
//  1. form: method, path, content type, target, Signature Version 4 header
//  2. quota: one token bucket per action, when [Options.Rate] is set
//  3. members: required ones present, lengths within AWS's limits
//  4. faults: what a test ordered with [Server.Inject] or [Server.SetFault]
//  5. the task: unknown, waiting, or closed
//
// A task is waiting until one of five things closes it:
//
//	waiting ── SendTaskSuccess ──▶ succeeded
//	        ── SendTaskFailure ──▶ failed
//	        ── timeout, or no heartbeat in time ──▶ timed out
//	        ── Close ──▶ stopped
//
// A call for a closed task gets TaskTimedOut, whoever closed it, and a call
// for a task that never was gets InvalidToken. The ledger keeps what every
// accepted call brought, byte for byte.
//
// Nothing here was tried against AWS by us. Recorded against AWS by others, in
// the tests of faasshell, the measurements of sfn-local and the snapshots of
// LocalStack, is:
//
//   - the types of errors, with their prefixes, of the service's own errors and
//     of violated constraints
//   - the messages of InvalidToken, of TaskTimedOut and of constraints: which
//     of them show the value, several violations in one message, an output
//     measured in bytes
//   - an unreadable body gets SerializationException, without prefix or message
//   - constraints come before the task, and the task before the output's JSON
//   - charset=UTF-8 may follow the content type
//   - a heartbeat for a task without a heartbeat time-out is taken
//   - SendTaskFailure needs neither error nor cause
//
// These are guesses, after the habits of AWS's other services:
//
//   - the prefix of errors that all services share, and that the message of
//     AccessDeniedException is called Message
//   - a member whose name has another case of letters is an unknown member, and
//     unknown members are left out
//   - a number of more than 1,000 characters is InvalidOutput: AWS reads JSON
//     with Jackson, and that is Jackson's limit
//   - the wording of all other messages, InvalidOutput's among them, the
//     statuses other than 400, and that the quota is judged before the members
//   - the order in which several violations are named
//
// Signatures are checked for their form and not for their value: the stand-in
// has no secret to check them with. The age of X-Amz-Date is not judged
// either, because the clock may be a test's.
package standin
