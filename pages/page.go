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
	SignIn      State = "sign-in"      // only people who are signed in can decide
	NotYou      State = "not-you"      // only somebody else can decide; Page.SignedIn says who this is
	Used        State = "used"         // somebody else has decided through the link
	NotByYou    State = "not-by-you"   // the reader is one of those who must not decide
	NoAddress   State = "no-address"   // some must not decide, and the reader's mail address is unknown
	Alive       State = "alive"        // a heartbeat was passed on
	TooMuch     State = "too-much"     // the form is too large
	Unreadable  State = "unreadable"   // the body cannot be read as a form
	ForPrograms State = "for-programs" // a link that programs post to, opened in a browser
	Declined    State = "declined"     // the reader said that this is not for them; nothing is decided
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
	Requester string    // who asks, and how to reach them; "" if unknown
	Requested time.Time // when; zero: not shown
	Until     time.Time // zero: not shown
	Now       time.Time // from which the page counts the time left; zero: it does not
	Reference string    // a short id, to quote to those who run the relay
	Form      *Form     // shown with Waiting, posted again with Trouble
	Posted    bool      // with Trouble and no form: only the browser still has what was posted
	Progress  *Progress // shown when more than one approval or rejection is needed
	Decisions []Decision
	SignedIn  string // who the reader is, as a proxy signed it; "" if unknown or without a matter
	For       string // with NotYou: who can decide; "" if the name is unknown
	Text      string // what the workflow's author says after a decision
	Redirect  string // https URL, shown as a link and not followed by itself
}

// Detail is one fact. With a URL, of the scheme https, mailto or tel, the value is the
// text of a link. Without one, a value that is itself such a URL or a mail address
// becomes a link.
type Detail struct {
	Name, Value, URL string
	Boolean          bool // Value is "true" or "false", and is shown as yes or no
}

// Progress counts what several people have decided so far.
type Progress struct {
	Required, Approved   int
	Rejections, Rejected int // needed, and received
}

// Decision is what somebody decided. The last of a page's decisions settled it.
type Decision struct {
	Approved bool   // with ActionApproval
	Choice   string // the label of another answer than these two; "" for none
	Action   Action // "" is ActionApproval
	Approver string // "" if the name is unknown
	Typed    bool   // the name was typed on the page
	Yours    bool
	At       time.Time
	Comment  string // "" if there is none
}

// Form is what the page asks the reader for. Its inputs are named nonce, decision,
// approver, comment, confirm, and field.<name> for each field. decision is approved,
// rejected, confirmed or the value of one of the Answers. With NotForMe there is also a
// second form, which sends the nonce, the decision not-for-me, and a note.
type Form struct {
	Action       Action // "" is ActionApproval
	Nonce        string
	Approver     string // "" asks for a name
	ApproveLabel string // also of a single button; "" for the catalogue's label
	RejectLabel  string
	Answers      []Answer  // beside approve and reject
	NotForMe     bool      // the reader may say that this is not for them
	Declined     time.Time // when the reader of this link said so; zero: never
	Comment      string    // optional, required, required-on-reject or none; "" is none
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
	Kind              string // text, longtext, number, integer, boolean, choice, choices, date, datetime, time, email or url
	Required          bool   // for a boolean, both true and false are answers
	Choices           []Choice
	Minimum, Maximum  string // of numbers and dates
	MaxLength         int    // of texts, in characters; 0 for none
	Default           string // "true" ticks a boolean; times are in UTC, without a zone
}

// Answer is one more answer to an approval, with a button of its own.
type Answer struct {
	Value, Label string
	Style        string // of the button: main, danger, or "" for a plain one
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
