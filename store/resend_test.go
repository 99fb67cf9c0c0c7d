package store

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
)

// refusal is an error reply of a server.
type refusal string

func (r refusal) Error() string { return string(r) }
func (refusal) RedisError()     {}

// fakeServer answers in place of a server: each round trip with its commands, of which the
// last argument is the number of the call.
type fakeServer struct {
	trips  [][]string // "evalsha 3" is the command of call 3
	answer func(trip, call int) error
}

func (f *fakeServer) DialHook(redis.DialHook) redis.DialHook {
	return func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("not a real server") }
}

func (f *fakeServer) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(_ context.Context, cmd redis.Cmder) error { f.serve([]redis.Cmder{cmd}); return cmd.Err() }
}

func (f *fakeServer) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(_ context.Context, cmds []redis.Cmder) error { f.serve(cmds); return cmds[0].Err() }
}

func (f *fakeServer) serve(cmds []redis.Cmder) {
	trip := len(f.trips)
	f.trips = append(f.trips, nil)
	for _, cmd := range cmds {
		number := cmd.Args()[len(cmd.Args())-1].(int)
		f.trips[trip] = append(f.trips[trip], cmd.Name()+" "+strconv.Itoa(number))
		if err := f.answer(trip, number); err != nil {
			cmd.SetErr(err)
			continue
		}
		cmd.SetErr(nil)
		cmd.(*redis.Cmd).SetVal([]any{"verdict", strconv.Itoa(number)})
	}
}

// on returns a store on the server, which it finds usable.
func (f *fakeServer) on(client redis.UniversalClient) *Store {
	client.AddHook(f)
	s := New(client, Options{Lease: time.Minute, Retention: time.Hour})
	s.marker.Store(&markerReading{at: time.Now()})
	return s
}

func numbered(n int) (calls []call) {
	for i := range n {
		calls = append(calls, call{[]string{dueKey(0)}, []any{i}})
	}
	return calls
}

// A server that refuses many calls of one caller gets them again in one pipeline per try,
// with the script's text once. The other calls are not repeated.
func TestRefusedCallsAreSentAgainTogether(t *testing.T) {
	for refused, tries := range map[refusal]int{
		"NOSCRIPT No matching script.": 3, "TRYAGAIN Multiple keys": 3, "MOVED 1 127.0.0.1:2": 3, "ASK 1 127.0.0.1:2": 3,
		"LOADING Redis is loading": 1, "READONLY You can't write": 1, "CLUSTERDOWN The cluster is down": 1, "MASTERDOWN Link": 1, "NOREPLICAS Not enough": 1,
	} {
		t.Run(strings.Fields(string(refused))[0], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
				defer client.Close()
				f := &fakeServer{answer: func(trip, call int) error {
					if call%2 == 1 && trip < tries {
						return refused
					}
					return nil
				}}
				replies, err := f.on(client).runAll(t.Context(), touchScript, numbered(20))
				if err != nil {
					t.Fatal(err)
				}
				for i, got := range replies {
					if got.verdict() != strconv.Itoa(i) {
						t.Errorf("reply %d: %v", i, got)
					}
				}
				if len(f.trips) != 1+tries {
					t.Fatalf("%d round trips, want the first and %d more: %v", len(f.trips), tries, f.trips)
				}
				for _, trip := range f.trips[1:] {
					texts := 0
					for _, command := range trip {
						if strings.HasPrefix(command, "eval ") {
							texts++
						}
					}
					if want := strings.HasPrefix(string(refused), "NOSCRIPT"); len(trip) != 10 || (texts == 1) != want || texts > 1 {
						t.Errorf("sent again: %v", trip)
					}
				}
			})
		})
	}
}

// A server that goes on refusing is not asked for ever, and only its refusals are errors.
func TestRefusedForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
		defer client.Close()
		f := &fakeServer{answer: func(_, call int) error {
			if call == 1 {
				return refusal("TRYAGAIN for ever")
			}
			return nil
		}}
		replies, err := f.on(client).runAll(t.Context(), touchScript, numbered(3))
		if !redis.HasErrorPrefix(err, "TRYAGAIN") || len(f.trips) != tries {
			t.Errorf("%v after %d round trips", err, len(f.trips))
		}
		if replies[0].verdict() != "0" || replies[1] != nil || replies[2].verdict() != "2" {
			t.Errorf("replies: %v", replies)
		}
	})
}

// While the slots cannot be asked for, nothing can be sent. A call that is sent afterwards
// has not failed.
func TestEarlierFailureIsForgotten(t *testing.T) {
	asked := 0
	client := redis.NewClusterClient(&redis.ClusterOptions{ClusterSlots: func(context.Context) ([]redis.ClusterSlot, error) {
		if asked++; asked == 1 {
			return nil, refusal("LOADING Redis is loading the dataset in memory")
		}
		return []redis.ClusterSlot{{End: 16383, Nodes: []redis.ClusterNode{{Addr: "127.0.0.1:1"}}}}, nil
	}})
	defer client.Close()
	f := &fakeServer{answer: func(int, int) error { return nil }}
	got, err := first(f.on(client).execute(t.Context(), false, touchScript, numbered(1)))
	if err != nil || got.verdict() != "0" || len(f.trips) != 1 {
		t.Errorf("%v, %v after %d round trips", got, err, len(f.trips))
	}
}

// A caller that leaves gets the reply of a call that is under way, which may have changed
// something, and at once an error for calls that wait, which are never sent.
func TestCallerLeavesDuringItsPipeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
		defer client.Close()
		reply := make(chan error)
		f := &fakeServer{answer: func(int, int) error { return <-reply }}
		s := f.on(client)
		var told outcomes
		s.metrics = &told
		ctx, leave := context.WithCancel(t.Context())
		under, waits := make(chan error, 1), make(chan error, 1)
		ask := func(to chan<- error) {
			got, err := first(s.execute(ctx, false, touchScript, numbered(1)))
			if err == nil && got.verdict() != "0" {
				t.Errorf("reply: %v", got)
			}
			to <- err
		}
		go ask(under)
		synctest.Wait()
		go ask(waits)
		synctest.Wait()
		leave()
		synctest.Wait()
		select {
		case err := <-waits:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("a call that waited: %v", err)
			}
		default:
			t.Error("a call that waits keeps a caller that has left")
		}
		select {
		case err := <-under:
			t.Errorf("a call under way was left: %v", err)
		default:
		}
		reply <- nil
		synctest.Wait()
		select {
		case err := <-under:
			if err != nil {
				t.Errorf("a call under way: %v", err)
			}
		default:
			t.Error("no reply")
		}
		if len(f.trips) != 1 {
			t.Errorf("%d round trips, want that of the call that was under way", len(f.trips))
		}
		if told.failed.Load() != 0 || told.fine.Load() != 1 {
			t.Errorf("metrics: %d failed and %d did not, want one that did not", told.failed.Load(), told.fine.Load())
		}
	})
}

// A caller that has left has no call sent again.
func TestRefusedAfterTheCallerLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
		defer client.Close()
		ctx, leave := context.WithCancel(t.Context())
		f := &fakeServer{answer: func(_, call int) error {
			leave()
			if call == 1 {
				return refusal("TRYAGAIN Multiple keys")
			}
			return nil
		}}
		replies, err := f.on(client).runAll(ctx, touchScript, numbered(2))
		if !errors.Is(err, context.Canceled) || len(f.trips) != 1 || replies[0].verdict() != "0" || replies[1] != nil {
			t.Errorf("%v, %v after %d round trips", replies, err, len(f.trips))
		}
	})
}

// outcomes counts what the metrics are told.
type outcomes struct{ failed, fine atomic.Int64 }

func (o *outcomes) RedisCalled(_ string, failed bool, _ time.Duration) {
	if failed {
		o.failed.Add(1)
	} else {
		o.fine.Add(1)
	}
}

// Other commands of a caller that leaves say nothing of Redis either, but a deadline that
// passes does.
func TestCommandsOfACallerThatLeft(t *testing.T) {
	var told outcomes
	for _, err := range []error{context.Canceled, errors.Join(refusal("LOADING"), context.Canceled), context.DeadlineExceeded, refusal("LOADING"), nil} {
		timing{&told}.observe(redis.NewCmd(t.Context(), "get", "k"), err, time.Now())
	}
	if told.failed.Load() != 2 || told.fine.Load() != 1 {
		t.Errorf("%d failed and %d did not, want 2 and 1", told.failed.Load(), told.fine.Load())
	}
}

// At least half of the pool's connections stay free, however small the URL makes it.
func TestPipelinesLeaveHalfOfThePool(t *testing.T) {
	for size, want := range map[string]int{"1": 1, "2": 1, "3": 1, "10": 5, "64": 32} {
		synctest.Test(t, func(t *testing.T) {
			client, err := Open(ModeStandalone, "redis://127.0.0.1:1?pool_size="+size)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			s := New(client, Options{Durability: Durability{Replicas: 1}})
			p := s.newPrimary(client.(*redis.Client))
			release := make(chan struct{})
			var sent []bool
			send := func(durable bool) func(context.Context, []*queuedCall) {
				return func(context.Context, []*queuedCall) {
					p.calls.shared.mu.Lock()
					sent = append(sent, durable)
					p.calls.shared.mu.Unlock()
					<-release
				}
			}
			p.calls.send, p.durable.send = send(false), send(true)
			var all []*countdown
			ask := func(l *lane) {
				done := newCountdown(1)
				l.enqueue([]*queuedCall{{ctx: t.Context(), done: done}})
				all = append(all, done)
			}
			for range 2 * want {
				ask(&p.durable)
				time.Sleep(patience)
				synctest.Wait()
			}
			if n := len(sent); n > want || n < max(1, want-1) || slices.Contains(sent, false) {
				t.Errorf("pool of %s: %d pipelines of one lane, want about %d", size, n, want)
			}
			ask(&p.calls)
			time.Sleep(10 * patience)
			synctest.Wait()
			if n := len(sent); n != want || want > 1 && !slices.Contains(sent, false) {
				t.Errorf("pool of %s: %d pipelines, want %d and one of the other lane: %v", size, n, want, sent)
			}
			release <- struct{}{}
			synctest.Wait()
			if !slices.Contains(sent, false) {
				t.Errorf("pool of %s: the other lane has to wait until its neighbour has nothing to do", size)
			}
			close(release)
			for _, done := range all {
				<-done.zero
			}
		})
	}
}
