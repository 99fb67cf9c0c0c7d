package api

import (
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Kinds of link a callback can have.
const (
	LinkWebhook   = "webhook"   // a POST completes the task
	LinkHeartbeat = "heartbeat" // a POST tells Step Functions that work goes on
)

// What happens to a callback that nobody answered in time.
const (
	OnExpiryFail   = "fail"   // the task fails with the error Callback.Expired
	OnExpiryIgnore = "ignore" // the task is told nothing
)

// CreateRequest registers a waiting task. Only TaskToken is required.
//
// It holds the task token in the clear, so it prints without it, whatever the
// verb, and logs without it through slog. That holds for a value, a pointer and
// an exported field; fmt reads an unexported field of another struct directly
// and would print it.
type CreateRequest struct {
	TaskToken string `json:"taskToken"`
	// ExpiresIn is a Go duration, or whole days such as "7d". It excludes ExpiresAt.
	ExpiresIn string                 `json:"expiresIn,omitempty"`
	ExpiresAt *time.Time             `json:"expiresAt,omitempty"`
	OnExpiry  string                 `json:"onExpiry,omitempty"`
	Tags      map[string]string      `json:"tags,omitempty"`
	Links     map[string]LinkRequest `json:"links,omitempty"`
}

// LinkRequest asks for one link of a callback.
type LinkRequest struct {
	Type string `json:"type"`
}

// LogValue returns what may be known of the request: all but the task token.
func (r CreateRequest) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("taskToken", "[redacted]")}
	if r.ExpiresIn != "" {
		attrs = append(attrs, slog.String("expiresIn", r.ExpiresIn))
	}
	if r.ExpiresAt != nil {
		attrs = append(attrs, slog.Time("expiresAt", *r.ExpiresAt))
	}
	if r.OnExpiry != "" {
		attrs = append(attrs, slog.String("onExpiry", r.OnExpiry))
	}
	if len(r.Tags) > 0 {
		attrs = append(attrs, slog.Any("tags", r.Tags))
	}
	if len(r.Links) > 0 {
		attrs = append(attrs, slog.Any("links", r.Links))
	}
	return slog.GroupValue(attrs...)
}

// String is LogValue as text.
func (r CreateRequest) String() string { return r.LogValue().String() }

// GoString is String: Go syntax would show the task token.
func (r CreateRequest) GoString() string { return r.String() }

// Format prints String for every verb. Without it a verb that is not meant for
// text, such as %d, would walk the fields and show the task token.
func (r CreateRequest) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }
