package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"callback-relay/relay"
)

// decision is the stored form of a [relay.Decision], and remark is what the person
// wrote with it. Remarks are deleted as soon as the outcome contains them, because
// fields are a part of the payload. Decisions stay, to be shown, and so do the comments
// alone, unless the callback is to be forgotten.
type decision struct {
	relay.Decision
	Number *int  `json:"number,omitempty"` // of the link; earlier releases wrote only its name
	At     int64 `json:"at"`               // milliseconds
}

type remark struct {
	Comment string `json:"comment,omitempty"`
	Fields  string `json:"fields"`
}

func encodeDecisions(all []relay.Decision) (decisions, remarks, comments string) {
	ds, rs, cs := make([]decision, len(all)), make([]remark, len(all)), make([]string, len(all))
	for i, d := range all {
		number := int(d.Number)
		ds[i] = decision{d, &number, d.At.UnixMilli()}
		rs[i], cs[i] = remark{string(d.Comment), string(d.Fields)}, string(d.Comment)
	}
	return encoded(ds), encoded(rs), encoded(cs)
}

// relay returns the decision. A decision without a number was made with a
// registered link.
func (d decision) relay(registered spec) relay.Decision {
	number := slices.IndexFunc(registered.Links, func(link specLink) bool { return link.Name == d.Link })
	if d.Number != nil {
		number = *d.Number
	}
	d.Decision.Number = byte(number) //nolint:gosec // links have no other numbers
	d.Decision.At = time.UnixMilli(d.At).UTC()
	return d.Decision
}

// Decide implements [relay.Store].
func (s *Store) Decide(ctx context.Context, link relay.LinkRef, all []relay.Decision, o *relay.Outcome) (relay.Recorded, error) {
	id, before := link.ID, strconv.Itoa(len(all)-1)
	decisions, remarks, comments := encodeDecisions(all)
	sealed, said := s.seal(id, decisionsField, decisions), s.seal(id, commentsField, comments)
	if o != nil {
		return s.answer(ctx, link, *o, nil, decided{before, sealed, said})
	}
	got, err := s.runDurably(ctx, decideScript, []string{callbackKey(id)},
		string(relay.StatePending), strconv.Itoa(int(link.Number)), before, sealed, s.seal(id, remarksField, remarks),
		link.LinkKind.String(), string(link.Generation), said)
	if err != nil {
		return relay.Recorded{}, fmt.Errorf("decide %s: %w", id, err)
	}
	if got.verdict() != "recorded" {
		return relay.Recorded{}, s.refusal(ctx, "decide", id, &link, got)
	}
	return relay.Recorded{State: relay.StatePending}, nil
}

// readRemarks adds to decisions what the people wrote, as far as it is kept.
func (s *Store) readRemarks(id relay.CallbackID, got reply, decisions []relay.Decision) error {
	var remarks []remark
	var comments []string
	if err := cmp.Or(
		s.open(id, remarksField, got.text(remarksField), &remarks),
		s.open(id, commentsField, got.text(commentsField), &comments)); err != nil {
		return err
	}
	// Replicas of the previous release write no comments: there may be fewer.
	for i, comment := range comments[:min(len(comments), len(decisions))] {
		decisions[i].Comment = relay.Payload(comment)
	}
	for i, r := range remarks[:min(len(remarks), len(decisions))] {
		decisions[i].Comment, decisions[i].Fields = relay.Payload(r.Comment), relay.Payload(r.Fields)
	}
	return nil
}
