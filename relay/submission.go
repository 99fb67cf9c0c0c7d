package relay

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"callback-relay/forms"
)

// Submission is what a person sends from a page. Texts are as they were typed.
type Submission struct {
	Nonce    string
	Decision string // [Approved], [Rejected] or the value of a choice; [Confirmed] on a page with one button; or [NotForMe]
	Approver string // if the link has no approver
	Comment  string
	Note     string              // with [NotForMe]
	Confirm  string              // the word or the code
	Fields   map[string][]string // all values, by the name of the field
	Twice    []string            // inputs that came more than once, sorted
}

// NewSubmission reads the inputs of a form. Inputs that no page has are ignored.
func NewSubmission(typed map[string][]string) Submission {
	first := func(name string) string {
		if values := typed[name]; len(values) > 0 {
			return values[0]
		}
		return ""
	}
	sub := Submission{
		Nonce: first(InputNonce), Decision: first(InputDecision), Approver: first(InputApprover),
		Comment: first(InputComment), Note: first(InputNote), Confirm: first(InputConfirm), Fields: map[string][]string{},
	}
	for _, name := range slices.Sorted(maps.Keys(typed)) {
		if field, ok := fieldOf(name); ok {
			sub.Fields[field] = typed[name]
		}
		if len(typed[name]) > 1 {
			sub.Twice = append(sub.Twice, name)
		}
	}
	return sub
}

// The inputs of a page, as [FormError] names them. Those of the approval's own
// fields begin with InputField.
const (
	InputNonce    = "nonce"
	InputDecision = "decision"
	InputApprover = "approver"
	InputComment  = "comment"
	InputConfirm  = "confirm"
	InputNote     = "note"
	InputField    = "field."
)

// fieldOf returns which field of the approval an input is for.
func fieldOf(input string) (field string, ok bool) { return strings.CutPrefix(input, InputField) }

// Problems of inputs that are no fields of a schema.
const (
	ProblemNameTaken      forms.ProblemKind = "name-taken"      // somebody with this name has a link
	ProblemNameUsed       forms.ProblemKind = "name-used"       // somebody with this name has decided
	ProblemNameUnreadable forms.ProblemKind = "name-unreadable" // it has no visible characters, or control characters
	ProblemNameMixed      forms.ProblemKind = "name-mixed"      // a word of it has letters of several alphabets
	ProblemWrongWord      forms.ProblemKind = "wrong-word"
	ProblemWrongCode      forms.ProblemKind = "wrong-code" // Limit tells how many tries are left
	ProblemNotACode       forms.ProblemKind = "not-a-code" // not six digits, so not counted as a wrong code
	ProblemTwice          forms.ProblemKind = "twice"      // the form has the input more than once
)

// FormError reports a submission that its sender has to correct. Nothing was
// stored. The error's text does not quote what was typed.
type FormError struct {
	Stale    bool            // the nonce is missing, too old or from another page: show the page again
	Problems []forms.Problem // Field is the name of an input
}

// Error implements error.
func (e *FormError) Error() string {
	if e.Stale {
		return "the form is too old, or was not sent from the page of this link"
	}
	if len(e.Problems) == 1 {
		return "the form has 1 mistake"
	}
	return fmt.Sprintf("the form has %d mistakes", len(e.Problems))
}
