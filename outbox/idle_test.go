package outbox_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"callback-relay/outbox"
	"callback-relay/relay"
	"callback-relay/store"
	"callback-relay/store/redistest"
)

// loop is the key of the name of a loop in a context.
type loop struct{}

// tally counts the rounds of each loop, and the commands that clients send in it.
type tally struct {
	mu               sync.Mutex
	rounds, commands map[string]int
}

// begin counts a round, and returns the context whose commands count for it.
func (l *tally) begin(ctx context.Context, name string) context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rounds[name]++
	return context.WithValue(ctx, loop{}, name)
}

func (l *tally) count(ctx context.Context, cmds ...redis.Cmder) {
	l.mu.Lock()
	defer l.mu.Unlock()
	name, _ := ctx.Value(loop{}).(string)
	for _, cmd := range cmds {
		switch {
		case slices.Contains([]string{"hello", "client"}, cmd.Name()): // those of connecting
		case cmd.Name() == "evalsha": // the calls of several loops can share a pipeline
			l.commands["scripts"]++
		default:
			l.commands[name]++
		}
	}
}

// of returns how many rounds a loop has had, and how many commands were sent in it.
func (l *tally) of(name string) (rounds, commands int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rounds[name], l.commands[name]
}

func (l *tally) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (l *tally) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		l.count(ctx, cmd)
		return next(ctx, cmd)
	}
}

func (l *tally) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		l.count(ctx, cmds...)
		return next(ctx, cmds)
	}
}

// looks tells a tally what an outbox asks of its queue.
type looks struct {
	*store.Store
	*tally
}

func (l looks) Claim(ctx context.Context, limit int) ([]relay.Delivery, error) {
	return l.Store.Claim(l.begin(ctx, "claim"), limit)
}

func (l looks) Expire(ctx context.Context, limit int) (int, error) {
	return l.Store.Expire(l.begin(ctx, "expire"), limit)
}

func (l looks) Trim(ctx context.Context) (int, error) {
	return l.Store.Trim(l.begin(ctx, "trim"))
}

func (l looks) Census(ctx context.Context, near time.Duration) (relay.Census, error) {
	return l.Store.Census(l.begin(ctx, "census"), near)
}

func (l looks) Announce(ctx context.Context, replica string, ttl time.Duration) (int, error) {
	return l.Store.Announce(l.begin(ctx, "announce"), replica, ttl)
}

// Each look of an idle replica is one command, whatever the number of partitions,
// and a check of the store is four. [TestIdleFleet] bounds how often a replica
// looks; the store is checked once a second. So an idle replica sends fewer than
// 20 commands a second, and fewer the more replicas there are.
func TestIdleCommands(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	perMinute := map[int]int{}
	for _, replicas := range []int{1, 3} {
		sent := idle(t, replicas)
		perRound := func(name string, want, loops, rounds int) int {
			_, commands := sent.of(name)
			// The last round of each loop may have been cut off.
			if commands > want*(rounds+replicas*loops) || commands < want*(rounds-replicas*loops) {
				t.Errorf("%d replicas: %d commands in %d rounds of %s, want %d in each", replicas, commands, rounds, name, want)
			}
			return (commands + rounds - 1) / rounds
		}
		rounds := 0
		for _, name := range []string{"claim", "expire", "trim", "census", "announce"} {
			n, _ := sent.of(name)
			rounds += n
		}
		checks, _ := sent.of("watch")
		perMinute[replicas] = (2*mostLooks(replicas)+mostOthers)*perRound("scripts", 1, 5, rounds) + 60*perRound("watch", 4, 1, checks)
		if _, others := sent.of(""); others > replicas { // each says that it leaves
			t.Errorf("%d replicas: %d commands of no loop", replicas, others)
		}
	}
	if perMinute[1] > 20*60 || perMinute[3] >= perMinute[1] {
		t.Errorf("commands of a replica in a minute: %d of one, %d of each of three; want at most %d, and fewer of each of three",
			perMinute[1], perMinute[3], 20*60)
	}
}

// idle runs replicas on a server of their own, until they have looked for work a
// hundred times, and the store was checked as often.
func idle(t *testing.T, replicas int) *tally {
	t.Helper()
	const rounds = 100
	server := redistest.Start(t)
	if err := server.Client().Set(t.Context(), "relay:schema", "2", 0).Err(); err != nil {
		t.Fatal(err)
	}
	keys, err := relay.ParseKeyRing("k1:" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))))
	if err != nil {
		t.Fatal(err)
	}
	sent := &tally{rounds: map[string]int{}, commands: map[string]int{}}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var running sync.WaitGroup
	for i := range replicas {
		client, err := store.Open(store.ModeStandalone, server.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		s := store.New(client, store.Options{Keys: keys, Lease: time.Minute, Retention: time.Hour})
		loadScripts(t, s)
		client.AddHook(sent)
		o, _ := setUp(t, newQueue(), &sender{}, func(o *outbox.Options) {
			o.Queue, o.Replica, o.Poll = looks{s, sent}, fmt.Sprint("replica", i), 5*time.Millisecond
		})
		running.Go(func() { o.Run(ctx) })
		running.Go(func() {
			watched := context.WithValue(ctx, loop{}, "watch")
			s.Watch(watched, 5*time.Millisecond, func(store.Condition) { sent.begin(ctx, "watch") })
		})
	}
	for deadline := time.After(time.Minute); ; {
		polls, _ := sent.of("claim")
		checks, _ := sent.of("watch")
		if polls >= rounds && checks >= rounds {
			break
		}
		select {
		case <-deadline:
			t.Fatalf("%d looks and %d checks in a minute", polls, checks)
		case <-time.After(time.Millisecond):
		}
	}
	stop()
	running.Wait()
	return sent
}

// loadScripts lets a server have the scripts of all loops, and a store read the
// marker.
func loadScripts(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	for _, err := range []error{
		second(s.Claim(ctx, 1)), second(s.Expire(ctx, 1)), second(s.Trim(ctx)),
		second(s.Census(ctx, 0)), second(s.Announce(ctx, "loading", time.Minute)), s.Leave(ctx, "loading"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func second[T any](_ T, err error) error { return err }
