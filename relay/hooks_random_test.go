package relay_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"callback-relay/relay"
)

var hooksSeed = flag.Uint64("hooks.seed", 1, "seed of TestRandomPairs")

// Rows 105 to 107: some hundreds of pairs of a registration and an event come in random
// order to two replicas, which die at random between their steps and start again. Callers
// and senders who get no reply try again, and some senders post twice. Every task gets the
// event of its key, once. The replicas' rings have their keys in different orders, as
// during a rotation.
func TestRandomPairs(t *testing.T) {
	t.Logf("-hooks.seed=%d", *hooksSeed)
	for _, rings := range [][2][]string{{{"k1"}, {"k1"}}, {{"k1", "k2"}, {"k2", "k1"}}} {
		t.Run(fmt.Sprint(rings), func(t *testing.T) { randomPairs(t, rings) })
	}
}

func randomPairs(t *testing.T, rings [2][]string) {
	const pairs, workers = 200, 4
	f := newFleet(t)
	crowd := &mortals{f: f, rings: rings, rng: rand.New(rand.NewPCG(*hooksSeed, 7))}
	for i := range crowd.alive {
		crowd.alive[i] = f.replica(rings[i]...)
		crowd.alive[i].dying.dies = crowd.die
	}
	type work func(r *replica) error
	var all []work
	for i := range pairs {
		task, key, event := taskOf(i), fmt.Sprint("pi_", i), fmt.Sprint("evt_", i)
		all = append(all, func(r *replica) error {
			_, _, err := r.Create(t.Context(), awaiting(task, key))
			return err
		})
		for range 1 + i%2 { // senders repeat
			all = append(all, func(r *replica) error {
				_, err := r.ReceiveEvent(t.Context(), r.hooks["pay"], payment(event, "paid", key))
				return err
			})
		}
	}
	crowd.rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var done sync.WaitGroup
	for part := range workers {
		done.Go(func() {
			for i := part; i < len(all); i += workers {
				for tries := 0; ; tries++ {
					err := all[i](crowd.one())
					if err == nil {
						break
					}
					if !errors.Is(err, relay.ErrUnavailable) || tries > 1000 {
						t.Error(err)
						break
					}
				}
				if i%10 == part {
					_, _ = crowd.one().GiveDue(t.Context()) // it may die on the way
				}
			}
		})
	}
	done.Wait()
	t.Logf("%d replicas died", crowd.deaths)
	if crowd.deaths < 20 {
		t.Error("hardly any replica died")
	}
	last := f.replica(rings[1]...)
	last.takeOver()
	f.pass(2 * theFleetLease)
	last.deliver(func() bool {
		return !slices.ContainsFunc(numbers(pairs), func(i int) bool { return len(f.told(taskOf(i))) == 0 })
	})
	last.takeOver()
	for i := range pairs {
		f.has("in the end", taskOf(i), paid(fmt.Sprint("evt_", i), fmt.Sprint("pi_", i)))
	}
	if _, total, err := last.FreeEvents(t.Context(), "pay", 10); total > 0 || err != nil {
		t.Errorf("%d events were not used, %v", total, err)
	}
}

func taskOf(i int) relay.TaskToken { return relay.TaskToken(fmt.Sprint("task-", i)) }

func numbers(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// mortals are two replicas, each of which is replaced by a new one when it dies.
type mortals struct {
	f     *fleet
	rings [2][]string

	mu     sync.Mutex // taken before that of a replica's store
	alive  [2]*replica
	deaths int

	dice sync.Mutex
	rng  *rand.Rand
}

// die tells a replica whether it dies at a step.
func (m *mortals) die(string) bool {
	return m.roll(50) == 0
}

func (m *mortals) roll(n int) int {
	m.dice.Lock()
	defer m.dice.Unlock()
	return m.rng.IntN(n)
}

// one returns a replica that is not dead yet.
func (m *mortals) one() *replica {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := m.roll(2)
	if m.alive[i].dying.isDead() {
		m.deaths++
		m.alive[i] = m.f.replica(m.rings[i]...)
		m.alive[i].dying.dies = m.die
	}
	return m.alive[i]
}
