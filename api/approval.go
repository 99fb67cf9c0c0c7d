package api

import "encoding/json"

// Whether an approval's page asks for a comment.
const (
	CommentOptional         = "optional"
	CommentRequired         = "required"
	CommentRequiredOnReject = "required-on-reject"
	CommentNone             = "none"
)

// What a rejection does to the task.
const (
	OnRejectSuccess = "success" // the task succeeds, and the output says rejected
	OnRejectFailure = "failure" // the task fails with the error Callback.Rejected
)

// What a page asks for besides a press of a button.
const (
	ConfirmWord = "word" // a word that the page shows
	ConfirmCode = "code" // six digits from the answer to the registration
)

// VerifyRequired lets only people decide who are signed in.
const VerifyRequired = "required"

// Approval is what the pages of a callback show and ask.
type Approval struct {
	Title string `json:"title,omitempty"`
	// Message is Markdown.
	Message string `json:"message,omitempty"`
	// Details is an object, shown in its order. Its values are texts, numbers, booleans,
	// or objects of a text and a url.
	Details json.RawMessage `json:"details,omitempty"`
	// RequestedBy is who asks, and how to reach them.
	RequestedBy  string `json:"requestedBy,omitempty"`
	ApproveLabel string `json:"approveLabel,omitempty"`
	RejectLabel  string `json:"rejectLabel,omitempty"`
	// Choices are further answers, beside approving and rejecting.
	Choices []Choice `json:"choices,omitempty"`
	Comment string   `json:"comment,omitempty"`
	// Fields is a JSON Schema of an object: each property becomes an input.
	Fields   json.RawMessage `json:"fields,omitempty"`
	OnReject string          `json:"onReject,omitempty"`
	Confirm  string          `json:"confirm,omitempty"`
	// Verify, if it is VerifyRequired, lets only people decide who are signed in at the proxy
	// in front of the pages; NotBy are the mail addresses or subjects of those who must not.
	Verify string   `json:"verify,omitempty"`
	NotBy  []string `json:"notBy,omitempty"`
	// Required is how many different people must approve, and Rejections how many
	// must reject before the approval is rejected. The default is 1 for both.
	Required   int `json:"required,omitempty"`
	Rejections int `json:"rejections,omitempty"`
	// Forget removes what the pages show, comments and notes when the callback ends. Otherwise
	// they stay until the callback is removed.
	Forget bool `json:"forget,omitempty"`
}

// Choice is one more answer to an approval, with a button of its own.
type Choice struct {
	// Value is the decision in the output.
	Value string `json:"value"`
	Label string `json:"label"`
	// Style is [ButtonMain] or [ButtonDanger]; "" is a plain button.
	Style string `json:"style,omitempty"`
}

// Styles of the button of a choice.
const (
	ButtonMain   = "main"
	ButtonDanger = "danger"
)

// Approver is the person who decides through an approval link. In JSON it is the name alone,
// or an object.
type Approver struct {
	Name string `json:"name,omitempty"`
	// Email is the person's mail address, if the approval is verified: only this person may
	// decide.
	Email string `json:"email,omitempty"`
}

// MarshalJSON implements [json.Marshaler].
func (a Approver) MarshalJSON() ([]byte, error) {
	if a.Email == "" {
		return json.Marshal(a.Name)
	}
	type object Approver
	return json.Marshal(object(a))
}

// UnmarshalJSON implements [json.Unmarshaler].
func (a *Approver) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		return json.Unmarshal(text, &a.Name)
	}
	type object Approver
	return json.Unmarshal(text, (*object)(a))
}
