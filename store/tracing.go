package store

import "context"

// Tracer gives and takes trace contexts, which are kept with a callback: its
// registration, its answer and its delivery come from different processes.
type Tracer interface {
	// Trace returns the trace context of what ctx belongs to, or "".
	Trace(ctx context.Context) string
	// Link links what ctx belongs to with a trace context that was kept.
	Link(ctx context.Context, kept string)
}

// trace returns the trace context to keep, or "".
func (s *Store) trace(ctx context.Context) string {
	if s.Tracer == nil {
		return ""
	}
	return s.Tracer.Trace(ctx)
}

// link links what ctx belongs to with what was kept, if anything was.
func (s *Store) link(ctx context.Context, kept string) {
	if s.Tracer != nil && kept != "" {
		s.Tracer.Link(ctx, kept)
	}
}
