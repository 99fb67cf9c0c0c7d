// Package standin is a stand-in for Step Functions that listens on loopback. It
// serves the three calls that end or prolong a waiting task, as awsJson1.0, to an
// unmodified AWS SDK. Tests, dev mode and benchmarks run against it, so no code of
// the relay needs to know whether AWS is real.
//
// It is as strict as AWS, and stricter on a few points: it refuses requests that
// only a lenient server would accept. Every call is checked in this order, and
// the first refusal is the reply:
//
//  1. form: method, path, content type, target, Signature Version 4 header
//  2. quota: one token bucket per action, when [Options.Rate] is set
//  3. members: required ones present, lengths within AWS's limits
//  4. faults: those set with [Server.Inject] or [Server.SetFault]
//  5. the task: unknown, waiting, or closed
//
// A task is waiting until one of five things closes it:
//
//	waiting ── SendTaskSuccess ──▶ succeeded
//	        ── SendTaskFailure ──▶ failed
//	        ── timeout, or no heartbeat in time ──▶ timed out
//	        ── Close ──▶ stopped
//
// A call for a closed task gets TaskTimedOut, whoever closed the task. A call
// for a task that never existed gets InvalidToken. The ledger records the content
// of every accepted call, byte for byte.
//
// We have not compared any of this with AWS. Others have recorded these facts
// from AWS, in the tests of faasshell, the measurements of sfn-local and the
// snapshots of LocalStack:
//
//   - the types of errors, with their prefixes, of the service's own errors and
//     of violated constraints
//   - the messages of InvalidToken, of TaskTimedOut and of constraints: which
//     of them show the value, several violations in one message, an output
//     measured in bytes
//   - an unreadable body gets SerializationException, without prefix or message
//   - constraints come before the task, and the task before the output's JSON
//   - charset=UTF-8 may follow the content type
//   - a heartbeat for a task without a heartbeat timeout is accepted
//   - SendTaskFailure needs neither error nor cause
//
// These are guesses, based on AWS's other services:
//
//   - the prefix of errors that all services share, and that the message of
//     AccessDeniedException is called Message
//   - a member whose name differs in letter case is an unknown member, and
//     unknown members are ignored
//   - a number of more than 1,000 characters is InvalidOutput: AWS reads JSON
//     with Jackson, and that is Jackson's limit
//   - the wording of all other messages, including that of InvalidOutput, the
//     statuses other than 400, and that the quota is checked before the members
//   - the order in which several violations are listed
//
// Only the form of signatures is checked, not their value: the stand-in has no
// secret to check them with. Nor is the age of X-Amz-Date checked, because the
// clock may be a test's.
package standin
