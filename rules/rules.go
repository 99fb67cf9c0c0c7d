package rules

import (
	"encoding/json"
	"net/http"
	"net/url"
)

// Do says what becomes of an event.
type Do string

// What an outcome can do.
const (
	Succeed   Do = "succeed"   // complete the task; without an output, with the body
	Fail      Do = "fail"      // fail the task
	Heartbeat Do = "heartbeat" // tell the task that work continues
	Ignore    Do = "ignore"    // nothing; the task still waits
)

// Outcome is one rule: if an event matches, this is what becomes of it. An outcome
// without When and Schema matches every event.
type Outcome struct {
	When string `json:"when,omitempty"` // CEL, see [Program.Judge]
	// Schema is a JSON Schema that the body must match, beside When.
	Schema json.RawMessage `json:"schema,omitempty"`
	Do     Do              `json:"do"`
	// Output is what a success gives the task: a JSON Pointer into the body, or an
	// object whose values are JSON Pointers. Without it, the task gets the body.
	Output json.RawMessage `json:"output,omitempty"`
	// Error and Cause are what a failure tells the task: a text, or a JSON Pointer
	// into the body if it begins with a slash.
	Error string `json:"error,omitempty"`
	Cause string `json:"cause,omitempty"`
}

// MatchesAll reports whether the outcome matches every event.
func (o Outcome) MatchesAll() bool { return o.When == "" && !given(o.Schema) }

// EventSpec says where an event has its id and its type, as CEL expressions. "" means
// that it has none.
type EventSpec struct {
	ID   string `json:"id,omitempty"`
	Type string `json:"type,omitempty"`
}

// Source is what a [Program] is compiled from.
type Source struct {
	Event    EventSpec
	Outcomes []Outcome // the first that matches counts
	// Vars are the names of the registration's vars. Expressions cannot use others, except to
	// ask whether they are there.
	Vars []string
	// Otherwise is what becomes of an event that no outcome matches: [Ignore] or
	// [Succeed].
	Otherwise Do
}

// Post is what is judged.
type Post struct {
	JSON   []byte // the body, as JSON
	Header http.Header
	Query  url.Values
	Vars   map[string]json.RawMessage // of the link
	// Answered reports whether the event with an id has already answered the task. It is
	// not judged again: senders repeat an event with other bytes. nil if none has.
	Answered func(id string) bool
}

// Event is what a post tells about itself.
type Event struct {
	ID, Type string // "" if it has none
}

// Result is what becomes of a post.
type Result struct {
	Event
	Answered     bool // the event has already answered the task; then nothing else is known of it
	Rule         int  // the outcome that matched; -1 for none
	Do           Do
	Output       []byte // of [Succeed]: JSON, each byte as it was sent
	Error, Cause string // of [Fail]
}
