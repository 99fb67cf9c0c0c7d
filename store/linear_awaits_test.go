package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"callback-relay/relay"
	"callback-relay/store"
	"callback-relay/store/redistest"
)

// Rows 105 to 107: replicas register for one key and receive its events at once, and give
// and take over what is assigned, while connections lose commands and replies. The history
// of each key must be linearizable, as in TestLinearizable: some order of the calls
// explains all replies by the model of a key. So no event is lost between two replicas,
// none is assigned to somebody who does not wait for it, and none twice.
func TestAwaitsAreLinearizable(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	t.Logf("-linear.seed=%d -linear.rounds=%d", *linearSeed, *linearRounds)
	url := patiently(redistest.Start(t).URL)
	r := prepared(t, store.ModeStandalone, url)
	seen := map[string]int{}
	for n := range *linearRounds {
		r.raceForKey(n, url, seen)
	}
	for _, kind := range slices.Sorted(maps.Keys(seen)) {
		t.Logf("%6d × %s", seen[kind], kind)
	}
	for _, kind := range []string{
		"event: kept", "event: matched", "event: duplicate", "event: ?", "join: assigned", "join: nothing", "join: ?",
		"serve: assigned", "serve: nothing", "serve: ?", "take: assigned",
	} {
		if *linearRounds >= 20 && seen[kind] == 0 {
			t.Errorf("never seen: %s", kind)
		}
	}
}

// The size of a race for a key.
const (
	keyGivers = 4 // on two stores
	keySteps  = 30
)

// raceForKey lets replicas race for a new key, and judges their history.
func (r *redisUnderTest) raceForKey(round int, url string, seen map[string]int) {
	key := r.keys.AwaitKeys("stripe", fmt.Sprint("round ", round))[0]
	r.must(r.client.FlushAll(r.t.Context()).Err()) // so that nobody takes over earlier keys
	r.must(r.client.Set(r.t.Context(), "relay:schema", "2", 0).Err())
	givers := make([]*giver, keyGivers)
	var shared *store.Store
	for i := range givers {
		rng := rand.New(rand.NewPCG(*linearSeed, uint64(round*keyGivers+i)))
		if i%2 == 0 {
			// The client repeats nothing, so that each call happens once, or never.
			client := onURL(r.t, store.ModeStandalone, url+"&max_retries=-1").client
			client.AddHook(&line{rng: rand.New(rand.NewPCG(*linearSeed, uint64(round))), chance: 0.004})
			shared = store.New(client, store.Options{Keys: r.keys, Lease: linearLease, Retention: retention})
		}
		givers[i] = &giver{Store: shared, n: i, key: key, rng: rng}
	}
	var done sync.WaitGroup
	for _, g := range givers {
		done.Go(func() {
			for range keySteps {
				g.step()
			}
		})
	}
	done.Wait()
	var history []porcupine.Operation
	for _, g := range givers {
		for _, c := range g.calls {
			seen[c.kind()]++
			history = append(history, porcupine.Operation{ClientId: g.n, Input: c, Call: c.begun.UnixNano(), Return: c.over.UnixNano()})
		}
	}
	result, info := porcupine.CheckOperationsVerbose(sequentialKey, history, time.Minute)
	if result == porcupine.Ok {
		return
	}
	file := filepath.Join(r.t.ArtifactDir(), fmt.Sprintf("key-%d.html", round))
	r.must(porcupine.VisualizePath(sequentialKey, info, file))
	slices.SortFunc(history, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	var text strings.Builder
	for _, o := range history {
		c := o.Input.(keyCall)
		fmt.Fprintf(&text, "%10s %10s  giver %d: %s\n", c.begun.Sub(givers[0].calls[0].begun), c.over.Sub(c.begun), o.ClientId, c)
	}
	r.t.Fatalf("round %d: no order explains what was told of the key (%s); drawn in %s (with -artifacts it is kept)\n%s", round, result, file, text.String())
}

// giver is one goroutine of a replica. It makes one call at a time.
type giver struct {
	*store.Store
	n     int
	key   relay.AwaitKey
	rng   *rand.Rand
	todo  relay.Matching // what it was told last
	calls []keyCall
}

// keyCall is a call that concerns one key, and what was told.
type keyCall struct {
	what, id, event, waiter string
	fate                    relay.Fate
	told                    keyReply
	maybe                   bool // it may not have happened, or may still happen
	begun, over             time.Time
}

// keyReply is a reply in a form that can be compared.
type keyReply struct {
	Verdict        relay.EventVerdict
	Assigned, Used []keyMatch
}

type keyMatch struct {
	Event   string
	Waiters []string
}

// String shows of events and waiters only the letters that tell them apart.
func (c keyCall) String() string {
	list := func(matches []keyMatch) (text string) {
		for _, match := range matches {
			text += fmt.Sprintf(" %.4s for", match.Event)
			for _, w := range match.Waiters {
				text += " " + w[25:28]
			}
		}
		return text
	}
	call := c.what + " " + c.id
	if c.what == "serve" {
		call += fmt.Sprintf("%.4s %v", c.event, c.fate)
	}
	if c.waiter != "" {
		call += " " + c.waiter[25:28]
	}
	if c.maybe {
		return call + " → ?"
	}
	return fmt.Sprintf("%s → %s; assigned:%s; used:%s", call, c.told.Verdict, list(c.told.Assigned), list(c.told.Used))
}

func (c keyCall) kind() string {
	switch {
	case c.maybe:
		return c.what + ": ?"
	case c.told.Verdict != "":
		return c.what + ": " + string(c.told.Verdict)
	case len(c.told.Assigned) > 0:
		return c.what + ": assigned"
	}
	return c.what + ": nothing"
}

// step makes a random call.
func (g *giver) step() {
	ctx := context.Background()
	switch n := g.rng.IntN(10); {
	case n < 3:
		w := fewWaiters[g.rng.IntN(len(fewWaiters))]
		g.ask(keyCall{what: "join", waiter: w.String()}, func(*keyCall) (relay.Matching, error) {
			return g.Join(ctx, g.key.AwaitRef, w, time.Now().Add(time.Hour))
		})
	case n < 6:
		c := keyCall{what: "event", id: fmt.Sprint("evt_", g.rng.IntN(12))}
		g.ask(c, func(c *keyCall) (relay.Matching, error) {
			added, err := g.AddEvent(ctx, g.key, hookEvent("stripe", c.id), relay.AddOptions{Keep: time.Minute, IfNobody: relay.KeepEvent})
			c.told.Verdict = added.Verdict
			return added.Matching, err
		})
	case n < 7:
		g.take(ctx)
	default:
		g.serve(ctx)
	}
}

// serve serves something of which it was told, as another giver may do at the same time.
func (g *giver) serve(ctx context.Context) {
	all := slices.Concat(g.todo.Assigned, g.todo.Used)
	if len(all) == 0 {
		return
	}
	match := all[g.rng.IntN(len(all))]
	w := match.Waiters[g.rng.IntN(len(match.Waiters))]
	uses := []relay.Use{relay.UsePassed, relay.UsePassed, relay.UseAnswered, relay.UseSpent}
	fate := relay.Fate{Use: uses[g.rng.IntN(len(uses))], Leaves: g.rng.IntN(2) == 0}
	g.ask(keyCall{what: "serve", event: match.Event, waiter: w.String(), fate: fate}, func(*keyCall) (relay.Matching, error) {
		return g.Serve(ctx, g.key.AwaitRef, match.Event, w, fate)
	})
}

// take takes the key over, if its lease has ended. Otherwise the call tells nothing.
func (g *giver) take(ctx context.Context) {
	c := keyCall{what: "take", begun: time.Now()}
	taken, err := g.TakeMatches(ctx, 1)
	if c.over = time.Now(); err == nil && len(taken) == 1 {
		g.todo, c.told = taken[0], replyOf(taken[0])
		g.calls = append(g.calls, c)
	}
}

// ask makes a call and records it.
func (g *giver) ask(c keyCall, do func(*keyCall) (relay.Matching, error)) {
	c.begun = time.Now()
	m, err := do(&c)
	if c.over = time.Now(); err != nil {
		c.maybe, c.over = true, c.begun.Add(time.Hour)
	} else {
		told := replyOf(m)
		told.Verdict = c.told.Verdict
		g.todo, c.told = m, told
	}
	g.calls = append(g.calls, c)
}

func replyOf(m relay.Matching) (told keyReply) {
	list := func(matches []relay.Match) (all []keyMatch) {
		for _, match := range matches {
			one := keyMatch{Event: match.Event}
			for _, w := range match.Waiters {
				one.Waiters = append(one.Waiters, w.String())
			}
			slices.Sort(one.Waiters)
			all = append(all, one)
		}
		return all
	}
	return keyReply{Assigned: list(m.Assigned), Used: list(m.Used)}
}

// sequentialKey is the model of a key in the form that porcupine needs. A state is the JSON
// of a keyModel.
var sequentialKey = (&porcupine.NondeterministicModel{
	Init: func() []any { return []any{keyModel{}.text()} },
	Step: func(state, input, _ any) (after []any) {
		c := input.(keyCall)
		m := keyModelOf(state)
		told := m.apply(c)
		if c.maybe {
			return []any{state, m.text()}
		}
		if told != c.told.Verdict || !m.explains(c.told) {
			return nil
		}
		return []any{m.text()}
	},
	DescribeOperation: func(input, _ any) string { return input.(keyCall).String() },
	DescribeState:     func(state any) string { return state.(string) },
}).ToModel()

// keyModel is what should happen at a key. No time passes in it.
type keyModel struct {
	Waiters []string
	Events  []modelEvent // in the order of their arrival
	Seen    []string     // ids of events
}

// modelEvent is an event. Its name in the store is "" until a reply has told it.
type modelEvent struct {
	ID, Name             string
	Waiting, Users, Done []string
	Spent                bool
}

func (m keyModel) text() string {
	text, _ := json.Marshal(m)
	return string(text)
}

func keyModelOf(state any) (m keyModel) {
	_ = json.Unmarshal([]byte(state.(string)), &m)
	return m
}

// apply changes the model as the call does, and returns the verdict on an event.
func (m *keyModel) apply(c keyCall) (verdict relay.EventVerdict) {
	switch c.what {
	case "join":
		m.Waiters = with(m.Waiters, c.waiter)
	case "event":
		if slices.Contains(m.Seen, c.id) {
			return relay.EventDuplicate
		}
		m.Seen, m.Events = with(m.Seen, c.id), append(m.Events, modelEvent{ID: c.id})
		if verdict = relay.EventKept; len(m.Waiters) > 0 {
			verdict = relay.EventMatched
		}
	case "serve":
		m.serve(c)
	}
	for i := range m.Events {
		e := &m.Events[i]
		if len(e.Waiting)+len(e.Users) > 0 || e.Spent {
			continue
		}
		for _, w := range m.Waiters {
			if !slices.Contains(e.Done, w) {
				e.Waiting = with(e.Waiting, w)
			}
		}
	}
	m.Events = slices.DeleteFunc(m.Events, func(e modelEvent) bool { return e.Spent && len(e.Waiting) == 0 })
	return verdict
}

func (m *keyModel) serve(c keyCall) {
	if c.fate.Leaves {
		m.Waiters = without(m.Waiters, c.waiter)
	}
	for i := range m.Events {
		e := &m.Events[i]
		if e.Name == c.event {
			e.Waiting, e.Users = without(e.Waiting, c.waiter), without(e.Users, c.waiter)
			switch c.fate.Use {
			case relay.UseAnswered:
				e.Users = with(e.Users, c.waiter)
			case relay.UseSpent:
				e.Spent = true
			default:
				e.Done = with(e.Done, c.waiter)
			}
		}
		// Who leaves and comes back gets events again that it has passed over.
		e.Done = slices.DeleteFunc(e.Done, func(w string) bool { return !slices.Contains(m.Waiters, w) })
	}
}

// explains tells whether the model explains a reply. It learns the names of events from it.
func (m *keyModel) explains(told keyReply) bool {
	same := func(told []keyMatch, waiters func(modelEvent) []string) bool {
		for i, e := range m.Events {
			if len(waiters(e)) == 0 {
				continue
			}
			if len(told) == 0 || !slices.Equal(told[0].Waiters, waiters(e)) || e.Name != "" && e.Name != told[0].Event {
				return false
			}
			m.Events[i].Name, told = told[0].Event, told[1:]
		}
		return len(told) == 0
	}
	return same(told.Assigned, func(e modelEvent) []string { return e.Waiting }) &&
		same(told.Used, func(e modelEvent) []string { return e.Users })
}

// with and without return a sorted list with or without a text.
func with(list []string, text string) []string {
	if slices.Contains(list, text) {
		return list
	}
	list = append(slices.Clone(list), text)
	slices.Sort(list)
	return list
}

func without(list []string, text string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(one string) bool { return one == text })
}
