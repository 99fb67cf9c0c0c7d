package relay

import (
	"fmt"
	"log/slog"
)

// redacted is what every secret prints as.
const redacted = "[redacted]"

// TaskToken is the secret by which AWS Step Functions identifies one waiting task:
// 1 to 2048 characters, opaque. It looks like base64 but is not always valid
// base64, so it is never decoded.
//
// It prints as "[redacted]" with every verb of fmt, in slog and in JSON.
type TaskToken string

// Reveal returns the task token itself, to be sent to Step Functions or sealed.
func (t TaskToken) Reveal() string { return string(t) }

// Format implements [fmt.Formatter], so that no verb prints the secret.
func (TaskToken) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue implements [slog.LogValuer].
func (TaskToken) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements [encoding.TextMarshaler], and so covers JSON.
func (TaskToken) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Payload is what a third party posted: the output of a success, or the cause
// of a failure. It prints as "[redacted]", like [TaskToken].
type Payload []byte

// Format implements [fmt.Formatter], so that no verb prints the payload.
func (Payload) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue implements [slog.LogValuer].
func (Payload) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements [encoding.TextMarshaler], and so covers JSON.
func (Payload) MarshalText() ([]byte, error) { return []byte(redacted), nil }
