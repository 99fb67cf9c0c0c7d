package identity

import (
	"errors"
	"fmt"
)

// Person is who is there. Issuer and Subject together name one person; the rest can
// change.
type Person struct {
	Issuer, Subject string
	Email           string // "" if the token has none, or says that it was not verified
	Name            string // "" if the token has none
}

// ErrNobody says that the request has no token: it did not come through the proxy, or
// nobody is signed in there.
var ErrNobody = errors.New("the request has no token of the proxy that signs who is there")

// Reason says why a token does not count.
type Reason string

// The reasons.
const (
	Malformed Reason = "malformed"
	Signature Reason = "signature" // another key made it, or over other bytes
	Issuer    Reason = "issuer"    // another issuer made it
	Audience  Reason = "audience"  // it is for somebody else than the relay
	Signer    Reason = "signer"    // another load balancer made it
	Expired   Reason = "expired"   // or it is not valid yet
)

// RejectedError says that a token does not count. It never shows the token.
type RejectedError struct {
	Reason  Reason
	Problem string
}

// Error implements error.
func (e *RejectedError) Error() string { return "the token of the proxy: " + e.Problem }

func rejected(reason Reason, problem string, args ...any) error {
	return &RejectedError{reason, fmt.Sprintf(problem, args...)}
}

// UnavailableError says that the keys with which a token could be checked cannot be
// fetched now.
type UnavailableError struct{ Cause error }

// Error implements error.
func (e *UnavailableError) Error() string {
	return "the public keys of the proxy that signs who is there are unavailable: " + e.Cause.Error()
}

// Unwrap returns the cause.
func (e *UnavailableError) Unwrap() error { return e.Cause }
