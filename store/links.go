package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"callback-relay/relay"
)

// addTries is how often adding a link is tried while other callers also add links.
const addTries = 10

// AddLink implements [relay.Store].
func (s *Store) AddLink(
	ctx context.Context, id relay.CallbackID, name string, l relay.LinkRequest, judge func(relay.Callback, *relay.Approval) error,
) (relay.View, error) {
	for range addTries {
		v, err := s.addLink(ctx, id, name, l, judge)
		if !errors.Is(err, relay.ErrMeanwhile) {
			return v, err
		}
	}
	return relay.View{}, fmt.Errorf("add link to %s: %w: others keep adding links", id, relay.ErrUnavailable)
}

func (s *Store) addLink(
	ctx context.Context, id relay.CallbackID, name string, l relay.LinkRequest, judge func(relay.Callback, *relay.Approval) error,
) (relay.View, error) {
	cb, rec, err := s.read(ctx, id)
	if err != nil {
		return relay.View{}, err
	}
	now, err := s.readContent(ctx, id)
	if err != nil {
		return relay.View{}, fmt.Errorf("add link to %s: %w", id, err)
	}
	var kept content
	if err := json.Unmarshal(now.content, &kept); err != nil {
		return relay.View{}, unavailable(fmt.Errorf("callback %s: unreadable %s", id, contentField))
	}
	v := relay.View{Callback: cb, Request: l, Approval: kept.approval()}
	// If the callback is no longer pending, the script says why it takes no link.
	if cb.State == relay.StatePending {
		var approval *relay.Approval
		if kept.Approval != nil {
			approval = &v.Approval
		}
		for i, link := range cb.Links {
			cb.Links[i].Email = kept.request(link).Email
		}
		if err := judge(cb, approval); err != nil {
			return relay.View{}, err
		}
		if err := relay.RoomForLink(rec.links(), name); err != nil {
			return relay.View{}, fmt.Errorf("add link to %s: %w", id, err)
		}
	}
	next := len(rec.Links) + len(rec.Added)
	number, does := strconv.Itoa(next), newLinkContent(l)
	guard := ""
	if l.Guard != nil {
		if err := s.guardable(ctx, l.Guard.Version()); err != nil {
			return relay.View{}, fmt.Errorf("add link to %s: %w", id, err)
		}
		guard = encoded(l.Guard)
	}
	if now.remains == nil && kept.Approval == nil && l.Page { // the callback's first page
		now.remains = json.RawMessage("{}")
	}
	remaining := ""
	if now.remains != nil {
		remaining = insertBelow(now.remains, "messages", number, l.Message)
	}
	got, err := s.runDurably(ctx, addLinkScript, []string{callbackKey(id)},
		string(relay.StatePending), rec.text,
		insert(json.RawMessage(rec.text), "added", append(rec.Added, newSpecLink(name, l.LinkKind, l.Guard, kept.Approval.Version()))),
		s.seal(id, contentField, insertBelow(now.content, "added", number, does)),
		s.seal(id, addedField, insert(now.added, number, addedLink{l.Approver, does.lasting()})),
		rec.openNumbers(name), number, s.seal(id, guardField+number, guard), s.seal(id, remainsField, remaining))
	if err != nil {
		return relay.View{}, fmt.Errorf("add link to %s: %w", id, err)
	}
	if got.verdict() != "done" {
		return relay.View{}, s.refusal(ctx, "add link to", id, nil, got)
	}
	v.Link = relay.Link{
		Name: name, LinkKind: l.LinkKind, Number: byte(next), //nolint:gosec // there was room
		Generation: rec.Generation, Approver: l.Approver,
	}
	return v, nil
}

// contentTexts is the JSON of the fields that adding a link changes.
type contentTexts struct {
	content, added json.RawMessage // "{}" if absent
	remains        json.RawMessage // nil if absent
}

func (s *Store) readContent(ctx context.Context, id relay.CallbackID) (contentTexts, error) {
	values, err := s.redis.HMGet(ctx, callbackKey(id), contentField, addedField, remainsField).Result()
	if err != nil || len(values) != 3 {
		return contentTexts{}, unavailable(fmt.Errorf("%d values of 3: %w", len(values), err))
	}
	sealed := texts(values)
	now := contentTexts{content: json.RawMessage("{}"), added: json.RawMessage("{}")}
	return now, errors.Join(s.open(id, contentField, sealed[0], &now.content),
		s.open(id, addedField, sealed[1], &now.added), s.open(id, remainsField, sealed[2], &now.remains))
}

// openNumbers returns the numbers of the open links with this name, in the form
// of the field revoked.
func (r record) openNumbers(name string) string {
	var numbers strings.Builder
	for _, link := range r.links() {
		if !link.Closed && link.Name == name {
			fmt.Fprintf(&numbers, " %d ", link.Number)
		}
	}
	return numbers.String()
}

// insert returns the JSON object with a member set. It preserves all other
// members, since a later release may have written them.
func insert(object json.RawMessage, name string, value any) string {
	members := membersOf(object)
	members[name] = json.RawMessage(encoded(value))
	return encoded(members)
}

// insertBelow returns the JSON object with a member set in the object that it has under
// the given name.
func insertBelow(object json.RawMessage, below, name string, value any) string {
	return insert(object, below, json.RawMessage(insert(memberOf(object, below), name, value)))
}

// memberOf returns a member of a JSON object, or "{}".
func memberOf(object json.RawMessage, name string) json.RawMessage {
	if value, ok := membersOf(object)[name]; ok {
		return value
	}
	return json.RawMessage("{}")
}

func membersOf(object json.RawMessage) map[string]json.RawMessage {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(object, &members); err != nil {
		panic(err) // it was decoded before
	}
	if members == nil {
		members = map[string]json.RawMessage{}
	}
	return members
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
	got, err := s.runDurably(ctx, revokeScript, []string{callbackKey(id)}, strconv.Itoa(int(cb.Links[i].Number)))
	if err != nil {
		return relay.Callback{}, fmt.Errorf("revoke %s: %w", id, err)
	}
	if got.verdict() != "done" {
		return relay.Callback{}, s.refusal(ctx, "revoke", id, nil, got)
	}
	return s.Get(ctx, id)
}

// closed returns whether the field revoked contains a link's number. Each number
// in it is between two blanks.
func closed(revoked string, number byte) bool {
	return strings.Contains(revoked, " "+strconv.Itoa(int(number))+" ")
}
