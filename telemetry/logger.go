package telemetry

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

// NewLogger returns a logger that writes lines of at least this level to w, as
// text if the format is "text", otherwise as JSON. A line written within a span
// has the id of its trace. If w is [Lines], warnings and errors are never held back.
func NewLogger(w io.Writer, level slog.Level, format string) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	flush := func() error { return nil }
	if lines, ok := w.(*Lines); ok {
		flush = lines.Flush
	}
	if format == "text" {
		return slog.New(handler{slog.NewTextHandler(w, options), flush})
	}
	return slog.New(handler{slog.NewJSONHandler(w, options), flush})
}

// handler adds the trace of the context to each line, and flushes warnings and errors.
type handler struct {
	slog.Handler

	flush func() error
}

// Handle implements [slog.Handler].
func (h handler) Handle(ctx context.Context, line slog.Record) error {
	if in := trace.SpanContextFromContext(ctx); in.IsValid() {
		line.AddAttrs(slog.String("trace", in.TraceID().String()))
	}
	err := h.Handler.Handle(ctx, line)
	if line.Level >= slog.LevelWarn {
		err = errors.Join(err, h.flush())
	}
	return err
}

// WithAttrs implements [slog.Handler].
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs), h.flush}
}

// WithGroup implements [slog.Handler].
func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.Handler.WithGroup(name), h.flush}
}
