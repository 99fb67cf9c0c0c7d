// Package client is the Go client of the relay's private API: register, look
// up, list and cancel callbacks.
//
// It sends each request once. Creating and cancelling are idempotent and
// looking up changes nothing, so a caller who has no answer may simply repeat
// the call; [Error] says after how long, where the relay asked for patience.
//
// Redirects are not followed: they would carry the API key, and with it task
// tokens, to wherever they point.
package client
