package store_test

import (
	"fmt"
	"testing"
	"time"

	"callback-relay/relay"
)

// The census counts the free events of each hook in all partitions, and finds what nobody
// has looked at in time.
func testHookCensus(t *testing.T, r *redisUnderTest) {
	census := func() relay.HookCensus {
		t.Helper()
		c, err := r.HookCensus(t.Context(), []string{"github", "stripe", "nobody"})
		r.must(err)
		return c
	}
	if c := census(); len(c.Free) != 3 || c.Free[0] != (relay.FreeCount{}) || c.Late != 0 {
		t.Errorf("without events: %+v", c)
	}
	for i := range 20 { // of several partitions
		r.topic("github", fmt.Sprint("k", i)).event("evt")
	}
	p := r.topic("stripe", "k")
	add := func(id string, keep time.Duration) {
		t.Helper()
		_, err := p.AddEvent(t.Context(), p.AwaitKey, hookEvent(p.Sender, id), relay.AddOptions{Keep: keep, IfNobody: relay.KeepEvent})
		r.must(err)
	}
	add("evt_1", time.Hour)
	add("evt_2", time.Minute)
	c := census()
	for i, want := range []int{20, 2, 0} {
		if c.Free[i].Events != want || want > 0 && (c.Free[i].Ends <= 30*time.Second || c.Free[i].Ends > time.Minute) {
			t.Errorf("hook %d: %+v, want %d events", i, c.Free[i], want)
		}
	}
	if c.Late != 0 {
		t.Errorf("late by %s", c.Late)
	}
	p.waits("task")
	if c = census(); c.Free[1].Events != 0 || c.Late != 0 {
		t.Errorf("once they are assigned: %+v", c)
	}
	p.endLease()
	if c = census(); c.Late <= 0 {
		t.Errorf("after the lease: %+v", c)
	}
	p.take()
	if c = census(); c.Late != 0 {
		t.Errorf("once they are taken over: %+v", c)
	}
}
