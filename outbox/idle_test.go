package outbox_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"callback-relay/outbox"
	"callback-relay/relay"
	"callback-relay/store"
	"callback-relay/store/redistest"
)

// looks counts what an outbox asks of its queue.
type looks struct {
	*store.Store
	calls, polls *atomic.Int64
}

func (l looks) Claim(ctx context.Context, limit int) ([]relay.Delivery, error) {
	l.calls.Add(1)
	l.polls.Add(1)
	return l.Store.Claim(ctx, limit)
}

func (l looks) Expire(ctx context.Context, limit int) (int, error) {
	l.calls.Add(1)
	return l.Store.Expire(ctx, limit)
}

func (l looks) Trim(ctx context.Context) (int, error) {
	l.calls.Add(1)
	return l.Store.Trim(ctx)
}

func (l looks) Census(ctx context.Context, near time.Duration) (relay.Census, error) {
	l.calls.Add(1)
	return l.Store.Census(ctx, near)
}

func (l looks) Announce(ctx context.Context, replica string, ttl time.Duration) (int, error) {
	l.calls.Add(1)
	return l.Store.Announce(ctx, replica, ttl)
}

// Each look of an idle replica is one command, whatever the number of
// partitions. [TestIdleFleet] counts the looks in a minute. Together they show
// that an idle replica sends fewer than 10 commands a second, including those
// that watch the store.
func TestIdleLooksAreSingleCommands(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	const rounds = 100
	for _, replicas := range []int{1, 3} {
		t.Run(fmt.Sprint(replicas, " replicas"), func(t *testing.T) {
			server := redistest.Start(t)
			admin := server.Client()
			if err := admin.Set(t.Context(), "relay:schema", "2", 0).Err(); err != nil {
				t.Fatal(err)
			}
			before := sent(t, admin)
			keys, err := relay.ParseKeyRing("k1:" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))))
			if err != nil {
				t.Fatal(err)
			}
			var calls, polls atomic.Int64
			ctx, stop := context.WithCancel(t.Context())
			var running sync.WaitGroup
			for i := range replicas {
				client, err := store.Open(store.ModeStandalone, server.URL)
				if err != nil {
					t.Fatal(err)
				}
				defer client.Close()
				s := store.New(client, store.Options{Keys: keys, Lease: time.Minute, Retention: time.Hour})
				o, _ := setUp(t, newQueue(), &sender{}, func(o *outbox.Options) {
					o.Queue, o.Replica, o.Poll = looks{s, &calls, &polls}, fmt.Sprint("replica", i), 5*time.Millisecond
				})
				running.Go(func() { o.Run(ctx) })
			}
			for deadline := time.After(time.Minute); polls.Load() < rounds; {
				select {
				case <-deadline:
					t.Fatalf("%d looks in a minute", polls.Load())
				case <-time.After(time.Millisecond):
				}
			}
			stop()
			running.Wait()
			// Each replica reads the marker, sends the text of a script that the server
			// does not have, and says that it leaves.
			commands, most := sent(t, admin)-before, calls.Load()+int64(replicas)*12
			if commands < rounds || commands > most {
				t.Errorf("%d commands for %d looks, want at most %d", commands, calls.Load(), most)
			}
		})
	}
}

// inScripts are the commands that scripts use, and clients do not.
var inScripts = []string{"time", "zrangebyscore", "zcard", "zcount", "zrange", "zscore", "zadd", "zremrangebyscore"}

// sent returns how many commands clients have sent to a server, not counting
// those of connecting.
func sent(t *testing.T, client *redis.Client) (n int64) {
	t.Helper()
	info, err := client.Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(info) {
		name, rest, ok := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls=")
		if !ok || strings.Contains(name, "|") || slices.Contains(append(inScripts, "hello", "client", "info", "ping"), name) {
			continue
		}
		calls, _, _ := strings.Cut(rest, ",")
		count, err := strconv.ParseInt(calls, 10, 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		n += count
	}
	return n
}
