package store_test

import (
	"maps"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Row 113: which senders are awaited is kept until the latest time that was asked for, and no
// longer.
func testAwaitedSenders(t *testing.T, r *redisUnderTest) {
	const key = "relay:v1:awaited"
	now := time.Now().Truncate(time.Millisecond)
	awaited := func(when string, want map[string]time.Time) {
		t.Helper()
		c, err := r.HookCensus(t.Context(), nil)
		r.must(err)
		if !maps.EqualFunc(c.Awaited, want, time.Time.Equal) {
			t.Errorf("%s: %v are awaited, want %v", when, c.Awaited, want)
		}
		if off := c.At.Sub(now); off < -time.Minute || off > time.Minute {
			t.Errorf("%s: taken at %s, want about %s", when, c.At, now)
		}
	}
	mark := func(sender string, until time.Time) {
		t.Helper()
		for range 2 { // repeating it changes nothing
			r.must(r.MarkAwaited(t.Context(), sender, until))
		}
	}
	lasts := func(want time.Duration) {
		t.Helper()
		if got := r.client.PTTL(t.Context(), key).Val(); got > want || got < want-time.Minute {
			t.Errorf("the set ends in %s, want %s", got, want)
		}
	}
	awaited("at first", map[string]time.Time{})
	mark("github", now.Add(2*time.Hour))
	mark("stripe", now.Add(time.Hour))
	mark("github", now.Add(time.Hour))
	awaited("an earlier time", map[string]time.Time{"github": now.Add(2 * time.Hour), "stripe": now.Add(time.Hour)})
	lasts(2 * time.Hour)
	mark("stripe", now.Add(200*24*time.Hour))
	awaited("a later time", map[string]time.Time{"github": now.Add(2 * time.Hour), "stripe": now.Add(200 * 24 * time.Hour)})
	lasts(200 * 24 * time.Hour)

	r.must(r.client.ZAdd(t.Context(), key, redis.Z{Score: 1, Member: "github"}).Err()) // its time passes
	awaited("when it is over", map[string]time.Time{"stripe": now.Add(200 * 24 * time.Hour)})
	mark("stripe", now)
	if left := r.client.ZCard(t.Context(), key).Val(); left != 1 {
		t.Errorf("%d members are left", left)
	}
	r.must(r.client.Del(t.Context(), key).Err())
	mark("late", now.Add(-time.Second))
	if left := r.client.Exists(t.Context(), key).Val(); left != 0 {
		t.Error("what is over is kept")
	}
	r.must(r.client.Set(t.Context(), key, "text", 0).Err())
	if err := r.MarkAwaited(t.Context(), "github", now.Add(time.Hour)); err == nil {
		t.Error("a set of another type is taken")
	}
	if _, err := r.HookCensus(t.Context(), nil); err == nil {
		t.Error("a set of another type is read")
	}
}
