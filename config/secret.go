package config

import (
	"fmt"
	"log/slog"
)

// redacted is what every secret prints as.
const redacted = "[redacted]"

// Secret is a setting that must not be shown. It prints as "[redacted]" with
// every verb of fmt, in slog and in JSON.
type Secret string

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// Format implements [fmt.Formatter], so that no verb prints the secret.
func (Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue implements [slog.LogValuer].
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements [encoding.TextMarshaler], and so covers JSON.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
