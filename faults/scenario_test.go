package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"time"

	"callback-relay/api"
	"callback-relay/client"
	"callback-relay/stepfunctions/standin"
)

// scenario is one round: a fleet under load, faults, and a judge at the end.
type scenario struct {
	*fleet
	name string
	seed uint64
	load *load

	mu        sync.Mutex
	tally     map[string]int // faults injected, by name
	failovers []span
	injected  []injection
}

// fault is one temporary fault. When inject returns, the test has ended the fault.
type fault struct {
	name   string
	weight int
	inject func(context.Context, *rand.Rand)
}

func newScenario(name string, seed uint64, f *fleet) *scenario {
	return &scenario{
		fleet: f, name: name, seed: seed, tally: map[string]int{},
		load: newLoad(f, seed, loadRate),
	}
}

// loadRate is how many callbacks a round begins in a second.
const loadRate = 30

// run starts the load, injects faults for a given time, and judges. Two lanes run
// side by side: faults of processes, and faults of the network between them.
func (s *scenario) run(length time.Duration, processes, network []fault) *verdict {
	s.Helper()
	ctx, stop := context.WithTimeout(context.Background(), length)
	defer stop()
	var lanes sync.WaitGroup
	lanes.Go(func() { s.load.run(ctx) })
	lanes.Go(func() { s.lane(ctx, 2, network) })
	if *forFlag > 0 {
		lanes.Go(func() { s.progress(ctx) })
	}
	s.lane(ctx, 1, processes) // in this goroutine, since it may fail the test
	lanes.Wait()
	return s.conclude()
}

// lane injects one fault after another until ctx ends.
func (s *scenario) lane(ctx context.Context, number uint64, faults []fault) {
	rnd := rng(s.seed, 1<<32+number)
	sum := 0
	for _, f := range faults {
		sum += f.weight
	}
	for hold(ctx, between(rnd, 100*time.Millisecond, 900*time.Millisecond)) {
		n := rnd.IntN(sum)
		for _, f := range faults {
			if n -= f.weight; n < 0 {
				s.count(f.name)
				began := time.Now()
				f.inject(ctx, rnd)
				s.noteInjected(injection{span{began, time.Now()}, f.name})
				break
			}
		}
	}
}

func (s *scenario) count(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tally[name]++
}

func (s *scenario) noteInjected(f injection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.injected = append(s.injected, f)
}

// conclude waits until everything is settled, and judges.
func (s *scenario) conclude() *verdict {
	s.Helper()
	s.steps.SetFault()
	s.steps.Release()
	s.load.wait(*settleFlag)
	s.gather()
	v := reach(s.name, s.seed, s.tally, s.load.histories)
	for _, found := range v.violations {
		h := found.of
		h.injected, h.logged = s.injected, make([][]string, len(s.replicas))
		for i, r := range s.replicas {
			h.logged[i] = r.log.about(h.callback.ID)
		}
	}
	if v.acknowledged == 0 {
		s.Error("nothing was acknowledged: not under load")
	}
	return v
}

// gather completes the histories with the ledger and with how the relay itself
// says that each callback ended.
func (s *scenario) gather() {
	s.Helper()
	settled, cancel := context.WithTimeout(context.Background(), *settleFlag)
	defer cancel()
	const askers = 16
	var asking sync.WaitGroup
	for first := range askers {
		asking.Go(func() {
			for i := first; i < len(s.load.histories); i += askers {
				// Without an id, its registration was given up.
				if h := s.load.histories[i]; h.callback.ID != "" {
					h.final = s.finalState(settled, s.replicas[i%len(s.replicas)], h.callback.ID)
				}
			}
		})
	}
	asking.Wait()
	effects := map[string][]standin.Effect{}
	for _, e := range s.steps.Effects() {
		effects[e.TaskToken] = append(effects[e.TaskToken], e)
	}
	for _, h := range s.load.histories {
		h.effects, h.calls = effects[h.taskToken], s.calls.of(h.taskToken)
		h.failovers = s.failovers
	}
}

// stateMissing is the state of a callback that the relay no longer knows.
const stateMissing = "missing"

// finalState waits until a callback is settled, or ctx ends, and returns its last
// state.
func (s *scenario) finalState(ctx context.Context, r *replica, id string) (state string) {
	for {
		cb, err := s.client(r).Get(context.Background(), id)
		var refusal *client.Error
		switch {
		case err == nil:
			state = cb.State
		case errors.As(err, &refusal) && refusal.StatusCode == http.StatusNotFound:
			return stateMissing
		}
		if err == nil && state != api.StateAnswered && state != api.StatePending || !hold(ctx, 50*time.Millisecond) {
			return state
		}
	}
}

// hold waits, and reports whether ctx has not ended.
func hold(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// during keeps a fault up for a while, or until the round ends.
func during(ctx context.Context, d time.Duration, begin, end func()) {
	begin()
	defer end()
	hold(ctx, d)
}

func between(rnd *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(rnd.Int64N(int64(high-low)))
}

// progressEvery is how often a long run prints its progress on a terminal.
const progressEvery = 5 * time.Second

// progress prints the progress until ctx ends.
func (s *scenario) progress(ctx context.Context) {
	for began := time.Now(); hold(ctx, progressEvery); {
		s.mu.Lock()
		total := 0
		for _, n := range s.tally {
			total += n
		}
		s.mu.Unlock()
		fmt.Fprintf(os.Stderr, "%s, seed %d, %s: %d faults, %d effects, %d clients busy\n",
			s.name, s.seed, time.Since(began).Round(time.Second), total, len(s.steps.Effects()), s.load.working.Load())
	}
}
