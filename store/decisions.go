package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"callback-relay/relay"
)

// decision is the stored form of a [relay.Decision], and remark is what the person
// wrote with it. Remarks are deleted as soon as the outcome contains them;
// decisions stay, to be shown.
type decision struct {
	relay.Decision
	Number *int  `json:"number,omitempty"` // of the link; earlier releases wrote only its name
	At     int64 `json:"at"`               // milliseconds
}

type remark struct {
	Comment string `json:"comment,omitempty"`
	Fields  string `json:"fields"`
}

func encodeDecisions(all []relay.Decision) (decisions, remarks string) {
	ds, rs := make([]decision, len(all)), make([]remark, len(all))
	for i, d := range all {
		number := int(d.Number)
		ds[i] = decision{d, &number, d.At.UnixMilli()}
		rs[i] = remark{string(d.Comment), string(d.Fields)}
	}
	return encoded(ds), encoded(rs)
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
	decisions, remarks := encodeDecisions(all)
	sealed := s.seal(id, decisionsField, decisions)
	if o != nil {
		return s.answer(ctx, link, *o, nil, before, sealed)
	}
	got, err := s.runDurably(ctx, decideScript, []string{callbackKey(id)},
		string(relay.StatePending), strconv.Itoa(int(link.Number)), before, sealed, s.seal(id, remarksField, remarks),
		link.LinkKind.String(), string(link.Generation))
	if err != nil {
		return relay.Recorded{}, fmt.Errorf("decide %s: %w", id, err)
	}
	if got.verdict() != "recorded" {
		return relay.Recorded{}, s.refusal(ctx, "decide", id, &link, got)
	}
	return relay.Recorded{State: relay.StatePending}, nil
}
