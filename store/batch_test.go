package store

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// most is the bound of pipelines under way.
const most = 24

// server stands for a primary: it keeps each batch until it is released.
type server struct {
	lane
	batches [][]*queuedCall
	release chan struct{}
}

func newServer() *server {
	s := &server{release: make(chan struct{})}
	share(most, &s.lane)
	s.send = func(_ context.Context, batch []*queuedCall) {
		s.shared.mu.Lock()
		s.batches = append(s.batches, batch)
		s.shared.mu.Unlock()
		<-s.release
	}
	return s
}

// ask adds calls with arguments of the given sizes, and returns what they wait for.
func (s *server) ask(ctx context.Context, sizes ...int) (*countdown, []*queuedCall) {
	done := newCountdown(len(sizes))
	var calls []*queuedCall
	for _, size := range sizes {
		calls = append(calls, &queuedCall{call: call{args: []any{strings.Repeat("x", size)}}, ctx: ctx, done: done})
	}
	s.enqueue(calls)
	return done, calls
}

// sent returns how many calls each batch had.
func (s *server) sent() (sizes []int) {
	s.shared.mu.Lock()
	defer s.shared.mu.Unlock()
	for _, batch := range s.batches {
		sizes = append(sizes, len(batch))
	}
	return sizes
}

func (s *server) wantSent(t *testing.T, when string, want ...int) {
	t.Helper()
	synctest.Wait()
	if got := s.sent(); !slices.Equal(got, want) {
		t.Errorf("%s: batches of %v calls, want %v", when, got, want)
	}
}

// What arrives while a pipeline is under way goes out with the next one, in the order of
// arrival and within bounds. A call that is larger than a batch goes alone.
func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, ctx := newServer(), t.Context()
		first, _ := s.ask(ctx, 1)
		s.wantSent(t, "the first call", 1)
		var calls []*queuedCall
		for _, sizes := range [][]int{{1, 2}, {3}, {batchBytes}, {batchBytes * 3}, {batchBytes / 2, batchBytes/2 + 1}, make([]int, batchCalls)} {
			_, more := s.ask(ctx, sizes...)
			calls = append(calls, more...)
		}
		s.wantSent(t, "while it is under way", 1)
		select {
		case <-first.zero:
			t.Error("a call was done before its reply")
		default:
		}
		for range 7 {
			s.release <- struct{}{}
		}
		s.wantSent(t, "afterwards", 1, 3, 1, 1, 1, batchCalls, 1)
		if got := slices.Concat(s.batches[1:]...); !slices.Equal(got, calls) {
			t.Error("the calls went out in another order than they arrived in")
		}
		<-first.zero
		last, _ := s.ask(ctx, 1)
		s.wantSent(t, "an idle lane", 1, 3, 1, 1, 1, batchCalls, 1, 1)
		s.release <- struct{}{}
		<-last.zero
	})
}

// A pipeline that takes long does not keep the others, but there is a bound.
func TestBatchesBesideASlowOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, ctx := newServer(), t.Context()
		var want []int
		var all []*countdown
		for range most {
			began := time.Now()
			done, _ := s.ask(ctx, 1)
			all = append(all, done)
			for len(s.sent()) == len(want) {
				time.Sleep(time.Millisecond)
				synctest.Wait()
			}
			want = append(want, 1)
			if waited := time.Since(began); len(want) > 1 && (waited < patience-time.Millisecond || waited > patience+time.Millisecond) {
				t.Fatalf("pipeline %d began after %s, want about %s", len(want), waited, patience)
			}
		}
		late, _ := s.ask(ctx, 1)
		time.Sleep(10 * patience)
		s.wantSent(t, "at the bound", want...)
		s.release <- struct{}{}
		s.wantSent(t, "when one has come back", append(want, 1)...)
		for range most {
			s.release <- struct{}{}
		}
		for _, done := range append(all, late) {
			<-done.zero
		}
		one, _ := s.ask(ctx, 1)
		s.wantSent(t, "when all have come back", append(want, 1, 1)...)
		two, _ := s.ask(ctx, 1)
		s.wantSent(t, "beside a fresh one", append(want, 1, 1)...)
		s.release <- struct{}{}
		s.release <- struct{}{}
		<-one.zero
		<-two.zero
	})
}

// A pipeline that hangs costs its neighbours patience once, and not each of them.
func TestBatchesBesideAHangingOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := make(chan struct{})
		var first atomic.Bool
		l := lane{send: func(context.Context, []*queuedCall) {
			if first.CompareAndSwap(false, true) {
				<-hangs
				return
			}
			time.Sleep(time.Millisecond)
		}}
		share(most, &l)
		ask := func() *countdown {
			done := newCountdown(1)
			l.enqueue([]*queuedCall{{ctx: t.Context(), done: done}})
			return done
		}
		hanging := ask()
		synctest.Wait()
		began := time.Now()
		for range 26 {
			<-ask().zero
		}
		if took := time.Since(began); took != patience+26*time.Millisecond {
			t.Errorf("26 calls of a millisecond took %s beside one that hangs, want %s more", took, patience)
		}
		close(hangs)
		<-hanging.zero
	})
}

// A caller that has left does not have its call sent, and does not hold up others.
func TestBatchWithoutCallersThatLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		s.ask(t.Context(), 1)
		left, leave := context.WithCancel(t.Context())
		s.ask(left, 1, 1)
		stays, calls := s.ask(t.Context(), 1)
		s.ask(left, 1)
		leave()
		s.release <- struct{}{}
		s.wantSent(t, "after they left", 1, 1)
		s.release <- struct{}{}
		<-stays.zero
		if s.batches[1][0] != calls[0] {
			t.Error("another call was sent")
		}
		s.ask(left, 1)
		s.wantSent(t, "of a caller that had left before", 1, 1)
	})
}

// When too many calls wait, a further one fails at once.
func TestFullLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, ctx := newServer(), t.Context()
		s.ask(ctx, 1)
		waits, _ := s.ask(ctx, make([]int, maxQueued-1)...)
		tooMany, calls := s.ask(ctx, 1, 1)
		<-tooMany.zero
		for _, c := range calls {
			if !errors.Is(c.err(), errLaneFull) {
				t.Errorf("one too many: %v", c.err())
			}
		}
		fits, _ := s.ask(ctx, 1)
		close(s.release)
		<-waits.zero
		<-fits.zero
	})
}

// A panic while a batch is sent is an error of its calls, and the lane goes on.
func TestPanicInABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := lane{send: func(_ context.Context, batch []*queuedCall) {
			if len(batch[0].args) == 0 {
				panic("a secret")
			}
		}}
		share(most, &l)
		for _, args := range [][]any{nil, {1}} {
			done := newCountdown(1)
			c := &queuedCall{call: call{args: args}, ctx: t.Context(), done: done}
			l.enqueue([]*queuedCall{c})
			<-done.zero
			if err := c.err(); (err != nil) != (args == nil) || err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("a call with %d arguments: %v", len(args), err)
			}
		}
	})
}
