package api

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"time"
)

// Types of link that a callback can have.
const (
	LinkWebhook   = "webhook"   // a POST completes the task; its body is the output
	LinkSuccess   = "success"   // a POST completes the task with a fixed output
	LinkFailure   = "failure"   // a POST fails the task
	LinkHeartbeat = "heartbeat" // a POST tells Step Functions that work continues
	LinkApproval  = "approval"  // a page on which a person decides
)

// What happens if nobody answers in time.
const (
	OnExpiryFail   = "fail"   // the task fails with the error Callback.Expired
	OnExpiryIgnore = "ignore" // nothing is sent to the task
)

// CreateRequest registers a waiting task. Only TaskToken is required.
//
// It holds the task token in plain text. So every verb of fmt prints it without the
// token, and slog logs it without the token: as a value, a pointer or an exported
// field. But fmt reads an unexported field of another struct directly, and would
// print the token.
type CreateRequest struct {
	TaskToken string `json:"taskToken"`
	// ExpiresIn is a Go duration, or whole days such as "7d". Set either this or
	// ExpiresAt.
	ExpiresIn string                 `json:"expiresIn,omitempty"`
	ExpiresAt *time.Time             `json:"expiresAt,omitempty"`
	OnExpiry  string                 `json:"onExpiry,omitempty"`
	Tags      Tags                   `json:"tags,omitempty"`
	Links     map[string]LinkRequest `json:"links,omitempty"`
	// Awaits are the events that the callback waits for, by name. A link and an await
	// cannot have the same name.
	Awaits   map[string]AwaitRequest `json:"awaits,omitempty"`
	Approval *Approval               `json:"approval,omitempty"`
}

// LinkRequest asks for one link of a callback.
type LinkRequest struct {
	Type string `json:"type"`
	// Page makes the link open a page with one button for a person.
	Page bool `json:"page,omitempty"`
	// Output is the output that a success link gives the task: any JSON; {} if nil.
	Output json.RawMessage `json:"output,omitempty"`
	// Error and Cause are what a failure link sends to the task.
	Error string `json:"error,omitempty"`
	Cause string `json:"cause,omitempty"`
	// Approver is the person who decides through an approval link.
	Approver Approver `json:"approver,omitzero"`
	// Title and Message replace the approval's on the link's page. A page must have a
	// title, its own or the approval's.
	Title   string `json:"title,omitempty"`
	Message string `json:"message,omitempty"`
	// ButtonLabel is the label of the button on a success, failure or heartbeat page.
	ButtonLabel string        `json:"buttonLabel,omitempty"`
	Response    *LinkResponse `json:"response,omitempty"`

	// For webhook links: who may post, and what their events mean. With any of these
	// the link is guarded.

	// Sender is the name of a configured sender as a JSON string, or an object with a
	// preset and its secret.
	Sender json.RawMessage `json:"sender,omitempty"`
	// Vars are values that the outcomes can use. Their names are those of CEL.
	Vars map[string]json.RawMessage `json:"vars,omitempty"`
	// Outcomes are tried in turn; the first that matches an event counts.
	Outcomes []EventOutcome `json:"outcomes,omitempty"`
	// Otherwise is what becomes of an event that no outcome matches.
	Otherwise string    `json:"otherwise,omitempty"`
	Envelope  *Envelope `json:"envelope,omitempty"`
}

// AwaitRequest asks for the events of a sender's hook that are about one key.
type AwaitRequest struct {
	// Sender is the name of a configured sender that has a hook.
	Sender string `json:"sender"`
	// Key is a JSON text or a whole number. Whoever registers must know it, so it counts as
	// no secret, but it may be personal: responses do not have it.
	Key json.RawMessage `json:"key"`
	// Vars, Outcomes, Otherwise and Envelope are those of a [LinkRequest].
	Vars      map[string]json.RawMessage `json:"vars,omitempty"`
	Outcomes  []EventOutcome             `json:"outcomes,omitempty"`
	Otherwise string                     `json:"otherwise,omitempty"`
	Envelope  *Envelope                  `json:"envelope,omitempty"`
}

// Sender says who posts, and how one knows: by a preset, or by a proof of one's own.
//
// It holds secrets in plain text, and prints them redacted as [CreateRequest] does its
// task token.
type Sender struct {
	// Preset is the name of a known sender, such as github.
	Preset string `json:"preset,omitempty"`
	// Proof says how a sender without a preset proves itself.
	Proof json.RawMessage `json:"proof,omitempty"`
	// Secret and Secrets are all secrets that are valid now.
	Secret  string   `json:"secret,omitempty"`
	Secrets []string `json:"secrets,omitempty"`
	// Account is whose events count, for senders whose signature does not say it.
	Account string `json:"account,omitempty"`
	// Header is the header of the preset header-secret, and User the user name of
	// basic-auth.
	Header string `json:"header,omitempty"`
	User   string `json:"user,omitempty"`
	// URL is the URL that the sender signs, if a gateway gives it another than the link.
	URL string `json:"url,omitempty"`
	// Event says where events have their id and type; without it, the preset says so.
	Event *EventPlace `json:"event,omitempty"`
}

// EventPlace is where events have their id and type, as CEL expressions; "" for none.
type EventPlace struct {
	ID   string `json:"id,omitempty"`
	Type string `json:"type,omitempty"`
}

// Format prints the sender without its secrets, for every verb.
func (s Sender) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "{preset:%s secrets:[redacted]}", s.Preset)
}

// LogValue returns the sender without its secrets.
func (s Sender) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(s)) }

// What becomes of an event.
const (
	DoSucceed   = "succeed"   // complete the task
	DoFail      = "fail"      // fail the task
	DoHeartbeat = "heartbeat" // tell the task that work continues
	DoIgnore    = "ignore"    // nothing; the task still waits
)

// EventOutcome is what becomes of the events that it matches: all, without When and Schema.
type EventOutcome struct {
	// When is a CEL expression over body, headers, query, event and vars.
	When string `json:"when,omitempty"`
	// Schema is a JSON Schema that the body must match too.
	Schema json.RawMessage `json:"schema,omitempty"`
	Do     string          `json:"do"`
	// Output is a JSON Pointer into the body, or an object of them; without it the
	// output is the body.
	Output json.RawMessage `json:"output,omitempty"`
	// Error and Cause are texts, or JSON Pointers if they begin with a slash.
	Error string `json:"error,omitempty"`
	Cause string `json:"cause,omitempty"`
}

// Envelope asks for an output that holds the body and what came with it.
type Envelope struct {
	// Headers are the names of the headers to include.
	Headers []string `json:"headers,omitempty"`
}

// AddLinkRequest asks for one more link of a pending callback.
type AddLinkRequest struct {
	// Name is the link's name. A link that has it already is closed and replaced.
	Name string `json:"name"`
	LinkRequest
}

// LinkResponse is what the user of a link gets in addition to the result.
type LinkResponse struct {
	Text string `json:"text,omitempty"`
	// Redirect is an https URL that a page offers as a link to continue.
	Redirect string `json:"redirect,omitempty"`
}

// UpdateRequest changes the deadline of a pending callback. Exactly one field is
// required.
type UpdateRequest struct {
	ExpiresIn string     `json:"expiresIn,omitempty"`
	ExpiresAt *time.Time `json:"expiresAt,omitempty"`
}

// LogValue returns the request without its secrets: without the task token, and
// without the texts of links and awaits.
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
		types := make(map[string]string, len(r.Links))
		for name, link := range r.Links {
			types[name] = link.Type
		}
		attrs = append(attrs, slog.Any("links", types))
	}
	if len(r.Awaits) > 0 {
		attrs = append(attrs, slog.Any("awaits", slices.Sorted(maps.Keys(r.Awaits))))
	}
	return slog.GroupValue(attrs...)
}

// String is LogValue as text.
func (r CreateRequest) String() string { return r.LogValue().String() }

// GoString is String: Go syntax would show the task token.
func (r CreateRequest) GoString() string { return r.String() }

// Format prints String for every verb. Without Format, a verb that is not meant for
// text, such as %d, would print the fields and show the task token.
func (r CreateRequest) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }
