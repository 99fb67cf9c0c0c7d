package store_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
	"callback-relay/store"
	"callback-relay/store/redistest"
)

// Callers that share pipelines get the results of their own calls, whichever script each
// of them calls, whatever becomes of the calls of others, and even if the server forgets
// all scripts.
func testSharedPipelines(t *testing.T, r *redisUnderTest) {
	var shared atomic.Int64
	counting := &sharing{shared: &shared}
	r.client.AddHook(counting)
	if r.durability != (store.Durability{}) {
		shared.Store(1) // these calls go through another client
	}
	until(t, "two callers share a pipeline", func() bool {
		for round := range 3 {
			r.must(r.client.FlushAll(t.Context()).Err())
			r.must(r.client.Set(t.Context(), "relay:schema", "2", 0).Err())
			if round == 1 {
				r.must(r.client.ScriptFlush(t.Context()).Err())
			}
			shareOneRound(t, r)
		}
		return shared.Load() > 0
	})
}

func shareOneRound(t *testing.T, r *redisUnderTest) {
	t.Helper()
	ctx := context.Background()
	var callers sync.WaitGroup
	for i := range 48 {
		callers.Go(func() {
			task := relay.TaskToken(fmt.Sprint("task ", i))
			cb, created, err := r.Create(ctx, registration(task), maxExpiry)
			if err != nil || !created {
				t.Errorf("create %d: new %v, %v", i, created, err)
				return
			}
			switch i % 4 {
			case 0:
				damaged := r.client.Set(ctx, r.key(cb), "not a hash", 0).Err()
				if _, err := r.Answer(ctx, r.link(cb, "default"), success(`1`), nil); damaged != nil || !errors.Is(err, relay.ErrUnavailable) || !strings.Contains(err.Error(), "WRONGTYPE") {
					t.Errorf("answer %d, which is damaged: %v, %v", i, err, damaged)
				}
				return
			case 1:
				got, _, err := r.Waiting(ctx, r.link(cb, "progress"), false)
				if err != nil || got != task {
					t.Errorf("waiting %d: %q, %v", i, got.Reveal(), err)
				}
				return
			case 2:
				if _, err := r.Cancel(ctx, cb.ID); err != nil {
					t.Errorf("cancel %d: %v", i, err)
				}
				if _, err := r.Answer(ctx, r.link(cb, "default"), success(`1`), nil); errors.Is(err, relay.ErrUnavailable) || err == nil {
					t.Errorf("answer %d, which is cancelled: %v", i, err)
				}
				return
			}
			got, err := r.Answer(ctx, r.link(cb, "default"), success(fmt.Sprint(i)), nil)
			if err != nil || got.Delivery == nil || got.Delivery.TaskToken != task {
				t.Errorf("answer %d: %+v, %v", i, got, err)
				return
			}
			if held, err := r.Settle(ctx, *got.Delivery, relay.Settlement{State: relay.StateDelivered}); err != nil || !held {
				t.Errorf("settle %d: held %v, %v", i, held, err)
			}
		})
	}
	callers.Wait()
}

// sharing counts pipelines with several scripts.
type sharing struct {
	repeat // for the other hooks
	shared *atomic.Int64
}

func (s *sharing) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (s *sharing) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if cmds[0].Name() == "evalsha" && len(cmds) > 1 {
			s.shared.Add(1)
		}
		return next(ctx, cmds)
	}
}

// Callers that stop waiting get an error, of a call under way when the client gives it up.
// What they leave behind does not disturb others.
func TestCallerLeaves(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	t.Parallel()
	server := redistest.Start(t)
	r := prepared(t, store.ModeStandalone, server.URL)
	cb := r.register("task")
	server.Pause()
	ctx, leave := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	for range 3 {
		callers.Go(func() {
			if _, err := r.Cancel(ctx, cb.ID); !errors.Is(err, relay.ErrUnavailable) {
				t.Errorf("a caller that left: %v", err)
			}
		})
	}
	leave()
	callers.Wait()
	server.Resume()
	until(t, "others are served", func() bool {
		_, created, err := r.Create(t.Context(), registration("other"), maxExpiry)
		return err == nil && created
	})
}

// A connection that breaks fails each caller, and none of them twice or never. Those who
// call afterwards get another connection.
func TestBrokenPipelines(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	t.Parallel()
	r := onURL(t, store.ModeStandalone, redistest.Start(t).URL)
	cut := &cutting{}
	r.client.AddHook(cut)
	r.must(r.client.Set(t.Context(), "relay:schema", "2", 0).Err())
	var all []relay.Callback
	for i := range 40 {
		all = append(all, r.register(relay.TaskToken(fmt.Sprint(i))))
	}
	cut.on.Store(true)
	answerAll := func(check func(i int, got relay.Recorded, err error)) {
		var callers sync.WaitGroup
		for i, cb := range all {
			callers.Go(func() {
				got, err := r.Answer(t.Context(), r.link(cb, "default"), success(fmt.Sprint(i)), nil)
				check(i, got, err)
			})
		}
		callers.Wait()
	}
	answerAll(func(i int, _ relay.Recorded, err error) {
		if !errors.Is(err, relay.ErrUnavailable) {
			t.Errorf("%d over a broken connection: %v", i, err)
		}
	})
	cut.on.Store(false)
	answerAll(func(i int, got relay.Recorded, err error) {
		if err != nil || got.Delivery != nil && got.Delivery.TaskToken.Reveal() != fmt.Sprint(i) {
			t.Errorf("%d over a new connection: %+v, %v", i, got, err)
		}
	})
}

// cutting closes each connection of a client when it is written to.
type cutting struct{ on atomic.Bool }

func (c *cutting) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (c *cutting) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (c *cutting) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := next(ctx, network, addr)
		return &cutConn{conn, c}, err
	}
}

type cutConn struct {
	net.Conn
	by *cutting
}

func (c *cutConn) Write(b []byte) (int, error) {
	if c.by.on.Load() {
		_ = c.Close()
	}
	return c.Conn.Write(b)
}

// Row 59: with fewer copies than asked for, each call of a shared pipeline fails, and all
// are durable afterwards.
func TestSharedPipelinesWithFewerReplicas(t *testing.T) {
	onPrimaries(t, func(t *testing.T, primary *redistest.Server) {
		t.Parallel()
		replica := redistest.StartReplica(t, primary)
		r := prepared(t, store.ModeStandalone, primary.URL, store.Durability{Replicas: 1})
		var all []relay.Callback
		for i := range 20 {
			all = append(all, r.register(relay.TaskToken(fmt.Sprint(i))))
		}
		replica.Pause()
		for _, when := range []string{"at first", "again"} {
			var callers sync.WaitGroup
			for i, cb := range all {
				callers.Go(func() {
					_, err := r.Answer(t.Context(), r.link(cb, "default"), success(fmt.Sprint(i)), nil)
					if !errors.Is(err, relay.ErrUnavailable) || !strings.Contains(err.Error(), "durability") {
						t.Errorf("%s, %d: %v, want that copies are missing", when, i, err)
					}
				})
			}
			began := time.Now()
			callers.Wait()
			t.Logf("%s: %d callers waited %s", when, len(all), time.Since(began).Round(time.Millisecond))
		}
		replica.Resume()
		for i, cb := range all {
			if got, err := r.Answer(t.Context(), r.link(cb, "default"), success(fmt.Sprint(i)), nil); err != nil || !got.Duplicate {
				t.Errorf("%d afterwards: %+v, %v", i, got, err)
			}
		}
	})
}
