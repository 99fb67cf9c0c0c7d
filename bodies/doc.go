// Package bodies converts a posted body to one JSON value.
//
// Senders cannot be asked to change. So their headers count only as a hint, and the
// bytes decide. [KindOf] reads the headers and never fails. [Kind.Convert]
// uncompresses the body and converts it. JSON is passed on byte for byte, since
// decoding and encoding it would change big numbers and drop duplicate members.
// Decision 12 describes the conversion of everything else.
//
// The package knows nothing about links or tasks. Its errors contain an offset and a
// problem, and never quote the body.
package bodies
