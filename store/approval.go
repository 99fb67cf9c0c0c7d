package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"callback-relay/relay"
)

// View implements [relay.Store].
func (s *Store) View(ctx context.Context, link relay.LinkRef) (relay.View, error) {
	id := link.ID
	args := []any{string(id), strconv.Itoa(int(link.Number)), link.LinkKind.String(), string(link.Generation)}
	for _, field := range pageFields {
		args = append(args, field)
	}
	got, err := s.run(ctx, viewScript, []string{callbackKey(id), dueKey(id.Partition())}, args...)
	if err != nil {
		return relay.View{}, fmt.Errorf("look up %s: %w", id, err)
	}
	if got.verdict() != "read" {
		return relay.View{}, s.refusal(ctx, "look up", id, got)
	}
	score, _ := strconv.ParseFloat(got.text("due"), 64)
	cb, rec, err := s.view(id, got.text, score)
	if err != nil {
		return relay.View{}, err
	}
	links := rec.links()
	if int(link.Number) >= len(links) { // which the script would not say
		return relay.View{}, unexpected("look up", id, got)
	}
	v := relay.View{Callback: cb, Link: links[link.Number], Now: got.time("now")}
	if v.Link.Closed && !used(v) {
		return relay.View{}, fmt.Errorf("look up %s: %w", id, relay.ErrLinkClosed)
	}
	var left *summary
	if err := s.open(id, summaryField, got.text(summaryField), &left); err != nil {
		return relay.View{}, err
	}
	var c *content
	if err := s.open(id, contentField, got.text(contentField), &c); err != nil {
		return relay.View{}, err
	}
	if c == nil {
		c = left.content(v.Link, rec.added)
	}
	var remarks []remark
	if err := s.open(id, remarksField, got.text(remarksField), &remarks); err != nil {
		return relay.View{}, err
	}
	v.Approval, v.Request = c.Approval.relay(), c.request(v.Link)
	for i, r := range remarks[:min(len(remarks), len(v.Decisions))] {
		v.Decisions[i].Comment, v.Decisions[i].Fields = relay.Payload(r.Comment), relay.Payload(r.Fields)
	}
	return v, nil
}

// used tells whether something was decided or answered through the link.
func used(v relay.View) bool {
	return v.Outcome != nil && v.Outcome.By != relay.ByExpiry && v.Outcome.Number == v.Link.Number ||
		slices.ContainsFunc(v.Decisions, func(d relay.Decision) bool { return d.Number == v.Link.Number })
}

// pageFields are what view.lua reads for a page.
var pageFields = slices.Concat(viewFields, []string{contentField, summaryField, remarksField})

// Decide implements [relay.Store].
func (s *Store) Decide(ctx context.Context, link relay.LinkRef, all []relay.Decision, o *relay.Outcome) (relay.Recorded, error) {
	id, before := link.ID, strconv.Itoa(len(all)-1)
	decisions, remarks := encodeDecisions(all)
	sealed := s.seal(id, decisionsField, decisions)
	if o != nil {
		return s.answer(ctx, link, *o, before, sealed)
	}
	got, err := s.keep(ctx, decideScript, []string{callbackKey(id)},
		string(relay.StatePending), strconv.Itoa(int(link.Number)), before, sealed, s.seal(id, remarksField, remarks),
		link.LinkKind.String(), string(link.Generation))
	if err != nil {
		return relay.Recorded{}, fmt.Errorf("decide %s: %w", id, err)
	}
	if got.verdict() != "recorded" {
		return relay.Recorded{}, s.refusal(ctx, "decide", id, got)
	}
	return relay.Recorded{State: relay.StatePending}, nil
}

// Guess implements [relay.Store].
func (s *Store) Guess(ctx context.Context, link relay.LinkRef, right bool) (left int, err error) {
	got, err := s.keep(ctx, guessScript, []string{callbackKey(link.ID)},
		strconv.Itoa(int(link.Number)), flag(right), relay.MaxGuesses, link.LinkKind.String(), string(link.Generation))
	if err != nil {
		return 0, fmt.Errorf("guess %s: %w", link.ID, err)
	}
	if got.verdict() != "open" {
		return 0, s.refusal(ctx, "guess", link.ID, got)
	}
	return int(got.number("left")), nil
}

// Revoke implements [relay.Store].
func (s *Store) Revoke(ctx context.Context, id relay.CallbackID, name string) (relay.Callback, error) {
	cb, err := s.Get(ctx, id)
	if err != nil {
		return relay.Callback{}, err
	}
	i := slices.IndexFunc(cb.Links, func(link relay.Link) bool { return link.Name == name })
	if i < 0 {
		return relay.Callback{}, fmt.Errorf("revoke %s: %w", id, relay.ErrNotFound)
	}
	got, err := s.keep(ctx, revokeScript, []string{callbackKey(id)}, strconv.Itoa(int(cb.Links[i].Number)))
	if err != nil {
		return relay.Callback{}, fmt.Errorf("revoke %s: %w", id, err)
	}
	if got.verdict() != "done" {
		return relay.Callback{}, s.refusal(ctx, "revoke", id, got)
	}
	return s.Get(ctx, id)
}

// Reschedule implements [relay.Store].
func (s *Store) Reschedule(ctx context.Context, id relay.CallbackID, e relay.Expires, maxExpiry time.Duration) (relay.Callback, error) {
	how, ms := expires(e)
	got, err := s.keep(ctx, rescheduleScript, []string{callbackKey(id), deadlineKey(id.Partition())},
		string(id), string(relay.StatePending), how, ms, maxExpiry.Milliseconds())
	if err != nil {
		return relay.Callback{}, fmt.Errorf("reschedule %s: %w", id, err)
	}
	if err := deadlineError(got, maxExpiry); err != nil {
		return relay.Callback{}, err
	}
	if got.verdict() != "done" {
		return relay.Callback{}, s.refusal(ctx, "reschedule", id, got)
	}
	return s.Get(ctx, id)
}

// deadlineError reports a deadline that a script did not accept.
func deadlineError(got reply, maxExpiry time.Duration) error {
	switch got.verdict() {
	case "deadline past":
		return &relay.InvalidFieldError{Field: "expiresAt", Problem: "is not in the future"}
	case "deadline too far":
		return &relay.InvalidFieldError{Field: "expiresAt", Problem: fmt.Sprintf("is more than %s away", maxExpiry)}
	}
	return nil
}

// closed tells whether a link's number is among those that were closed, each
// stored with blanks around it.
func closed(revoked string, number byte) bool {
	return strings.Contains(revoked, " "+strconv.Itoa(int(number))+" ")
}
