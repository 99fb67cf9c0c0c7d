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
	if s.tracer == nil {
		return ""
	}
	return s.tracer.Trace(ctx)
}

// link links what ctx belongs to with what was kept, if anything was.
func (s *Store) link(ctx context.Context, kept string) {
	if s.tracer != nil && kept != "" {
		s.tracer.Link(ctx, kept)
	}
}
