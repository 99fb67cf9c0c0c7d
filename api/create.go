package api

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Kinds of link a callback can have.
const (
	LinkWebhook   = "webhook"   // a POST completes the task; its body is the output
	LinkSuccess   = "success"   // a POST completes the task with a fixed output
	LinkFailure   = "failure"   // a POST fails the task
	LinkHeartbeat = "heartbeat" // a POST tells Step Functions that work goes on
	LinkApproval  = "approval"  // a page on which a person decides
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
	Approval  *Approval              `json:"approval,omitempty"`
}

// LinkRequest asks for one link of a callback.
type LinkRequest struct {
	Type string `json:"type"`
	// Page makes the link one that a person opens, and presses a button there.
	Page bool `json:"page,omitempty"`
	// Output is the task's output by a success link, any JSON; {} without it.
	Output json.RawMessage `json:"output,omitempty"`
	// Error and Cause are what a failure link tells the task.
	Error string `json:"error,omitempty"`
	Cause string `json:"cause,omitempty"`
	// Approver names whose approval link it is.
	Approver string `json:"approver,omitempty"`
	// Title and Message are shown by the link's page in place of the approval's.
	// A page has to have a title, of its own or the approval's.
	Title   string `json:"title,omitempty"`
	Message string `json:"message,omitempty"`
	// ButtonLabel is what the button of a success, failure or heartbeat page says.
	ButtonLabel string        `json:"buttonLabel,omitempty"`
	Response    *LinkResponse `json:"response,omitempty"`
}

// AddLinkRequest asks for one more link of a callback that waits.
type AddLinkRequest struct {
	// Name is the link's. One that has it already is replaced, and closed.
	Name string `json:"name"`
	LinkRequest
}

// LinkResponse is what whoever used a link is told.
type LinkResponse struct {
	Text string `json:"text,omitempty"`
	// Redirect is an https URL that a page offers to go on to.
	Redirect string `json:"redirect,omitempty"`
}

// Whether an approval's page asks for a comment.
const (
	CommentOptional         = "optional"
	CommentRequired         = "required"
	CommentRequiredOnReject = "required-on-reject"
	CommentNone             = "none"
)

// What a rejection does to the task.
const (
	OnRejectSuccess = "success" // it succeeds, and the output says rejected
	OnRejectFailure = "failure" // it fails with the error Callback.Rejected
)

// What a page asks for besides a press of a button.
const (
	ConfirmWord = "word" // a word that the page shows
	ConfirmCode = "code" // six digits that the answer to a registration has
)

// Approval is what the pages of a callback show and ask.
type Approval struct {
	Title string `json:"title,omitempty"`
	// Message is Markdown.
	Message string `json:"message,omitempty"`
	// Details is an object of texts, shown in its order.
	Details      json.RawMessage `json:"details,omitempty"`
	ApproveLabel string          `json:"approveLabel,omitempty"`
	RejectLabel  string          `json:"rejectLabel,omitempty"`
	Comment      string          `json:"comment,omitempty"`
	// Fields is a JSON Schema of an object: one input for each property.
	Fields   json.RawMessage `json:"fields,omitempty"`
	OnReject string          `json:"onReject,omitempty"`
	Confirm  string          `json:"confirm,omitempty"`
	// Required and Rejections are how many different people have to approve,
	// and how many may reject before it is rejected. Both are 1 unless given.
	Required   int `json:"required,omitempty"`
	Rejections int `json:"rejections,omitempty"`
}

// UpdateRequest changes a pending callback. One of the two is required.
type UpdateRequest struct {
	ExpiresIn string     `json:"expiresIn,omitempty"`
	ExpiresAt *time.Time `json:"expiresAt,omitempty"`
}

// LogValue returns what may be known of the request: neither the task token nor
// what the links say.
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
	return slog.GroupValue(attrs...)
}

// String is LogValue as text.
func (r CreateRequest) String() string { return r.LogValue().String() }

// GoString is String: Go syntax would show the task token.
func (r CreateRequest) GoString() string { return r.String() }

// Format prints String for every verb. Without it a verb that is not meant for
// text, such as %d, would walk the fields and show the task token.
func (r CreateRequest) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }
