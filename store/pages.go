package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"

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
		return relay.View{}, s.refusal(ctx, "look up", id, nil, got)
	}
	score, _ := strconv.ParseFloat(got.text("due"), 64)
	cb, rec, err := s.view(id, got.text, score)
	if err != nil {
		return relay.View{}, err
	}
	links := rec.links()
	if int(link.Number) >= len(links) { // the script would have refused it
		return relay.View{}, unexpected("look up", id, got)
	}
	v := relay.View{Callback: cb, Link: links[link.Number], Now: got.time("now")}
	if err := v.Refusal(); err != nil {
		return relay.View{}, fmt.Errorf("look up %s: %w", id, err)
	}
	var left *summary
	if err := s.open(id, summaryField, got.text(summaryField), &left); err != nil {
		return relay.View{}, err
	}
	var c *content
	if err := s.open(id, contentField, got.text(contentField), &c); err != nil {
		return relay.View{}, err
	}
	ended := c == nil
	if ended {
		c = left.content(v.Link, rec.added)
	}
	v.Approval, v.Request = c.approval(), c.request(v.Link)
	if ended {
		var r *remains
		if err := s.open(id, remainsField, got.text(remainsField), &r); err != nil {
			return relay.View{}, err
		}
		r.addTo(&v, int(link.Number) >= len(rec.Links))
	}
	if err := s.readRemarks(id, got, v.Decisions); err != nil {
		return relay.View{}, err
	}
	return v, nil
}

// pageFields are the fields that view.lua reads for a page.
var pageFields = slices.Concat(viewFields, []string{contentField, summaryField, remainsField, remarksField, commentsField})

// Guess implements [relay.Store].
func (s *Store) Guess(ctx context.Context, link relay.LinkRef, right bool) (left int, err error) {
	got, err := s.runDurably(ctx, guessScript, []string{callbackKey(link.ID)},
		strconv.Itoa(int(link.Number)), flag(right), relay.MaxGuesses, link.LinkKind.String(), string(link.Generation))
	if err != nil {
		return 0, fmt.Errorf("guess %s: %w", link.ID, err)
	}
	if got.verdict() != "open" {
		return 0, s.refusal(ctx, "guess", link.ID, &link, got)
	}
	return int(got.number("left")), nil
}
