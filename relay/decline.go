package relay

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"callback-relay/forms"
)

// Decline is what somebody has said who has a link that is not for them. It decides
// nothing: the workflow's side can add a link for somebody else. It prints without Note.
type Decline struct {
	Link     string // its name
	Number   byte   // its number: a link that replaces it has the same name
	Approver string // of the link; "" if it has none
	At       time.Time
	Note     Payload // what they wrote; nil for nothing
}

// The bounds of what people say who decline. Of each link only the newest is kept, and of
// all links the newest MaxDeclines.
const (
	MaxNoteChars = 500
	MaxDeclines  = MaxLinks
)

// decline records that the person who has the link says that it is not for them. Neither
// the word nor the code is asked for, since nothing is decided.
func (s *Service) decline(ctx context.Context, link LinkRef, v View, sub Submission) error {
	if err := s.checkForm(link, v, sub); err != nil {
		return err
	}
	note := cleanText(sub.Note)
	if utf8.RuneCountInString(note) > MaxNoteChars {
		return mistake(InputNote, forms.ProblemTooLong, fmt.Sprint(MaxNoteChars))
	}
	d := Decline{Link: v.Link.Name, Number: v.Link.Number, Approver: v.Link.Approver, At: v.Now}
	if note != "" {
		d.Note = Payload(note)
	}
	// The whole submission has arrived: see [Service.answer].
	return s.store.Decline(context.WithoutCancel(ctx), link, d)
}

// declinedAt returns when somebody said last that the link is not for them; the zero time
// for never.
func (v View) declinedAt() time.Time {
	for _, d := range v.Declined {
		if d.Number == v.Link.Number {
			return d.At
		}
	}
	return time.Time{}
}
