package api

import "time"

// States of a callback. All but StatePending and StateAnswered are final.
const (
	StatePending   = "pending"   // waiting for an answer
	StateAnswered  = "answered"  // an outcome is stored and being delivered
	StateDelivered = "delivered" // Step Functions has the outcome
	StateRefused   = "refused"   // Step Functions will not take the outcome
	StateExpired   = "expired"   // the deadline passed, and nothing was sent to the task
	StateCancelled = "cancelled" // withdrawn before anyone answered
)

// Types of outcome.
const (
	OutcomeSuccess = "success"
	OutcomeFailure = "failure"
)

// Callback is one registered task, without its task token and its payload.
type Callback struct {
	ID        string            `json:"id"`
	State     string            `json:"state"`
	CreatedAt time.Time         `json:"createdAt"`
	ExpiresAt time.Time         `json:"expiresAt"`
	OnExpiry  string            `json:"onExpiry"`
	Tags      map[string]string `json:"tags,omitempty"`
	// URL is the URL of the link named default, if there is one.
	URL   string          `json:"url,omitempty"`
	Links map[string]Link `json:"links"`
	// Awaits are the events that the callback waits for, by name.
	Awaits map[string]Await `json:"awaits,omitempty"`
	// Decisions lists what people decided, in order, without what they wrote, which is in
	// the output.
	Decisions []Decision `json:"decisions,omitempty"`
	// Declined lists the links whose users said that they are not for them, in order.
	Declined []Decline `json:"declined,omitempty"`
	Outcome  *Outcome  `json:"outcome,omitempty"`
	Delivery *Delivery `json:"delivery,omitempty"`
}

// Link is one URL of a callback.
type Link struct {
	Type string `json:"type"`
	URL  string `json:"url"`
	// Page says that the link opens a page for a person.
	Page     bool   `json:"page,omitempty"`
	Approver string `json:"approver,omitempty"`
	// Code is what the page asks for if confirm is code. Only the answers to a
	// registration and to adding the link contain it.
	Code string `json:"code,omitempty"`
	// Guarded says that the link takes only what its sender, outcomes or envelope allow.
	Guarded bool `json:"guarded,omitempty"`
	// Secret is the value that the sender has to post, if the relay chose it. Only the
	// answers to a registration and to adding the link contain it.
	Secret string `json:"secret,omitempty"`
	// Closed says that the link was withdrawn, or that a wrong code was entered too
	// often.
	Closed bool `json:"closed,omitempty"`
}

// Await says whose events a callback waits for.
type Await struct {
	Sender string `json:"sender"`
	// Key is a digest of what they must be about, as in [KeptEvent.Key]. Only the view of one
	// callback and the answer to a registration contain it.
	Key string `json:"key,omitempty"`
	// Closed says that the await was withdrawn.
	Closed bool `json:"closed,omitempty"`
}

// Words of a decision. Others are values of the choices of the approval.
const (
	DecisionApproved = "approved"
	DecisionRejected = "rejected"
)

// Decision is what one person decided.
type Decision struct {
	Decision string    `json:"decision"`
	By       Decider   `json:"by"`
	At       time.Time `json:"at"`
}

// Decline is what somebody said who has a link that is not for them. It decides nothing.
type Decline struct {
	// Link is the name of the link.
	Link string `json:"link"`
	// Approver is for whom the link is; "" if the registration does not say.
	Approver string    `json:"approver,omitempty"`
	At       time.Time `json:"at"`
	// Note is what they wrote.
	Note string `json:"note,omitempty"`
}

// Decider is who decided.
type Decider struct {
	// Link is the name of the link.
	Link     string `json:"link"`
	Approver string `json:"approver"`
	// Typed says that the name was typed on the page and is not verified.
	Typed bool `json:"typed,omitempty"`
	// Verified is who it was, if a proxy in front of the pages signed it.
	Verified *Person `json:"verified,omitempty"`
}

// Person is somebody who is signed in at a proxy in front of the pages. Issuer and Subject
// together name one person.
type Person struct {
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"`
	Email   string `json:"email"` // "" if the proxy does not say it
}

// Outcome is what the relay sends to the task.
type Outcome struct {
	Type string `json:"type"`
	// By is the name of the link that was answered, or "expiry".
	By string    `json:"by"`
	At time.Time `json:"at"`
	// Error is the error name of a failure, such as Callback.Expired.
	Error string `json:"error,omitempty"`
}

// Delivery is the progress of an outcome's delivery to Step Functions.
type Delivery struct {
	Attempts int `json:"attempts"`
	// Confirmed is nil until the outcome is delivered. False means that one attempt
	// had no clear result and the next found the task closed: most likely the first
	// attempt succeeded, but Step Functions has not confirmed it.
	Confirmed     *bool      `json:"confirmed,omitempty"`
	NextAttemptAt *time.Time `json:"nextAttemptAt,omitempty"`
	LastError     string     `json:"lastError,omitempty"`
	DeliveredAt   *time.Time `json:"deliveredAt,omitempty"`
}

// CallbackList is one page of callbacks.
type CallbackList struct {
	// Callbacks is never null on the wire: an empty page is an empty array.
	Callbacks []Callback `json:"callbacks"`
	// NextCursor is the cursor of the next page; it is empty on the last page.
	NextCursor string `json:"nextCursor,omitempty"`
	// Examined is how many callbacks were looked at to fill the page. ExaminedTo is how
	// far that reached in the order of the list.
	Examined   int        `json:"examined"`
	ExaminedTo *time.Time `json:"examinedTo,omitempty"`
}
