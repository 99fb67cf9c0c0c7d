package pages

import (
	"net/url"
	"time"
)

// State is what the page of a link has to say.
type State string

// The states, each with a page of its own.
const (
	Waiting     State = "waiting"      // the form is shown
	Counted     State = "counted"      // the reader has decided, others still have to
	Decided     State = "decided"      // final; Page.Decisions say by whom
	OnItsWay    State = "on-its-way"   // decided, stored, and being passed on to the workflow
	TooLate     State = "too-late"     // the deadline has passed
	Cancelled   State = "cancelled"    // the callback was withdrawn
	TaskClosed  State = "task-closed"  // the workflow no longer waits
	NotTaken    State = "not-taken"    // decided, but the workflow refused it
	LinkClosed  State = "link-closed"  // withdrawn, or a wrong code was entered too often
	Unknown     State = "unknown"      // no such link
	Trouble     State = "trouble"      // a fault on our side; a form can be sent again as it was typed
	ForeignSite State = "foreign-site" // the form came from another site and was refused
	Alive       State = "alive"        // a heartbeat was passed on
	TooMuch     State = "too-much"     // the form is too large
	Unreadable  State = "unreadable"   // the body cannot be read as a form
	ForPrograms State = "for-programs" // a link that programs post to, opened in a browser
)

// Action is what a link does when its button is pressed.
type Action string

// The actions. An approval has two buttons, the others have one.
const (
	ActionApproval  Action = "approval"
	ActionSuccess   Action = "success"
	ActionFailure   Action = "failure"
	ActionHeartbeat Action = "heartbeat"
)

// Page is the contents of a page. Only State is required, and Form for [Waiting].
type Page struct {
	State     State
	Title     string // the heading while waiting, otherwise what the page is about
	Message   string // Markdown
	Details   []Detail
	Until     time.Time // zero: not shown
	Reference string    // a short id, to quote to those who run the relay
	Form      *Form     // shown with Waiting, posted again with Trouble
	Posted    bool      // with Trouble and no form: only the browser still has what was posted
	Progress  *Progress // shown when more than one approval or rejection is needed
	Decisions []Decision
	Text      string // what the workflow's author says after a decision
	Redirect  string // https URL, shown as a link and not followed by itself
}

// Detail is one fact. A value that is an https URL becomes a link.
type Detail struct {
	Name, Value string
}

// Progress counts what several people have decided so far.
type Progress struct {
	Required, Approved   int
	Rejections, Rejected int // needed, and received
}

// Decision is what somebody decided. The last of a page's decisions settled it.
type Decision struct {
	Approved bool   // with ActionApproval
	Action   Action // "" is ActionApproval
	Approver string // "" if the name is unknown
	Typed    bool   // the name was typed on the page
	Yours    bool
	At       time.Time
}

// Form is what the page asks the reader for. Its inputs are named nonce, decision,
// approver, comment, confirm, and field.<name> for each field. decision is approved,
// rejected or confirmed.
type Form struct {
	Action       Action // "" is ActionApproval
	Nonce        string
	Approver     string // "" asks for a name
	ApproveLabel string // also of a single button; "" for the catalogue's label
	RejectLabel  string
	Comment      string // optional, required, required-on-reject or none; "" is none
	Fields       []Field
	Confirm      string     // "", word or code
	Word         string     // to be typed when Confirm is word
	Values       url.Values // what was typed before; nil shows the defaults
	Problems     []Problem
	Stale        bool // the nonce was missing or too old
}

// Field is one input of the workflow's own.
type Field struct {
	Name, Label, Help string
	Kind              string // text, longtext, number, integer, boolean, choice, date, datetime, time, email or url
	Required          bool   // for a boolean, both true and false are answers
	Choices           []Choice
	Minimum, Maximum  string // of numbers and dates
	MaxLength         int    // of texts, in characters; 0 for none
	Default           string // "true" ticks a boolean; times are in UTC, without a zone
}

// Choice is one of the options of a field.
type Choice struct {
	Value, Label string
}

// Problem is what is wrong with an input.
type Problem struct {
	Input string // the name in the form, such as "comment" or "field.seats"
	Kind  string // a problem.<kind> of the catalogue; any other kind counts as "invalid"
	Limit string // the limit that was exceeded, or how many tries are left
}
