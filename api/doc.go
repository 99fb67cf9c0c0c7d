// Package api is the wire format: the JSON that the callback relay receives and
// sends, and the OpenAPI document that describes it.
//
// Nothing here decides anything. The handlers turn these types into the
// relay's own and back, the client does the reverse, and neither knows the
// other. [OpenAPI] is written by hand, because workflow authors read its prose.
// The tests of this package fail if a Go type and its schema differ in any field.
//
// Every answer that is not a success is a [Problem]. [Codes] is the only list of
// problems, with the title and the HTTP status of each.
package api
