package store_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"callback-relay/relay"
)

// kept is what Redis has stored of a callback.
type kept struct {
	State, By, Digest, Event                      string
	Fence, Attempts, Unclear, Decided             string
	Leased, TaskToken, Payload, Remarks, Guard    bool
	Content, Remains, Comments                    bool
	InDeadline, InDue, InCreated                  bool
	Listed                                        string // the final states in whose sets it is
	Created, Deadline, Answered, Due, Ended, Gone int64  // 0 where there is none
}

// check compares Redis with the model, and with what Redis held before.
func (w *world) check(t *rapid.T) {
	w.t = t
	for _, k := range w.tasks {
		hash := w.hash(k.Callback)
		if len(k.before) > 0 {
			w.neverBack(k, k.before, hash)
		}
		k.before = hash
		want, got := w.wanted(k), w.found(k, hash)
		for name, times := range map[string][2]*int64{
			"created": {&want.Created, &got.Created}, "deadline": {&want.Deadline, &got.Deadline},
			"answered": {&want.Answered, &got.Answered}, "due": {&want.Due, &got.Due},
			"ended": {&want.Ended, &got.Ended}, "gone": {&want.Gone, &got.Gone},
		} {
			w.near(name, *times[0], *times[1])
			*times[0], *times[1] = 0, 0
		}
		w.same("kept of "+k.token.Reveal(), want, got)
	}
}

// near compares two times as exactly as the clock allows.
func (w *world) near(what string, want, got int64) {
	w.t.Helper()
	if d := got - want; d >= w.clock.unit() || -d >= w.clock.unit() || (want == 0) != (got == 0) {
		w.t.Fatalf("%s: %d ms off the model", what, d)
	}
}

// neverBack checks rules that hold independently of the model: digests and guards stay,
// the count of leases never falls, and a final state never changes.
func (w *world) neverBack(k *task, before, after map[string]string) {
	for _, field := range []string{"digest", "event", "by", "answered", "type", "error", fmt.Sprint("guard:", signed)} {
		if was, is := before[field], after[field]; was != "" && was != is && field != "answered" {
			w.t.Errorf("%s: the first answer's %s changed from %q to %q", k.token.Reveal(), field, was, is)
		}
	}
	fence := func(hash map[string]string) int { n, _ := strconv.Atoi(hash["fence"]); return n }
	if fence(after) < fence(before) {
		w.t.Errorf("%s: the fence went from %d to %d", k.token.Reveal(), fence(before), fence(after))
	}
	if was := relay.State(before["state"]); was.Final() && after["state"] != string(was) {
		w.t.Errorf("%s: a final state, %s, became %s", k.token.Reveal(), was, after["state"])
	}
}

// wanted returns what Redis should have stored, according to the model.
func (w *world) wanted(k *task) kept {
	m := k.model
	if !m.kept {
		return kept{InCreated: k.listed, Listed: k.final}
	}
	want := kept{
		State: string(m.state), By: m.by, InCreated: true, Created: m.created, Deadline: m.deadline, Answered: m.answered,
		TaskToken: !m.state.Final(), Payload: m.state == relay.StateAnswered, Leased: m.held != "",
		Remarks: m.remarks, Guard: true, Content: m.asked.approval != "" && !m.state.Final(),
		Remains: m.asked.approval == "stay", Comments: m.said,
		InDeadline: m.state == relay.StatePending, InDue: m.state == relay.StateAnswered,
	}
	if m.decided > 0 {
		want.Decided = fmt.Sprint(m.decided)
	}
	if m.by != "" {
		want.Fence, want.Attempts, want.Unclear = fmt.Sprint(m.leases), fmt.Sprint(m.attempts), fmt.Sprint(m.unclear)
	}
	if m.by != "" && m.by != relay.ByExpiry {
		want.Digest = w.link(k.Callback, "default").Digest(m.outcome.relay())
	}
	if m.event != "" {
		want.Event = w.link(k.Callback, "default").EventDigest(m.event)
	}
	if want.InDue {
		want.Due = m.due
	}
	if m.state.Final() {
		k.final = string(m.state)
		want.Listed = k.final
		want.Gone = m.ended + retention.Milliseconds()
	}
	if m.state == relay.StateDelivered || m.state == relay.StateRefused {
		want.Ended = m.ended
	}
	return want
}

// found reads what Redis has stored.
func (w *world) found(k *task, hash map[string]string) kept {
	moved := w.clock.moved()
	score := func(set string) (int64, bool) {
		ms, err := w.client.ZScore(w.ctx, w.set(k.Callback, set), string(k.ID)).Result()
		if errors.Is(err, redis.Nil) {
			return 0, false
		}
		w.must(err)
		return int64(ms) + moved, true
	}
	ms := func(text string) int64 {
		if text == "" {
			return 0
		}
		n, err := strconv.ParseInt(text, 10, 64)
		w.must(err)
		return n + moved
	}
	got := kept{
		State: hash["state"], By: hash["by"], Digest: hash["digest"], Event: hash["event"],
		Fence: hash["fence"], Attempts: hash["attempts"], Unclear: hash["unclear"],
		Decided: hash["decided"], Remarks: hash["remarks"] != "", Guard: hash[fmt.Sprint("guard:", signed)] != "",
		Content: hash["content"] != "", Remains: hash["remains"] != "", Comments: hash["comments"] != "",
		Leased: hash["leased"] != "", TaskToken: hash["taskToken"] != "", Payload: hash["outcome"] != "",
		Answered: ms(hash["answered"]), Ended: ms(hash["settled"]),
	}
	created, deadline, _ := strings.Cut(hash["registration"], " ")
	deadline, _, _ = strings.Cut(deadline, " ")
	got.Created, got.Deadline = ms(created), ms(deadline)
	var at int64
	if at, got.InDeadline = score("deadline"); got.InDeadline {
		w.near("score in deadline", got.Deadline, at)
	}
	if at, got.InCreated = score("created"); got.InCreated && got.Created != 0 {
		w.near("score in created", got.Created, at)
	}
	got.Due, got.InDue = score("due")
	for _, state := range relay.States {
		if !state.Final() {
			continue
		}
		if at, in := score(string(state)); in {
			got.Listed += string(state)
			if got.State != "" {
				w.near("score in "+string(state), k.model.ended+retention.Milliseconds(), at)
			}
		}
	}
	ttl, err := w.client.PTTL(w.ctx, w.key(k.Callback)).Result()
	w.must(err)
	if ttl > 0 {
		got.Gone = w.clock.now() + ttl.Milliseconds()
	}
	return got
}
