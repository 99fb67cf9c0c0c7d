package store

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"callback-relay/relay"
)

// decline is the stored form of a [relay.Decline].
type decline struct {
	Link     string `json:"link"`
	Number   byte   `json:"number"`
	Approver string `json:"approver,omitempty"`
	At       int64  `json:"at"` // milliseconds
	Note     string `json:"note,omitempty"`
}

func (d decline) relay() relay.Decline {
	said := relay.Decline{Link: d.Link, Number: d.Number, Approver: d.Approver, At: time.UnixMilli(d.At).UTC()}
	if d.Note != "" {
		said.Note = relay.Payload(d.Note)
	}
	return said
}

// openDeclines returns the declines that nobody has acted on: the link is still open, and
// nobody has decided through it after all.
func openDeclines(all []decline, decisions []relay.Decision, revoked string) []relay.Decline {
	var left []relay.Decline
	for _, d := range all {
		decided := slices.ContainsFunc(decisions, func(other relay.Decision) bool { return other.Number == d.Number })
		if !decided && !closed(revoked, d.Number) {
			left = append(left, d.relay())
		}
	}
	return left
}

// declineTries is how often a decline is recorded again because others were at the same
// moment.
const declineTries = relay.MaxLinks

// Decline implements [relay.Store].
func (s *Store) Decline(ctx context.Context, link relay.LinkRef, d relay.Decline) error {
	for range declineTries {
		if err := s.decline(ctx, link, d); !errors.Is(err, relay.ErrMeanwhile) {
			return err
		}
	}
	return fmt.Errorf("decline %s: %w: others keep declining", link.ID, relay.ErrUnavailable)
}

func (s *Store) decline(ctx context.Context, link relay.LinkRef, d relay.Decline) error {
	values, err := s.redis.HMGet(ctx, callbackKey(link.ID), declinedField).Result()
	if err != nil {
		return fmt.Errorf("decline %s: %w", link.ID, unavailable(err))
	}
	before := texts(values)[0]
	var all []decline
	if err := s.open(link.ID, declinedField, before, &all); err != nil {
		return fmt.Errorf("decline %s: %w", link.ID, err)
	}
	all = slices.DeleteFunc(all, func(other decline) bool { return other.Number == d.Number })
	all = append(all, decline{d.Link, d.Number, d.Approver, d.At.UnixMilli(), string(d.Note)})
	all = all[max(0, len(all)-relay.MaxDeclines):]
	note := cmp.Or(base64.RawStdEncoding.EncodeToString(s.seal(link.ID, historyField, string(d.Note))), nothing)
	got, err := s.runDurably(ctx, declineScript, []string{callbackKey(link.ID)},
		string(relay.StatePending), strconv.Itoa(int(link.Number)), link.LinkKind.String(), string(link.Generation),
		before, s.seal(link.ID, declinedField, encoded(all)), relay.NoteNotForMe, note)
	if err != nil {
		return fmt.Errorf("decline %s: %w", link.ID, err)
	}
	if got.verdict() != "noted" {
		return s.refusal(ctx, "decline", link.ID, &link, got)
	}
	return nil
}
