package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	diff "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"callback-relay/relay"
	"callback-relay/store"
	"callback-relay/store/redistest"
)

// Rows 105 to 108 and 112, and invariant 14: whatever happens at one key, in any order, the
// store answers as the model does, and has the same waiters and events. In the end nothing
// is left. On the in-process
// server time passes too.
func TestAwaitsModelOnMiniredis(t *testing.T) {
	m := miniredis.RunT(t)
	testAwaitsModel(t, "redis://"+m.Addr(), "200", &settable{m: m})
}

func TestAwaitsModelOnRedisServer(t *testing.T) {
	if redistest.Available(t) {
		testAwaitsModel(t, redistest.Start(t).URL, "100", nil)
	}
}

func testAwaitsModel(t *testing.T, url, histories string, clock *settable) {
	r := onURL(t, store.ModeStandalone, patiently(url))
	fewer(t, histories)
	rapid.Check(t, func(rt *rapid.T) {
		w := &keyWorld{topic: topic{r, r.keys.AwaitKeys("stripe", "k")[0]}, rt: rt, clock: clock, seen: map[string]int64{}, waits: map[string]int64{}, ids: map[string]string{}}
		w.check(r.client.FlushAll(t.Context()).Err())
		w.check(r.client.Set(t.Context(), "relay:schema", "2", 0).Err())
		if clock != nil {
			clock.now()
		}
		steps := map[string]func(*rapid.T){
			"": w.compare, "join": w.doJoin, "event": w.doEvent, "event2": w.doEvent, "serve": w.doServe, "serve2": w.doServe,
			"take": w.doTake, "drop": w.doDrop, "burst": w.doBurst, "serve all": w.doServeAll,
		}
		if clock != nil {
			steps["pass"] = func(t *rapid.T) {
				clock.pass(time.Duration(rapid.IntRange(1, 70).Draw(t, "seconds")) * time.Second)
			}
		}
		rt.Repeat(steps)
		w.end()
	})
}

// keyWorld is one key, in Redis and as the model of it. Times are in milliseconds.
type keyWorld struct {
	topic
	rt    *rapid.T
	clock *settable

	waits  map[string]int64 // until when each waiter waits
	events []*keyEvent      // in the order of their arrival
	seen   map[string]int64 // until when each event is remembered
	look   int64            // when somebody must look; 0 for never

	burst int               // how many events have come in bursts
	ids   map[string]string // of the events that were read, by their names
}

// keyEvent is an event in the model. It knows for whom it is, in any order.
type keyEvent struct {
	id, name             string
	at, ends             int64
	waiting, users, done []string
	spent, known         bool
}

func (w *keyWorld) check(err error) {
	if err != nil {
		w.rt.Helper()
		w.rt.Fatal(err)
	}
}

// now is the time of Redis. Without a clock, it does not matter: no time passes that the
// model would notice.
func (w *keyWorld) now() int64 {
	if w.clock == nil {
		return 1
	}
	return w.clock.now()
}

// tidy forgets what is over.
func (w *keyWorld) tidy() {
	now := w.now()
	for waiter, until := range w.waits {
		if until <= now {
			delete(w.waits, waiter)
		}
	}
	for id, until := range w.seen {
		if until <= now {
			delete(w.seen, id)
		}
	}
	w.events = slices.DeleteFunc(w.events, func(e *keyEvent) bool { return len(e.waiting) == 0 && (e.spent || e.ends <= now) })
}

func (e *keyEvent) free() bool { return len(e.waiting) == 0 && len(e.users) == 0 && !e.spent }

// offer assigns an event to those who wait and have not passed it over.
func (w *keyWorld) offer(e *keyEvent) {
	if !e.free() || e.ends <= w.now() {
		return
	}
	for waiter := range w.waits {
		if !slices.Contains(e.done, waiter) {
			e.waiting = append(e.waiting, waiter)
		}
	}
}

// trim gives up the oldest events of a kind beyond a bound, and returns how many.
func (w *keyWorld) trim(most int, kind func(*keyEvent) bool) int {
	w.tidy()
	var all []*keyEvent
	for _, e := range w.events {
		if kind(e) {
			all = append(all, e)
		}
	}
	over := max(len(all)-most, 0)
	for _, e := range all[:over] {
		e.spent = true
	}
	return over
}

// remember keeps the ids of events that somebody gets.
func (w *keyWorld) remember() {
	for _, e := range w.events {
		if len(e.waiting) > 0 && !e.known {
			e.known, w.seen[e.id] = true, e.ends+time.Hour.Milliseconds()
		}
	}
}

// settled is called after each change: who looks next, and when.
func (w *keyWorld) settled(lease, look time.Duration, anew bool) {
	w.tidy()
	assigned := slices.ContainsFunc(w.events, func(e *keyEvent) bool { return len(e.waiting) > 0 })
	used := slices.ContainsFunc(w.events, func(e *keyEvent) bool { return len(e.users) > 0 })
	next := w.now() + look.Milliseconds()
	if assigned {
		next = w.now() + lease.Milliseconds()
	}
	switch {
	case !assigned && !used:
		w.look = 0
	case anew || w.look == 0 || w.look > next:
		w.look = next
	}
	for _, e := range w.events {
		e.done = slices.DeleteFunc(e.done, func(waiter string) bool { _, waits := w.waits[waiter]; return !waits })
	}
}

var fewWaiters = func() (all []relay.Waiter) {
	for i := range 3 {
		all = append(all, relay.Waiter{ID: relay.CallbackID(strings.Repeat("a", 25) + string("aei"[i])), Number: byte(i), Generation: "01234567", Key: "k1"})
	}
	return all
}()

func (w *keyWorld) doJoin(t *rapid.T) {
	w.tidy()
	waiter := rapid.SampledFrom(fewWaiters).Draw(t, "waiter")
	until := time.Now().Add(time.Hour)
	if w.clock != nil {
		until = time.UnixMilli(w.now() + int64(rapid.IntRange(-1, 120).Draw(t, "seconds"))*1000)
	}
	m, err := w.Join(w.t.Context(), w.AwaitRef, waiter, until)
	w.check(err)
	if until.UnixMilli() > w.now() {
		w.waits[waiter.String()] = until.UnixMilli()
		for _, e := range w.events {
			w.offer(e)
		}
		w.remember()
		w.settled(lease, lease, false)
	}
	w.replied("join", m)
}

func (w *keyWorld) doEvent(t *rapid.T) {
	id := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "event")
	w.add(id, rapid.SampledFrom([]relay.IfNobody{relay.KeepEvent, relay.KeepEvent, relay.DropEvent, relay.OnlyLook}).Draw(t, "if nobody"))
}

// doBurst adds so many events that the bounds are reached: of free events, and on a real
// server, which is faster, all.
func (w *keyWorld) doBurst(t *rapid.T) {
	most := relay.MaxUsed + relay.MaxFreeEvents
	if w.clock != nil {
		most = 2 * relay.MaxFreeEvents
	}
	for range min(rapid.IntRange(most/4, most/2).Draw(t, "events"), most-w.burst) {
		w.burst++
		w.add(fmt.Sprint("burst ", w.burst), relay.KeepEvent)
	}
}

func (w *keyWorld) add(id string, ifNobody relay.IfNobody) {
	w.tidy()
	e := &keyEvent{id: id, at: w.now(), ends: w.now() + time.Minute.Milliseconds()}
	want, full, dropped := relay.EventIgnored, false, 0
	_, seen := w.seen[id]
	if seen || slices.ContainsFunc(w.events, func(e *keyEvent) bool { return e.id == id }) {
		want = relay.EventDuplicate
	} else if w.offer(e); ifNobody != relay.OnlyLook && (len(e.waiting) > 0 || ifNobody == relay.KeepEvent) {
		want = relay.EventKept
		if len(e.waiting) > 0 {
			want, full = relay.EventMatched, w.assigned() >= relay.MaxAssigned
		}
		if !full {
			w.events = append(w.events, e)
			w.remember()
			dropped = w.trim(relay.MaxFreeEvents, (*keyEvent).free)
			w.settled(lease, lease, false)
		}
	}
	added, err := w.AddEvent(w.t.Context(), w.AwaitKey, hookEvent(w.Sender, id), relay.AddOptions{Keep: time.Minute, IfNobody: ifNobody})
	if full {
		if !errors.Is(err, relay.ErrUnavailable) {
			w.rt.Fatalf("event %s is one too many: %+v, %v", id, added, err)
		}
		return
	}
	w.check(err)
	if added.Verdict != want || added.Matching.Dropped != dropped {
		w.rt.Fatalf("event %s: %s, %d dropped, want %s, %d dropped", id, added.Verdict, added.Matching.Dropped, want, dropped)
	}
	if assigned := added.Matching.Assigned; want == relay.EventMatched {
		e.name = assigned[len(assigned)-1].Event
	}
	for name, known := range w.unnamed() {
		for _, one := range w.events {
			if one.name == "" && one.id == known.id {
				one.name = name
			}
		}
	}
	if want != relay.EventIgnored {
		w.replied("event", added.Matching)
	}
}

// unnamed returns the events that are stored if the name of one is not known.
func (w *keyWorld) unnamed() map[string]*keyEvent {
	if slices.ContainsFunc(w.events, func(e *keyEvent) bool { return e.name == "" }) {
		return w.index()
	}
	return nil
}

// assigned returns how many events are assigned.
func (w *keyWorld) assigned() (n int) {
	for _, e := range w.events {
		if len(e.waiting) > 0 {
			n++
		}
	}
	return n
}

func (w *keyWorld) doServe(t *rapid.T) {
	w.tidy()
	waiter := rapid.SampledFrom(fewWaiters).Draw(t, "waiter")
	e := &keyEvent{name: "none"}
	if len(w.events) > 0 && rapid.IntRange(0, 9).Draw(t, "none") > 0 {
		e = rapid.SampledFrom(w.events).Draw(t, "event")
	}
	if len(e.waiting) > 0 && rapid.IntRange(0, 3).Draw(t, "somebody else") > 0 { // mostly one for whom it is
		slices.Sort(e.waiting)
		waiting, err := relay.ParseWaiter(rapid.SampledFrom(e.waiting).Draw(t, "for"))
		w.check(err)
		waiter = waiting
	}
	fate := relay.Fate{
		Use:    rapid.SampledFrom([]relay.Use{relay.UsePassed, relay.UseAnswered, relay.UseSpent}).Draw(t, "use"),
		Leaves: rapid.Bool().Draw(t, "leaves"),
	}
	w.serves(e, waiter, fate)
}

// doServeAll serves what is assigned, and what is assigned after that, all to the same end.
func (w *keyWorld) doServeAll(t *rapid.T) {
	fate := relay.Fate{Use: rapid.SampledFrom([]relay.Use{relay.UsePassed, relay.UseAnswered, relay.UseSpent}).Draw(t, "use")}
	for {
		w.tidy()
		i := slices.IndexFunc(w.events, func(e *keyEvent) bool { return len(e.waiting) > 0 })
		if i < 0 {
			return
		}
		waiter, err := relay.ParseWaiter(slices.Min(w.events[i].waiting))
		w.check(err)
		w.serves(w.events[i], waiter, fate)
	}
}

func (w *keyWorld) serves(e *keyEvent, waiter relay.Waiter, fate relay.Fate) {
	m, err := w.Serve(w.t.Context(), w.AwaitRef, e.name, waiter, fate)
	w.check(err)
	if fate.Leaves {
		delete(w.waits, waiter.String())
	}
	is := func(other string) bool { return other == waiter.String() }
	e.waiting, e.users = slices.DeleteFunc(e.waiting, is), slices.DeleteFunc(e.users, is)
	switch fate.Use {
	case relay.UseAnswered:
		e.users = append(e.users, waiter.String())
	case relay.UseSpent:
		e.spent = true
	default:
		e.done = append(e.done, waiter.String())
	}
	w.offer(e)
	w.trim(relay.MaxUsed, func(e *keyEvent) bool { return len(e.users) > 0 && len(e.waiting) == 0 })
	dropped := w.trim(relay.MaxFreeEvents, (*keyEvent).free)
	w.settled(lease, 2*time.Second, false)
	w.replied("serve", m)
	if m.Dropped != dropped {
		w.rt.Fatalf("serve: %d dropped, want %d", m.Dropped, dropped)
	}
}

func (w *keyWorld) doTake(*rapid.T) {
	w.tidy()
	if w.clock == nil {
		if w.look == 0 {
			return
		}
		w.endLease()
		w.look = 1
	}
	taken, err := w.TakeMatches(w.t.Context(), 10)
	w.check(err)
	if w.look == 0 || w.look > w.now() {
		if len(taken) > 0 {
			w.rt.Fatalf("taken: %+v", taken)
		}
		return
	}
	if len(taken) != 1 {
		w.rt.Fatalf("taken: %+v", taken)
	}
	youngest := int64(0)
	for _, e := range w.events {
		if len(e.users) > 0 {
			youngest = max(youngest, e.at)
		}
	}
	look := lease
	if youngest > 0 {
		look = max(lease, time.Duration((w.now()-youngest)/4)*time.Millisecond)
	}
	w.settled(lease, look, true)
	w.replied("take", taken[0])
}

func (w *keyWorld) doDrop(t *rapid.T) {
	w.tidy()
	if len(w.events) == 0 {
		return
	}
	e := rapid.SampledFrom(w.events).Draw(t, "event")
	dropped, err := drop(w.t.Context(), w.Store, w.AwaitRef, e.name)
	w.check(err)
	if dropped != e.free() {
		w.rt.Fatalf("dropped: %v, free: %v", dropped, e.free())
	}
	if dropped {
		e.spent = true
	}
	w.settled(lease, lease, false)
}

// end serves what is assigned. When all times are over and a replica has looked, nothing
// may be left.
func (w *keyWorld) end() {
	todo, err := w.Serve(w.t.Context(), w.AwaitRef, "", fewWaiters[0], relay.Fate{Use: relay.UsePassed})
	for w.check(err); len(todo.Assigned) > 0; w.check(err) {
		next := todo.Assigned[0]
		todo, err = w.Serve(w.t.Context(), w.AwaitRef, next.Event, next.Waiters[0], relay.Fate{Use: relay.UsePassed})
	}
	if w.clock != nil {
		w.clock.pass(3 * time.Hour)
		_, err := w.TakeMatches(w.t.Context(), 10)
		w.check(err)
	}
	for _, key := range w.client.Keys(w.t.Context(), "*").Val() {
		ttl := w.client.PTTL(w.t.Context(), key).Val()
		if key != "relay:schema" && (w.clock != nil || ttl <= 0 && key != w.stored("matches")) {
			w.rt.Fatalf("%s is left, and ends in %s", key, ttl)
		}
	}
}

// replied compares what a step reports is to be done.
func (w *keyWorld) replied(step string, m relay.Matching) {
	w.rt.Helper()
	type todo struct{ Assigned, Used map[string][]string }
	texts := func(waiters []string) []string { return slices.Sorted(slices.Values(waiters)) }
	want, got := todo{map[string][]string{}, map[string][]string{}}, todo{map[string][]string{}, map[string][]string{}}
	for _, e := range w.events {
		if len(e.waiting) > 0 {
			want.Assigned[e.name] = texts(e.waiting)
		}
		if len(e.users) > 0 {
			want.Used[e.name] = texts(e.users)
		}
	}
	var order []string
	for _, e := range w.events {
		if len(e.waiting) > 0 {
			order = append(order, e.name)
		}
	}
	for i, match := range m.Assigned {
		if i >= len(order) || match.Event != order[i] || match.At.IsZero() || i > 0 && match.At.Before(m.Assigned[i-1].At) {
			w.rt.Fatalf("%s: %+v is assigned, want the order %v", step, m.Assigned, order)
		}
	}
	for into, matches := range map[*map[string][]string][]relay.Match{&got.Assigned: m.Assigned, &got.Used: m.Used} {
		for _, match := range matches {
			var waiters []string
			for _, waiter := range match.Waiters {
				waiters = append(waiters, waiter.String())
			}
			(*into)[match.Event] = texts(waiters)
		}
	}
	if d := diff.Diff(want, got); d != "" {
		w.rt.Fatalf("%s (-model +store):\n%s", step, d)
	}
}

// index returns the events that are stored, by name.
func (w *keyWorld) index() map[string]*keyEvent {
	var stored []struct {
		Name                 string
		Waiting, Users, Done any
		Spent                bool
	}
	text := w.client.HGet(w.t.Context(), w.stored("events:"+string(w.Digest)), "index").Val()
	if text != "" {
		w.check(json.Unmarshal([]byte(text), &stored))
	}
	list := func(of any) (all []string) {
		items, _ := of.([]any) // an empty list is written as an object
		for _, item := range items {
			all = append(all, item.(string))
		}
		slices.Sort(all)
		return all
	}
	events := map[string]*keyEvent{}
	for _, one := range stored {
		if w.ids[one.Name] == "" { // to read it takes time
			e, err := w.Event(w.t.Context(), w.AwaitRef, one.Name)
			w.check(err)
			w.ids[one.Name] = e.ID
		}
		events[one.Name] = &keyEvent{id: w.ids[one.Name], waiting: list(one.Waiting), users: list(one.Users), done: list(one.Done), spent: one.Spent}
	}
	return events
}

// compare compares everything that is stored, except what only the next step removes.
func (w *keyWorld) compare(*rapid.T) {
	w.tidy()
	stored := w.index()
	for _, e := range w.events {
		got := stored[e.name]
		if got == nil {
			w.rt.Fatalf("event %s is lost", e.id)
		}
		for what, pair := range map[string][2][]string{"waiting": {e.waiting, got.waiting}, "users": {e.users, got.users}} {
			if !slices.Equal(slices.Sorted(slices.Values(pair[0])), pair[1]) {
				w.rt.Fatalf("event %s: %s %v, want %v", e.id, what, pair[1], pair[0])
			}
		}
		listed := w.client.ZScore(w.t.Context(), w.stored("free:stripe"), string(w.Digest)+" "+e.name).Err() == nil
		if listed != e.free() {
			w.rt.Fatalf("event %s: free %v, listed %v", e.id, e.free(), listed)
		}
		delete(stored, e.name)
	}
	for name, e := range stored { // only those whose end has passed since the last step
		if w.clock == nil || len(e.waiting) > 0 {
			w.rt.Fatalf("event %s (%s) is left", e.id, name)
		}
	}
	score := int64(w.client.ZScore(w.t.Context(), w.stored("matches"), string(w.Digest)).Val())
	if w.clock == nil && (score == 0) != (w.look == 0) || w.clock != nil && score != w.look && len(w.events) > 0 {
		w.rt.Fatalf("looked at again at %d, want %d (now %d)", score, w.look, w.now())
	}
	ttl := w.client.PTTL(w.t.Context(), w.stored("events:"+string(w.Digest))).Val()
	for _, e := range w.events {
		if len(e.waiting) > 0 && ttl > 0 {
			w.rt.Fatalf("an assigned event ends in %s", ttl)
		}
	}
}
