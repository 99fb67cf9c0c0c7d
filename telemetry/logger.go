package telemetry

import (
	"io"
	"log/slog"
)

// NewLogger returns a logger that writes lines of that level and above to w:
// as text when the format is "text", else as JSON.
func NewLogger(w io.Writer, level slog.Level, format string) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == "text" {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}
