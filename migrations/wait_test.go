package migrations

import (
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// TestWaitsForRedis: a run waits for a Redis that loads its data or starts a moment
// later, and says once what it waits for.
func TestWaitsForRedis(t *testing.T) {
	t.Parallel()
	for answer, step := range map[string]string{
		"LOADING Redis is loading the dataset in memory":                   "waiting for redis, which is loading its data",
		"MASTERDOWN Link with MASTER is down and replica-serve-stale-data": "waiting for redis, which is not ready: MASTERDOWN",
	} {
		server := miniredis.RunT(t)
		server.SetError(answer)
		r := testRunner(connect(t, &redis.Options{Addr: server.Addr(), MaxRetries: -1}), nil)
		var steps []string
		r.report = func(p Progress) {
			if steps = append(steps, p.Step); len(steps) == 1 {
				time.AfterFunc(10*time.Millisecond, func() { server.SetError("") })
			}
		}
		if _, err := r.up(t.Context()); err != nil {
			t.Errorf("%s: %v", answer, err)
		}
		if n := len(slices.DeleteFunc(slices.Clone(steps), func(s string) bool { return s != step })); n != 1 {
			t.Errorf("%s: steps %q", answer, steps)
		}
	}
}

// TestDoesNotWaitForEver: a run waits for a limited time, and only for temporary
// errors.
func TestDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	r := testRunner(connect(t, &redis.Options{Addr: closed.Addr().String(), MaxRetries: -1}), nil)
	r.away = time.Millisecond
	if _, err := r.up(t.Context()); err == nil {
		t.Error("a Redis that is not there was found")
	} else if _, ok := errors.AsType[net.Error](err); !ok {
		t.Errorf("got %v", err)
	}

	server := miniredis.RunT(t)
	server.SetError("LOADING")
	r = testRunner(connect(t, &redis.Options{Addr: server.Addr(), MaxRetries: -1}), nil)
	r.loading = time.Millisecond
	if _, err := r.up(t.Context()); !redis.HasErrorPrefix(err, "LOADING") {
		t.Errorf("got %v", err)
	}

	server.SetError("NOPERM this user has no permissions")
	r = testRunner(connect(t, &redis.Options{Addr: server.Addr(), MaxRetries: -1}), nil)
	r.away, r.loading = time.Hour, time.Hour
	if _, err := r.up(t.Context()); !redis.HasErrorPrefix(err, "NOPERM") {
		t.Errorf("got %v", err)
	}
}

// TestCallbackOfAnotherType (row 80): a callback that is not a hash is reported, and
// the check continues after it.
func TestCallbackOfAnotherType(t *testing.T) {
	onEachServer(t, func(t *testing.T, client redis.UniversalClient) {
		ctx := t.Context()
		if _, err := Up(ctx, client, nil); err != nil {
			t.Fatal(err)
		}
		second := strings.Repeat("b", 26)
		for i, id := range []string{strings.Repeat("a", 26), second, strings.Repeat("c", 26)} {
			add(t, client, "07", id, i)
		}
		key := "relay:v1:{07}:cb:" + second
		if err := client.Del(ctx, key).Err(); err != nil {
			t.Fatal(err)
		}
		if err := client.Set(ctx, key, "no hash", 0).Err(); err != nil {
			t.Fatal(err)
		}
		n, err := Verify(ctx, client, nil)
		if n != 3 || err == nil || !strings.Contains(err.Error(), "b is not a hash") {
			t.Errorf("looked at %d: %v", n, err)
		}
	})
}
