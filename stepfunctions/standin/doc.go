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
// Signatures are checked for their form and not for their value: the stand-in
// has no secret to check them with. The age of X-Amz-Date is not judged
// either, because the clock may be a test's.
package standin
