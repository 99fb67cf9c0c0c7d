// Package api is the wire: the JSON that the callback relay takes and gives,
// and the OpenAPI document that describes it.
//
// Nothing here decides anything. The handlers turn these types into the
// relay's own and back, the client does the reverse, and neither knows the
// other. [OpenAPI] is written by hand, because its prose is what workflow
// authors read; the tests of this package fail as soon as a Go type and its
// schema differ by one field.
//
// Every answer that is not a success is a [Problem]. [Codes] is the only list
// of them, with the title and the HTTP status of each.
package api
