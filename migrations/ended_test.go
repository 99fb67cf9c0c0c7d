package migrations

import (
	"context"
	"encoding/base32"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"callback-relay/programs"
)

// previous runs the scripts of the last release that knew only version 1, from git.
// What they write is what the migration finds.
type previous struct {
	*testing.T
	client redis.UniversalClient
	commit string
}

// versionOne is the last release without sets for callbacks that have ended.
const versionOne = "f172353"

func newPrevious(t *testing.T, client redis.UniversalClient) *previous {
	t.Helper()
	if err := exec.Command("git", "cat-file", "-e", versionOne).Run(); err != nil {
		programs.Skip(t, "git does not have %s: %v", versionOne, err)
	}
	if err := client.Set(t.Context(), schemaKey, "1", 0).Err(); err != nil {
		t.Fatal(err)
	}
	return &previous{t, client, versionOne}
}

func (p *previous) run(name string, keys []string, args ...any) []string {
	p.Helper()
	var source strings.Builder
	for _, file := range []string{"prelude", name} {
		text, err := exec.Command("git", "show", p.commit+":store/scripts/"+file+".lua").Output()
		if err != nil {
			p.Fatal(err)
		}
		source.Write(text)
	}
	reply, err := redis.NewScript(source.String()).Run(p.Context(), p.client, keys, args...).StringSlice()
	if err != nil {
		p.Fatalf("%s: %v", name, err)
	}
	return reply
}

// callback is one that the previous release has made.
type callback struct {
	id        string
	partition int
}

func (c callback) key(rest string) string { return partitionKey(c.partition, rest) }
func (c callback) hash() string           { return c.key("cb:" + c.id) }

// make registers a callback and brings it into a state.
func (p *previous) make(n int, state string, retention time.Duration) callback {
	p.Helper()
	raw := make([]byte, 16)
	raw[0], raw[1], raw[2] = byte(n), byte(n>>8), 1
	c := callback{strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw)), n % partitions}
	onExpiry, in := "fail", time.Hour.Milliseconds()
	if state == "expired" {
		onExpiry, in = "ignore", 1
	}
	spec := `{"links":[["default","webhook"]],"onExpiry":"` + onExpiry + `","expires":"","key":"k1"}`
	p.run("create", []string{c.hash(), c.key("deadline"), c.key("created")},
		c.id, "pending", "in", in, in, spec, "sealed task token", "", "", "", "")
	switch state {
	case "cancelled":
		p.run("cancel", []string{c.hash(), c.key("deadline")}, c.id, "pending", state, retention.Milliseconds())
	case "expired":
		for p.run("expire", []string{c.hash(), c.key("deadline"), c.key("due")}, c.id, "pending", "answered", state,
			"failure", "Callback.Expired", "sealed", "expiry", retention.Milliseconds())[0] != "ignored" { // until its millisecond has passed
		}
	case "answered", "delivered", "refused":
		p.run("answer", []string{c.hash(), c.key("deadline"), c.key("due")}, c.id, "pending", "answered", "success", "",
			"sealed", "digest", "0", 60_000, "lease", "", "", "", "webhook", "")
	}
	if state == "delivered" || state == "refused" {
		p.run("settle", []string{c.hash(), c.key("due")}, c.id, "1", "answered", state, "", "1", 0, "0", "0",
			retention.Milliseconds(), "lease")
	}
	return c
}

var allStates = []string{"pending", "answered", "delivered", "refused", "expired", "cancelled"}

// sets are the sorted sets that a callback is in, with its scores.
func (p *previous) sets(c callback) map[string]float64 {
	p.Helper()
	found := map[string]float64{}
	for _, set := range append([]string{"created", "deadline", "due"}, allStates...) {
		score, err := p.client.ZScore(p.Context(), c.key(set), c.id).Result()
		if err == nil {
			found[set] = score
		} else if !errors.Is(err, redis.Nil) {
			p.Fatal(err)
		}
	}
	return found
}

// TestEndedCallbacks runs migration 2 on callbacks of the previous release, with
// repeated interruptions, and while that release still writes.
func TestEndedCallbacks(t *testing.T) {
	onEachServer(t, func(t *testing.T, client redis.UniversalClient) {
		p, ctx := newPrevious(t, client), t.Context()
		const retention = time.Hour
		in := map[string]string{"pending": "deadline", "answered": "due"}
		for _, state := range allStates[2:] {
			in[state] = state
		}
		kept := map[callback]string{}
		var gone []callback
		for i := range 120 {
			state := allStates[i%len(allStates)]
			c := p.make(i, state, retention)
			if i%5 == 0 && in[state] == state {
				if err := client.Del(ctx, c.hash()).Err(); err != nil { // as the end of retention does
					t.Fatal(err)
				}
				gone = append(gone, c)
				continue
			}
			kept[c] = state
		}
		// This release has a stale entry for this callback, which the other release
		// registered again.
		again := p.make(200, "pending", retention)
		kept[again] = "pending"
		if err := client.ZAdd(ctx, again.key("cancelled"), redis.Z{Score: 1, Member: again.id}).Err(); err != nil {
			t.Fatal(err)
		}
		// An entry that cannot be read is left alone, and delays nothing.
		if err := client.ZAdd(ctx, again.key("created"), redis.Z{Score: 5, Member: "no id"}).Err(); err != nil {
			t.Fatal(err)
		}

		r := newRunner(client, All, nil)
		plans, err := r.preview(ctx)
		if ended := 80 - len(gone); err != nil || len(plans) != 1 || plans[0].Rewrites != ended+len(gone)+1 {
			t.Errorf("preview = %+v, %v", plans, err)
		}
		late := callback{}
		completed := 0
		for runs := 0; completed == 0; runs++ {
			run, cut := context.WithCancel(ctx)
			r := newRunner(client, All, nil)
			r.notice = time.Millisecond
			pages := 0
			r.report = func(now Progress) {
				if now.Step == "rewriting" {
					if pages++; pages == 20 {
						cut()
					}
					if late.id == "" { // before the cursor, by a replica that has not noticed the marker yet
						late = p.make(300, "cancelled", retention)
						kept[late] = "cancelled"
					}
				}
			}
			if completed, err = r.up(run); err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			cut()
			if runs > 20 {
				t.Fatal("it does not go on where it was cut off")
			}
		}
		wantKeys(t, client, "2")
		for c, state := range kept {
			found := p.sets(c)
			names := map[string]bool{}
			for set := range found {
				names[set] = true
			}
			if diff := cmp.Diff(map[string]bool{"created": true, in[state]: true}, names); diff != "" {
				t.Errorf("%s, sets (-want +got):\n%s", state, diff)
			}
			if in[state] != state {
				continue
			}
			forgotten := time.UnixMilli(int64(found[state]))
			left := client.PTTL(ctx, c.hash()).Val()
			if d := time.Until(forgotten) - left; d.Abs() > 10*time.Second {
				t.Errorf("%s: scored %v, and it has %v left", state, forgotten, left)
			}
		}
		for _, c := range gone {
			if found := p.sets(c); len(found) > 0 {
				t.Errorf("a callback that is gone is in %v", found)
			}
		}
		if n, err := newRunner(client, All, nil).verify(ctx); n != len(kept)+1 || err == nil || !strings.Contains(err.Error(), "1 of") {
			t.Errorf("verify = %d, %v; want all but what cannot be read", n, err)
		}
	})
}

// TestOlderReplicas (row 68): while any live replica does not know the version that
// a migration leads to, nothing is changed, and the error names the replica.
func TestOlderReplicas(t *testing.T) {
	onEachServer(t, func(t *testing.T, client redis.UniversalClient) {
		ctx := t.Context()
		announce := func(name string, ago time.Duration) {
			score := float64(time.Now().Add(-ago).UnixMilli())
			if err := client.ZAdd(ctx, replicasKey, redis.Z{Score: score, Member: name}).Err(); err != nil {
				t.Fatal(err)
			}
		}
		wantOlder := func(when string, completed int, names ...string) {
			t.Helper()
			n, err := Up(ctx, client, nil)
			older, ok := errors.AsType[*OlderReplicasError](err)
			if !ok || n != completed || older.Number != 2 || !cmp.Equal(older.Replicas, names) {
				t.Errorf("%s: Up = %d, %v; want %d and an error about %q", when, n, err, completed, names)
			}
			if got := client.Get(ctx, schemaKey).Val(); got != "1" {
				t.Errorf("%s: the marker is %q", when, got)
			}
			if n := client.Exists(ctx, progressKey, migratorKey).Val(); n != 0 {
				t.Errorf("%s: progress or lock were left behind", when)
			}
		}
		announce("OLD", 0)
		announce("OLD2+generations", 0)
		announce("NEW+keyspace2+generations", 0)
		announce("NEWER+keyspace11", 0)
		wantOlder("on an empty Redis", 1, "OLD", "OLD2+generations")
		wantOlder("again", 0, "OLD", "OLD2+generations")
		if err := client.ZRem(ctx, replicasKey, "OLD").Err(); err != nil {
			t.Fatal(err)
		}
		wantOlder("when one has stopped", 0, "OLD2+generations")
		announce("OLD2+generations", 20*time.Second) // it has not announced itself since
		announce("OLD3+keyspaceX", 20*time.Second)
		r := newRunner(client, All, nil)
		r.notice = time.Millisecond
		if n, err := r.up(ctx); n != 1 || err != nil {
			t.Errorf("up = %d, %v", n, err)
		}
		wantKeys(t, client, "2")

		// A migration that has begun is finished even if an older replica starts
		// meanwhile, since that replica does not serve anyway.
		if err := client.Set(ctx, schemaKey, "1>2", 0).Err(); err != nil {
			t.Fatal(err)
		}
		announce("OLD", 0)
		if n, err := r.up(ctx); n != 1 || err != nil {
			t.Errorf("up of what has begun = %d, %v", n, err)
		}
		wantKeys(t, client, "2")
	})
}

// TestSetUpWithCallbacks: callbacks without a marker, as after a restore, are
// checked.
func TestSetUpWithCallbacks(t *testing.T) {
	onEachServer(t, func(t *testing.T, client redis.UniversalClient) {
		p := newPrevious(t, client)
		c := p.make(1, "cancelled", time.Hour)
		if err := client.Del(t.Context(), schemaKey).Err(); err != nil {
			t.Fatal(err)
		}
		r := newRunner(client, All, nil)
		r.notice = time.Millisecond
		if n, err := r.up(t.Context()); n != 2 || err != nil {
			t.Fatalf("up = %d, %v", n, err)
		}
		if found := p.sets(c); found["cancelled"] == 0 {
			t.Errorf("it is in %v", found)
		}
		wantKeys(t, client, "2")
	})
}
