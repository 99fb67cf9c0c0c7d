// Package stepfunctions reports the outcome of a waiting task to AWS Step
// Functions, and classifies every failed call.
//
// One [Sender.Send] is one HTTP request, never more. The SDK would repeat a
// request whose reply was lost, and report only how the repetition ended. A
// task that the first request completed would then look as if somebody else had
// closed it. So the SDK's retries and redirects are off, and the caller, who
// knows how earlier attempts ended, schedules the attempts.
//
// How far the request got decides what a failure means:
//
//	not handed to the network  no credentials, region or endpoint: needs an
//	                           operator; the credentials are late: not
//	                           executed; the request itself is bad: never
//	no connection              not executed, whatever the reason
//	connection, no reply       unclear: the whole request may have arrived
//	2xx reply, unreadable      unclear: most likely accepted
//	reply with an error code   the table in classify.go
//	any other reply            by its HTTP status
//
// If AWS refuses credentials, they are fetched again; if it refuses our clock,
// the SDK corrects the time of its next requests. Either way the next attempt
// may succeed, so it follows on the ordinary schedule.
//
// The text of an error contains no part of the task token or the payload. Some
// messages of AWS quote both, so they are passed on only where an operator needs
// them, and with their secrets replaced.
package stepfunctions
