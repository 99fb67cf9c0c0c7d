//go:build !release

package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"callback-relay/relay"
)

// hookWatch is a log that also tells of each event that a hook ignores, whatever the level
// of the log is: its sender gets a success, so nobody else would see why.
type hookWatch struct {
	slog.Handler
	tell func(hook, reason string)
}

// Enabled implements [slog.Handler].
func (w hookWatch) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo || w.Handler.Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (w hookWatch) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "hook" {
		attrs := map[string]string{}
		r.Attrs(func(a slog.Attr) bool {
			attrs[a.Key] = a.Value.String()
			return true
		})
		if attrs["verdict"] == string(relay.EventIgnored) {
			w.tell(attrs["sender"], strings.TrimSuffix(attrs["reason"]+": "+attrs["detail"], ": "))
		}
	}
	if !w.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return w.Handler.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (w hookWatch) WithAttrs(attrs []slog.Attr) slog.Handler {
	return hookWatch{w.Handler.WithAttrs(attrs), w.tell}
}

// WithGroup implements [slog.Handler].
func (w hookWatch) WithGroup(name string) slog.Handler {
	return hookWatch{w.Handler.WithGroup(name), w.tell}
}

// printIgnored writes at once, as [terminal.printEffect] does.
func (t terminal) printIgnored(hook, reason string) {
	fmt.Fprintf(t.out, "\nThe hook %s ignored an event: %s\n", hook, printable(reason))
}
