// Package stepfunctions tells AWS Step Functions what became of a waiting
// task, and says of every call that failed what the failure means.
//
// One [Sender.Send] is one HTTP request, never more. The SDK would repeat a
// request whose answer was lost, and report only how the repetition ended: a
// task that the first request completed would look as if it had been closed by
// somebody else. So the SDK's retries and redirects are off, and the schedule
// belongs to the caller, who knows how earlier attempts ended.
//
// What a failure means is decided by how far the request came:
//
//	not handed to the network  the SDK found no credentials, region or endpoint:
//	                           ours to mend; the credentials are late: not
//	                           executed; the request itself is bad: never
//	no connection              not executed, whatever the reason
//	connection, no answer      unclear: the request may have arrived whole
//	answer 2xx, unreadable     unclear: taken, in all likelihood
//	answer with an error code  the table in classify.go
//	any other answer           by its HTTP status
//
// Credentials that AWS refuses are asked for anew, and a clock that is wrong is
// put right by the SDK after the first refusal. Either way the next attempt has
// better chances, so it follows on the ordinary schedule.
//
// The text of an error comes with no part of the task token or the payload.
// AWS quotes both in some of its messages, so its words are passed on only for
// the errors that an operator cannot mend without them, and what is secret among
// them is replaced.
package stepfunctions
