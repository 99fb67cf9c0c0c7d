// Package bodies says what a posted body becomes: one JSON value.
//
// Senders cannot be asked to change, so what they say of their bodies is taken
// as a hint and the bytes are believed. [KindOf] reads the headers and never
// fails; [Kind.Convert] undoes a compression and converts. JSON is passed
// on byte for byte, since decoding and encoding it would change big numbers and
// drop duplicate members. Decision 12 says what becomes of everything else.
//
// The package knows nothing of links or tasks. Its errors name an offset and a
// problem, and never quote the body.
package bodies
