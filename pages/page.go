package pages

import (
	"net/url"
	"time"
)

// State is what there is to say about a link.
type State string

// The states, each with a page of its own.
const (
	Waiting     State = "waiting"      // the form is shown
	Counted     State = "counted"      // the reader's decision is in, others are still to decide
	Decided     State = "decided"      // final; Page.Decisions say by whom
	OnItsWay    State = "on-its-way"   // decided, stored, and being passed on to the workflow
	TooLate     State = "too-late"     // the deadline has passed
	Cancelled   State = "cancelled"    // withdrawn by who asked
	TaskClosed  State = "task-closed"  // the workflow no longer waits
	NotTaken    State = "not-taken"    // decided, and the workflow would not have it
	LinkClosed  State = "link-closed"  // withdrawn, or a wrong code was entered too often
	Unknown     State = "unknown"      // no such link
	Trouble     State = "trouble"      // our side; with a form, it is posted again as it was typed
	ForeignSite State = "foreign-site" // the form came from another site and was refused
	Alive       State = "alive"        // a heartbeat was passed on
	TooMuch     State = "too-much"     // more was sent than is read
	Unreadable  State = "unreadable"   // what was sent is no form that can be read
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

// Page is what there is to show. Only State must be set, and Form with
// [Waiting].
type Page struct {
	State     State
	Title     string // the heading while waiting, else what the page is about
	Message   string // Markdown
	Details   []Detail
	Until     time.Time // zero: not shown
	Reference string    // short, for a question to those who run the relay
	Form      *Form     // shown with Waiting, posted again with Trouble
	Posted    bool      // with Trouble and no form: what was posted is known to the browser alone
	Progress  *Progress // shown when more than one approval or rejection is needed
	Decisions []Decision
	Text      string // what the workflow's author says after a decision
	Redirect  string // https URL, shown as a link and never followed by itself
}

// Detail is one line of facts. A value that is an https URL becomes a link.
type Detail struct {
	Name, Value string
}

// Progress is how far a decision of several people has come.
type Progress struct {
	Required, Approved   int
	Rejections, Rejected int // needed, and in
}

// Decision is what somebody decided. The last of a page's decisions is the one
// that settled it.
type Decision struct {
	Approved bool   // with ActionApproval
	Action   Action // "" is ActionApproval
	Approver string // "" is somebody
	Typed    bool   // the name was typed on the page
	Yours    bool
	At       time.Time
}

// Form is what the reader is asked for. Its inputs are named nonce, decision,
// approver, comment, confirm, and field.<name> for each field; decision is
// approved, rejected or confirmed.
type Form struct {
	Action       Action // "" is ActionApproval
	Nonce        string
	Approver     string // "" asks for a name
	ApproveLabel string // of the one button too; "" is the catalogue's
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
	Required          bool   // a boolean is answered either way
	Choices           []Choice
	Minimum, Maximum  string // of numbers and dates
	MaxLength         int    // characters of texts, 0 is not said
	Default           string // "true" ticks a boolean; times are in UTC, without saying so
}

// Choice is one of the values that a field can take.
type Choice struct {
	Value, Label string
}

// Problem is what is wrong with an input.
type Problem struct {
	Input string // the name in the form, as "comment" or "field.seats"
	Kind  string // a problem.<kind> of the catalogue; any other is "invalid"
	Limit string // what was passed, or how many tries are left
}
