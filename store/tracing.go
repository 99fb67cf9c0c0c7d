package store

import "context"

// Tracer reads and links trace contexts. They are stored with a callback, because
// its registration, its answer and its delivery happen in different processes.
type Tracer interface {
	// Trace returns the trace context of the span in ctx, or "".
	Trace(ctx context.Context) string
	// Link links the span in ctx to a stored trace context.
	Link(ctx context.Context, kept string)
}

// trace returns the trace context to store, or "".
func (s *Store) trace(ctx context.Context) string {
	if s.tracer == nil {
		return ""
	}
	return s.tracer.Trace(ctx)
}

// link links the span in ctx to a stored trace context, if there is one.
func (s *Store) link(ctx context.Context, kept string) {
	if s.tracer != nil && kept != "" {
		s.tracer.Link(ctx, kept)
	}
}
