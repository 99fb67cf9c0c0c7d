package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
)

// seenLonger is how much longer than an event itself its id is remembered.
const seenLonger = time.Hour

// storedEvent is what is sealed of an event. The body is base64 in its JSON.
type storedEvent struct {
	eventLabel
	Header http.Header `json:"header,omitempty"`
	Query  string      `json:"query,omitempty"`
	Body   []byte      `json:"body"`
	At     int64       `json:"at"` // by the clock of the replica, for the envelope of an output
}

// eventLabel is what lists show of an event; it is sealed apart from the rest.
type eventLabel struct {
	ID   string `json:"id"`
	Type string `json:"type,omitempty"`
}

// The fields for which parts of an event are sealed.
const (
	bodySeal  = "body"
	labelSeal = "label"
)

// AddEvent implements [relay.AwaitStore].
func (s *Store) AddEvent(ctx context.Context, k relay.AwaitKey, e relay.HookEvent, o relay.AddOptions) (relay.Added, error) {
	label := eventLabel{e.ID, e.Type}
	content := encoded(storedEvent{label, e.Header, e.Query, e.Body, e.At.UnixMilli()})
	ifNobody := o.IfNobody
	most, bytes := s.last.Load().freeEvents()
	noRoom := s.last.Load().noRoomForEvents()
	if noRoom != nil && ifNobody == relay.KeepEvent {
		ifNobody = relay.DropEvent
	}
	body := s.keys.SealFor(k.Digest, bodySeal, []byte(content))
	shown := base64.RawStdEncoding.EncodeToString(s.keys.SealFor(k.Digest, labelSeal, []byte(encoded(label))))
	args := []any{
		string(k.Digest), fmt.Sprintf("%s-%d", rand.Text(), len(body)+len(shown)), k.EventDigest(e.ID), e.Sender, body, shown,
		o.Keep.Milliseconds(), seenLonger.Milliseconds(), s.lease.Milliseconds(), string(ifNobody),
		relay.MaxFreeEvents, relay.MaxAssigned, relay.MaxSeen, most, bytes,
	}
	for _, waiter := range o.Except {
		args = append(args, waiter.String())
	}
	got, err := s.runDurably(ctx, eventScript, append(matchingKeys(k.AwaitRef), seenKey(k.Digest)), args...)
	if err != nil {
		return relay.Added{}, fmt.Errorf("event of %s: %w", e.Sender, err)
	}
	var added relay.Added
	switch got.verdict() {
	case "matched":
		added.Verdict = relay.EventMatched
	case "kept":
		added.Verdict = relay.EventKept
	case "duplicate":
		added.Verdict = relay.EventDuplicate
	case "nobody":
		if noRoom != nil && o.IfNobody == relay.KeepEvent {
			return relay.Added{}, fmt.Errorf("event of %s that nobody waits for: %w", e.Sender, noRoom)
		}
		added.Verdict = relay.EventIgnored
	case "full":
		return relay.Added{}, fmt.Errorf("event of %s: %w: %d events of its key have not been given yet", e.Sender, relay.ErrUnavailable, relay.MaxAssigned)
	default:
		return relay.Added{}, unavailable(fmt.Errorf("event of %s: unexpected verdict %.20q", e.Sender, got.verdict()))
	}
	for _, text := range got.all("present") {
		if waiter, err := relay.ParseWaiter(text); err == nil {
			added.Present = append(added.Present, waiter)
		}
	}
	added.Matching, err = s.madeRoom(ctx, k.AwaitRef, got)
	return added, err
}

// madeRoom reads the reply of a script that observes the bounds of free events, and removes
// those that must go from other digests.
func (s *Store) madeRoom(ctx context.Context, a relay.AwaitRef, got reply) (relay.Matching, error) {
	m, err := readMatching(a, got)
	m.Dropped = int(got.number("dropped")) + s.dropOldest(ctx, a.Sender, got.all("oldest"))
	return m, err
}

// dropOldest removes free events of a sender that must make room, and returns how many it
// has removed. If this process dies first, the next event finds them again.
func (s *Store) dropOldest(ctx context.Context, sender string, oldest []string) (dropped int) {
	var events []relay.FreeEvent
	for _, member := range oldest {
		text, name, _ := strings.Cut(member, " ")
		if digest, err := relay.ParseAwaitDigest(text); err == nil {
			events = append(events, relay.FreeEvent{Digest: digest, Event: name})
		}
	}
	dropped, _ = s.DropEvents(ctx, sender, events)
	return dropped
}

// Event implements [relay.AwaitStore].
func (s *Store) Event(ctx context.Context, a relay.AwaitRef, name string) (relay.HookEvent, error) {
	if err := s.usable(ctx); err != nil {
		return relay.HookEvent{}, err
	}
	values, err := s.redis.HMGet(ctx, eventsKey(a.Digest), "body:"+name).Result()
	if err != nil {
		return relay.HookEvent{}, unavailable(err)
	}
	sealed := strings.Join(texts(values), "")
	if sealed == "" {
		return relay.HookEvent{}, fmt.Errorf("event of %s: %w", a.Sender, relay.ErrNotFound)
	}
	text, err := s.keys.OpenFor(a.Digest, bodySeal, []byte(sealed))
	if err != nil {
		return relay.HookEvent{}, unreadable(err)
	}
	var e storedEvent
	if err := json.Unmarshal(text, &e); err != nil {
		return relay.HookEvent{}, unavailable(fmt.Errorf("event of %s: unreadable", a.Sender))
	}
	return relay.HookEvent{
		Sender: a.Sender, ID: e.ID, Type: e.Type,
		Header: e.Header, Query: e.Query, Body: e.Body, At: time.UnixMilli(e.At).UTC(),
	}, nil
}

// FreeEvents implements [relay.AwaitStore].
func (s *Store) FreeEvents(ctx context.Context, sender string, limit int) ([]relay.FreeEvent, int, error) {
	if err := s.usable(ctx); err != nil {
		return nil, 0, err
	}
	clock, err := s.redis.Time(ctx).Result()
	if err != nil {
		return nil, 0, unavailable(err)
	}
	now := "(" + strconv.FormatInt(clock.UnixMilli(), 10)
	firsts, counts := make([]*redis.ZSliceCmd, relay.Partitions), make([]*redis.IntCmd, relay.Partitions)
	// The pipeline's error is dropped: each command has its own.
	_, _ = s.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range relay.Partitions {
			counts[i] = p.ZCount(ctx, freeKey(i, sender), now, "+inf")
			firsts[i] = p.ZRangeByScoreWithScores(ctx, freeKey(i, sender), &redis.ZRangeBy{Min: now, Max: "+inf", Count: int64(max(limit, 1))})
		}
		return nil
	})
	total := 0
	var events []relay.FreeEvent
	for i := range relay.Partitions {
		if err := cmp.Or(counts[i].Err(), firsts[i].Err()); err != nil {
			return nil, 0, unavailable(err)
		}
		total += int(counts[i].Val())
		for _, z := range firsts[i].Val() {
			text, _ := z.Member.(string)
			digest, name, _ := strings.Cut(text, " ")
			if _, ours := idIn(i, digest); ours {
				events = append(events, relay.FreeEvent{
					Digest: relay.AwaitDigest(digest), Event: name, Ends: time.UnixMilli(int64(z.Score)).UTC(),
				})
			}
		}
	}
	slices.SortStableFunc(events, func(a, b relay.FreeEvent) int { return a.Ends.Compare(b.Ends) })
	events = events[:min(limit, len(events))]
	err = s.describe(ctx, events)
	// What was taken since the sets were read is in no index any more.
	return slices.DeleteFunc(events, func(e relay.FreeEvent) bool { return e.At.IsZero() }), total, err
}

// describe fills in what the indexes say about free events.
func (s *Store) describe(ctx context.Context, events []relay.FreeEvent) error {
	if len(events) == 0 {
		return nil
	}
	indexes := make([]*redis.SliceCmd, len(events))
	// The pipeline's error is dropped: each command has its own.
	_, _ = s.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, e := range events {
			indexes[i] = p.HMGet(ctx, eventsKey(e.Digest), "index")
		}
		return nil
	})
	for i, cmd := range indexes {
		if err := cmd.Err(); err != nil {
			return unavailable(err)
		}
		var index []struct {
			Name, Label string
			At          float64
			Bytes       int
		}
		_ = json.Unmarshal([]byte(strings.Join(texts(cmd.Val()), "")), &index) // the event may be gone meanwhile
		for _, e := range index {
			if e.Name != events[i].Event {
				continue
			}
			var label eventLabel
			sealed, _ := base64.RawStdEncoding.DecodeString(e.Label)
			if text, err := s.keys.OpenFor(events[i].Digest, labelSeal, sealed); err == nil {
				_ = json.Unmarshal(text, &label) // it stays empty
			}
			events[i].At, events[i].Bytes = time.UnixMilli(int64(e.At)).UTC(), e.Bytes
			events[i].ID, events[i].Type = label.ID, label.Type
		}
	}
	return nil
}

// DropEvents implements [relay.AwaitStore].
func (s *Store) DropEvents(ctx context.Context, sender string, events []relay.FreeEvent) (dropped int, err error) {
	calls := make([]call, len(events))
	for i, e := range events {
		a := relay.AwaitRef{Sender: sender, Digest: e.Digest}
		calls[i] = call{matchingKeys(a), []any{string(e.Digest), e.Event, s.lease.Milliseconds(), sender}}
	}
	replies, err := s.runAll(ctx, dropScript, calls)
	for _, got := range replies {
		switch verdict := got.verdict(); {
		case verdict == "dropped":
			dropped++
		case got != nil && verdict != "gone":
			err = cmp.Or(err, unavailable(fmt.Errorf("unexpected verdict %.20q", verdict)))
		}
	}
	if err != nil {
		return dropped, fmt.Errorf("drop events of %s: %w", sender, err)
	}
	return dropped, nil
}
