// Package client is the Go client of the relay's private API: register, look
// up, list and cancel callbacks.
//
// It sends each request once. Creating and cancelling are idempotent and looking up
// changes nothing, so a caller who has no answer may simply repeat the call. If the
// relay asks the caller to wait, [Error] says how long.
//
// The client does not follow redirects: they could send the API key and task tokens to
// another host.
package client
