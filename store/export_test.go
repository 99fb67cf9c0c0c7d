package store

import (
	"context"

	"callback-relay/relay"
)

// WithReferenceBounded is WithReference with other bounds.
func (s *Store) WithReferenceBounded(ctx context.Context, r relay.Reference, atOnce, most int) ([]relay.CallbackID, error) {
	return s.withReference(ctx, r, atOnce, most)
}
