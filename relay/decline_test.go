package relay_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callback-relay/forms"
	"callback-relay/relay"
)

func (b *ballot) Decline(ctx context.Context, _ relay.LinkRef, d relay.Decline) error {
	b.declined, b.hungUp = append(b.declined, d), ctx.Err() != nil
	return b.declineErr
}

// Row 120: whoever says that a link is not for them decides nothing, on a page of any kind, and is
// asked for neither a word nor a code. The note is trimmed, and never printed.
func TestNotForMe(t *testing.T) {
	for _, kind := range []relay.LinkType{relay.LinkApproval, relay.LinkSuccess, relay.LinkFailure, relay.LinkHeartbeat} {
		for _, confirm := range []relay.Confirm{relay.ConfirmNone, relay.ConfirmWord, relay.ConfirmCode} {
			v, ref, sub := cast(t, func(v *relay.View) {
				v.Approval.Confirm, v.Approval.Comment = confirm, relay.CommentRequired
				v.Link.LinkKind = relay.LinkKind{Type: kind, Page: true}
				v.Request.Response = relay.Response{Text: "Thanks for deciding."}
			})
			ref.LinkKind = v.Link.LinkKind
			sub.Nonce = ref.NewNonce(v.Now)
			sub.Decision, sub.Confirm, sub.Note = relay.NotForMe, "", " Ask Ada.\r\n\r\nBye. "
			b := &ballot{views: []relay.View{v}, guessErr: errors.New("counted")}
			ctx, hangUp := context.WithCancel(t.Context())
			hangUp()
			page, duplicate, err := b.service().Submit(ctx, ref, nil, sub)
			if err != nil || duplicate || page.Standing != relay.StandingWaiting || page.Response.Text != "" || b.hungUp {
				t.Errorf("%s, %s: %s, duplicate: %v, %v, response %q, given up: %v", kind, confirm, page.Standing, duplicate, err, page.Response.Text, b.hungUp)
			}
			want := []relay.Decline{{Link: "dana", Approver: "Dana", At: v.Now, Note: relay.Payload("Ask Ada.\n\nBye.")}}
			if diff := cmp.Diff(want, b.declined); diff != "" || b.decided+b.answers+b.deliveries > 0 {
				t.Errorf("%s, %s: %d decisions, declined (-want +got)\n%s", kind, confirm, b.decided+b.answers, diff)
			}
			if printed := fmt.Sprintf("%v %+v %#v", b.declined, b.declined, b.declined); strings.Contains(printed, "Ada") {
				t.Errorf("printed as %s", printed)
			}
		}
	}
}

// A form of somebody else, a second decision and a note that is too long record nothing.
func TestNotForMeRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*relay.Submission)
		want   relay.FormError
	}{
		"no nonce": {func(sub *relay.Submission) { sub.Nonce = "" }, relay.FormError{Stale: true}},
		"two decisions": {func(sub *relay.Submission) { sub.Twice = []string{relay.InputDecision} },
			relay.FormError{Problems: []forms.Problem{{Field: relay.InputDecision, Kind: relay.ProblemTwice}}}},
		"two notes": {func(sub *relay.Submission) { sub.Twice = []string{relay.InputNote} },
			relay.FormError{Problems: []forms.Problem{{Field: relay.InputNote, Kind: relay.ProblemTwice}}}},
		"a long note": {func(sub *relay.Submission) { sub.Note = strings.Repeat("ä", 501) },
			relay.FormError{Problems: []forms.Problem{{Field: relay.InputNote, Kind: forms.ProblemTooLong, Limit: "500"}}}},
	} {
		v, ref, sub := cast(t)
		sub.Decision = relay.NotForMe
		c.change(&sub)
		b := &ballot{views: []relay.View{v}}
		page, _, err := b.service().Submit(t.Context(), ref, nil, sub)
		form := (*relay.FormError)(nil)
		if !errors.As(err, &form) || form.Stale != c.want.Stale || !slices.Equal(form.Problems, c.want.Problems) || len(b.declined) > 0 {
			t.Errorf("%s: %+v (%v), recorded %d times", name, form, err, len(b.declined))
		}
		if page.Form == nil || page.Form.Inputs[relay.InputNote].Chars != relay.MaxNoteChars {
			t.Errorf("%s: the form has the inputs %v", name, page.Form.Inputs)
		}
	}
	v, ref, sub := cast(t)
	sub.Decision, sub.Note = relay.NotForMe, strings.Repeat("ä", 500)
	b := &ballot{views: []relay.View{v}}
	if _, _, err := b.service().Submit(t.Context(), ref, nil, sub); err != nil || len(b.declined) != 1 {
		t.Errorf("the longest note: %v", err)
	}
}

// Row 120: it is too late when the callback has ended, also for whoever ended it; and if that
// happens at the same moment, the page says so.
func TestNotForMeTooLate(t *testing.T) {
	success := func(v *relay.View) {
		v.Link.LinkKind = relay.LinkKind{Type: relay.LinkSuccess, Page: true}
		v.Decisions = nil
	}
	for name, c := range map[string]struct {
		then []func(*relay.View)
		want error
	}{
		"another has decided": {[]func(*relay.View){decidedBy(1, "Lee", true)}, relay.ErrAlreadyAnswered},
		"I have decided":      {[]func(*relay.View){decidedBy(0, "Dana", true)}, relay.ErrAlreadyAnswered},
		"I have confirmed":    {[]func(*relay.View){decidedBy(0, "Dana", true), success}, relay.ErrAlreadyAnswered},
		"cancelled":           {[]func(*relay.View){func(v *relay.View) { v.State = relay.StateCancelled }}, relay.ErrCancelled},
		"counted": {[]func(*relay.View){decidedBy(0, "Dana", true), func(v *relay.View) {
			v.State, v.Outcome, v.Approval.Required = relay.StatePending, nil, 2
		}}, relay.ErrAlreadyAnswered},
	} {
		after, ref, sub := cast(t, c.then...)
		before, _, _ := cast(t)
		ref.LinkKind, before.Link.LinkKind = after.Link.LinkKind, after.Link.LinkKind
		sub.Decision, sub.Nonce = relay.NotForMe, ref.NewNonce(before.Now)
		for when, views := range map[string][]relay.View{"before": {after}, "at the same moment": {before, after}} {
			b := &ballot{views: views, declineErr: relay.ErrAlreadyAnswered}
			_, duplicate, err := b.service().Submit(t.Context(), ref, nil, sub)
			if !errors.Is(err, c.want) || duplicate || len(b.declined) != len(views)-1 {
				t.Errorf("%s %s: %v, duplicate: %v, recorded %d times", name, when, err, duplicate, len(b.declined))
			}
		}
	}
}

// Opened again, the page shows its form, and when somebody said last that the link is not
// for them. What was said through other links is not shown.
func TestNotForMeIsShown(t *testing.T) {
	said := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for number, want := range map[byte]time.Time{0: said, 1: {}} {
		v, ref, _ := cast(t, func(v *relay.View) { v.Declined = []relay.Decline{{Number: number, At: said}} })
		page, err := (&ballot{views: []relay.View{v}}).service().Page(t.Context(), ref, nil)
		if err != nil || page.Form == nil || !page.Form.Declined.Equal(want) {
			t.Errorf("by link %d: %+v, %v, want %s", number, page.Form, err, want)
		}
	}
}
