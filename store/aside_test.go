package store_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
)

// beside registers a callback in the partition of another callback.
func (r *redisUnderTest) beside(cb relay.Callback, name string, change ...func(*relay.Registration)) relay.Callback {
	r.t.Helper()
	for i := range 10_000 {
		task := relay.TaskToken(fmt.Sprintf("%s-%d", name, i))
		if r.keys.Identify(task)[0].ID.Partition() == cb.ID.Partition() {
			return r.register(task, change...)
		}
	}
	r.t.Fatal("no task token has a callback in this partition")
	return relay.Callback{}
}

// aside returns what was set aside in a callback's partition, with its scores.
func (r *redisUnderTest) aside(cb relay.Callback) map[string]float64 {
	r.t.Helper()
	members, err := r.client.ZRangeWithScores(r.t.Context(), r.set(cb, "aside"), 0, -1).Result()
	r.must(err)
	all := map[string]float64{}
	for _, z := range members {
		all[z.Member.(string)] = z.Score
	}
	return all
}

// claimPast claims the one readable delivery, and expects an error about the rest.
func (r *redisUnderTest) claimPast(want relay.Callback) {
	r.t.Helper()
	got, err := r.Claim(r.t.Context(), 1)
	if len(got) != 1 || got[0].ID != want.ID {
		r.t.Fatalf("claimed %d, want the one that can be read (%v)", len(got), err)
	}
	if err == nil || !strings.Contains(err.Error(), "set aside") || !strings.Contains(err.Error(), r.set(want, "aside")) {
		r.t.Errorf("nobody is told of what was set aside: %v", err)
	}
}

// strays are members that are not callbacks of the partition.
func (r *redisUnderTest) strays(cb relay.Callback) []string {
	r.t.Helper()
	all := []string{"", "x", strings.ToUpper(string(cb.ID)), string(cb.ID) + "a", "\xff\x00\r\n", strings.Repeat("long", 1000)}
	for i := range 600 {
		all = append(all, fmt.Sprintf("garbage %d", i))
	}
	for i := 0; ; i++ {
		if id := r.keys.Identify(relay.TaskToken(fmt.Sprint(i)))[0].ID; id.Partition() != cb.ID.Partition() {
			return append(all, string(id))
		}
	}
}

// testStraysAreSetAside (row 80): members that are not callbacks of their partition
// do not delay the others. None is lost, and they are counted.
func testStraysAreSetAside(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	due := r.register("due")
	r.answer(due, `1`)
	r.pass(due)
	late := r.beside(due, "late")
	r.pass(late)
	strays := r.strays(due)
	sets := []string{"due", "deadline", "created", "cancelled"}
	for _, set := range sets {
		var members []redis.Z
		for i, stray := range strays {
			members = append(members, redis.Z{Score: float64(i), Member: stray})
		}
		r.must(r.client.ZAdd(ctx, r.set(due, set), members...).Err())
	}

	r.claimPast(due)
	if n, err := r.Expire(ctx, 1); n != 1 || err == nil || r.hash(late)["state"] != "answered" {
		t.Errorf("ended %d, the late one is %s (%v)", n, r.hash(late)["state"], err)
	}
	if _, err := r.Trim(ctx); err == nil {
		t.Error("nobody is told of strays among those that have ended")
	}
	if listed := r.listAll(relay.Query{Limit: 1}); len(listed) != 2 {
		t.Errorf("%d callbacks are listed, want the two that can be read", len(listed))
	}
	aside := r.aside(due)
	for _, set := range sets {
		for i, stray := range strays {
			if score, ok := aside[set+" "+stray]; !ok || score != float64(i) {
				t.Fatalf("of %s, %.20q is not set aside with its score", set, stray)
			}
		}
	}
	if len(aside) != len(sets)*len(strays) {
		t.Errorf("%d entries set aside, want %d", len(aside), len(sets)*len(strays))
	}
	c, err := r.Census(ctx, time.Minute)
	r.must(err)
	if c.SetAside != int64(len(sets)*len(strays)) {
		t.Errorf("%d are counted, want %d", c.SetAside, len(sets)*len(strays))
	}
	// Everything else works as before.
	r.pass(late)
	if got, err := r.Claim(ctx, 10); len(got) != 1 || err != nil {
		t.Errorf("claimed %d (%v)", len(got), err)
	}
	if _, err := r.Expire(ctx, 10); err != nil {
		t.Error(err)
	}
	if _, err := r.Trim(ctx); err != nil {
		t.Error(err)
	}
}

// contents returns the contents of a callback's key: the fields of a hash, or a
// text under "". It does not use DUMP, whose result changes while Redis grows a
// hash table.
func (r *redisUnderTest) contents(cb relay.Callback) map[string]string {
	ctx := context.Background()
	if text, err := r.client.Get(ctx, r.key(cb)).Result(); err == nil {
		return map[string]string{"": text}
	}
	fields, err := r.client.HGetAll(ctx, r.key(cb)).Result()
	r.must(err)
	return fields
}

// testDamagedCallbacksAreSetAside (row 80): callbacks whose hash is not as scripts
// write it do not delay the others either. They are not changed, and are delivered
// once they are repaired and put back.
func testDamagedCallbacksAreSetAside(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	set := func(name, value string) func(string) error {
		return func(key string) error { return r.client.HSet(ctx, key, name, value).Err() }
	}
	drop := func(name string) func(string) error {
		return func(key string) error { return r.client.HDel(ctx, key, name).Err() }
	}
	otherType := func(key string) error {
		if err := r.client.Del(ctx, key).Err(); err != nil {
			return err
		}
		return r.client.Set(ctx, key, "no hash", 0).Err()
	}
	registration := func(change func(parts []string)) func(string) error {
		return func(key string) error {
			parts := strings.SplitN(r.client.HGet(context.Background(), key, "registration").Val(), " ", 3)
			change(parts)
			return r.client.HSet(ctx, key, "registration", strings.Join(parts, " ")).Err()
		}
	}
	for name, damage := range map[string]struct {
		of string
		do func(key string) error
	}{
		"answered, of another type":           {"due", otherType},
		"answered, no registration":           {"due", drop("registration")},
		"answered, unreadable registration":   {"due", set("registration", "?")},
		"answered, no unclear attempts":       {"due", drop("unclear")},
		"answered, no number of attempts":     {"due", set("attempts", "many")},
		"answered, no count of leases":        {"due", set("fence", "x")},
		"answered, no task token":             {"due", drop("taskToken")},
		"answered, no outcome":                {"due", drop("outcome")},
		"answered, no type":                   {"due", drop("type")},
		"pending, of another type":            {"deadline", otherType},
		"pending, no registration":            {"deadline", drop("registration")},
		"pending, unreadable JSON":            {"deadline", registration(func(p []string) { p[2] = `{"onExpiry":` })},
		"pending, other JSON":                 {"deadline", registration(func(p []string) { p[2] = `7` })},
		"pending, a deadline that is no time": {"deadline", registration(func(p []string) { p[1] = "soon" })},
	} {
		good := r.register(relay.TaskToken("good-" + name))
		var damaged []relay.Callback
		for i := range 3 { // more than one step reads from a partition
			bad := r.beside(good, fmt.Sprintf("bad-%s-%d", name, i))
			if damage.of == "due" {
				r.answer(bad, `1`)
			}
			r.pass(bad)
			r.must(r.client.ZAdd(ctx, r.set(bad, damage.of), redis.Z{Score: float64(i + 1), Member: string(bad.ID)}).Err())
			r.must(damage.do(r.key(bad)))
			damaged = append(damaged, bad)
		}
		before := r.contents(damaged[0])
		if damage.of == "due" {
			r.answer(good, `1`)
			r.pass(good)
			r.claimPast(good)
		} else {
			r.pass(good)
			for range 4 { // each step reads only a few from a partition
				_, _ = r.Expire(ctx, 1) // the error names what was set aside
			}
			if state := r.hash(good)["state"]; state != "answered" {
				t.Errorf("%s: the one behind is %s", name, state)
			}
		}
		aside := r.aside(good)
		for _, bad := range damaged {
			if _, ok := aside[damage.of+" "+string(bad.ID)]; !ok || r.inSet(bad, damage.of) {
				t.Errorf("%s: not set aside: %v", name, aside)
			}
		}
		if after := r.contents(damaged[0]); !maps.Equal(after, before) {
			t.Errorf("%s: %v became %v", name, before, after)
		}
		if _, err := r.Census(ctx, time.Minute); err != nil {
			t.Errorf("%s: census: %v", name, err)
		}
		// The list continues without it.
		if shown := r.listAll(relay.Query{Limit: 50}); !slices.Contains(shown, good.ID) {
			t.Errorf("%s: the good one is not listed", name)
		}
		r.must(r.client.FlushAll(ctx).Err())
		r.must(r.client.Set(ctx, "relay:schema", "2", 0).Err())
	}

	// Repaired and put back, as docs/runbook.md says.
	cb := r.register("mended")
	r.answer(cb, `1`)
	r.pass(cb)
	attempts := r.hash(cb)["attempts"]
	r.must(r.client.HDel(ctx, r.key(cb), "attempts").Err())
	if got, err := r.Claim(ctx, 1); len(got) != 0 || err == nil {
		t.Fatalf("claimed %d (%v)", len(got), err)
	}
	r.must(r.client.HSet(ctx, r.key(cb), "attempts", attempts).Err())
	score := r.aside(cb)["due "+string(cb.ID)]
	r.must(r.client.ZAdd(ctx, r.set(cb, "due"), redis.Z{Score: score, Member: string(cb.ID)}).Err())
	r.must(r.client.ZRem(ctx, r.set(cb, "aside"), "due "+string(cb.ID)).Err())
	r.claimOne()
	r.checkInvariants("mended", cb)
}

// testSettleOfDamagedCounts (row 80): a lease whose callback was damaged meanwhile
// stays as it is until it ends; then the callback is set aside.
func testSettleOfDamagedCounts(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	for _, field := range []string{"unclear", "attempts"} {
		cb := r.register(relay.TaskToken(field))
		d := r.answer(cb, `1`)
		r.must(r.client.HSet(ctx, r.key(cb), field, "x").Err())
		before := r.hash(cb)
		if held, err := r.Settle(ctx, d, relay.Settlement{State: relay.StateAnswered, Reason: "timeout"}); held || err == nil {
			t.Errorf("%s: settled %v, %v", field, held, err)
		}
		if after := r.hash(cb); !maps.Equal(before, after) {
			t.Errorf("%s: %v became %v", field, before, after)
		}
		r.pass(cb)
		if got, err := r.Claim(ctx, 1); len(got) != 0 || err == nil || !strings.Contains(err.Error(), "set aside") {
			t.Errorf("%s: claimed %d, %v", field, len(got), err)
		}
	}
}

// testBrokenSealGoesOn (row 80): a delivery that no key opens is claimed as
// unreadable, to be tried again later, and does not delay the next one.
func testBrokenSealGoesOn(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	broken := r.register("broken")
	good := r.beside(broken, "good", func(reg *relay.Registration) {
		reg.Links["dana"] = relay.LinkRequest{LinkKind: relay.LinkKind{Type: relay.LinkApproval, Page: true}, Approver: "Dana"}
		reg.Approval = &relay.Approval{Title: "?"}
	})
	for _, cb := range []relay.Callback{broken, good} {
		r.answer(cb, `1`)
		r.pass(cb)
	}
	r.must(r.client.ZAdd(ctx, r.set(broken, "due"), redis.Z{Score: 1, Member: string(broken.ID)}).Err())
	r.must(r.client.HSet(ctx, r.key(broken), "outcome", "k1:nothing that opens").Err())
	if d := r.claimFirst(broken); d.Unreadable == nil {
		t.Error("it opens")
	} else {
		r.settle(d, relay.Settlement{State: relay.StateAnswered, Reason: "sealed", RetryIn: time.Minute, NotMade: true})
	}
	if d := r.claimFirst(good); d.Unreadable != nil {
		t.Errorf("the one behind: %v", d.Unreadable)
	}
	// A list shows what is readable of this callback, and all other callbacks.
	r.must(r.client.HSet(ctx, r.key(good), "approvers", "k1:nothing that opens").Err())
	if shown := r.listAll(relay.Query{Limit: 50}); len(shown) != 2 {
		t.Errorf("%d listed, want both", len(shown))
	}
}

// claimFirst claims one delivery of several.
func (r *redisUnderTest) claimFirst(want relay.Callback) relay.Delivery {
	r.t.Helper()
	got, err := r.Claim(r.t.Context(), 1)
	if err != nil || len(got) != 1 || got[0].ID != want.ID {
		r.t.Fatalf("claimed %d deliveries (%v)", len(got), err)
	}
	return got[0]
}
