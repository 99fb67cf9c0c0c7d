package relay

import (
	"context"
	"fmt"
	"strings"
)

// ReferenceChars is how many characters of an id pages show, for people to quote.
const ReferenceChars = 8

// Reference is the beginning of an id, of [ReferenceChars] or more.
type Reference string

// Reference returns the reference that pages show.
func (id CallbackID) Reference() Reference { return Reference(id[:min(len(id), ReferenceChars)]) }

// ParseReference reads the beginning of an id, in capitals or not. ok is false for what
// is none, and for a whole id.
func ParseReference(s string) (r Reference, ok bool) {
	s = strings.ToLower(s)
	if len(s) < ReferenceChars || len(s) >= idChars || strings.Trim(s, base32Digits) != "" {
		return "", false
	}
	return Reference(s), true
}

// Partition returns the part of the callbacks that have the reference.
func (r Reference) Partition() int { return partition(string(r)) }

// AmbiguousError reports that several callbacks have a reference. IDs are at most
// [MaxAmbiguous] of them, sorted.
type AmbiguousError struct{ IDs []CallbackID }

// MaxAmbiguous bounds the ids of an [AmbiguousError].
const MaxAmbiguous = 10

// Error implements error.
func (e *AmbiguousError) Error() string { return "several callbacks have this reference" }

// WithReference returns the id of the one callback that has a reference. If there are several, the
// error is an [*AmbiguousError]; the others are those of [Store.WithReference].
func (s *Service) WithReference(ctx context.Context, r Reference) (CallbackID, error) {
	ids, err := s.store.WithReference(ctx, r)
	if err != nil {
		return "", err
	}
	if len(ids) > 1 {
		return "", fmt.Errorf("find %s: %w", r, &AmbiguousError{ids[:min(len(ids), MaxAmbiguous)]})
	}
	return ids[0], nil
}
