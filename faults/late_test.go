package faults

import (
	"context"
	"net/http"
	"testing"
	"time"

	"callback-relay/api"
	"callback-relay/stepfunctions/standin"
	"callback-relay/store/redistest"
)

// TestLateResult holds back a replica's results until its leases have ended and
// another replica makes the next attempts. The late results must not count: they
// say refused, and Step Functions accepts the outcomes (row 57, invariant 5).
func TestLateResult(t *testing.T) {
	t.Parallel()
	if !redistest.Available(t) {
		return
	}
	server := redistest.Start(t)
	way := newProxy(t, server.Addr) // only for the late replica
	f := newFleet(t, setup{redisURL: server.URL, replicas: 1, settings: []string{"RELAY_ANSWER_WAIT=0s"}})
	late := f.add("RELAY_REDIS_URL=redis://" + way.addr + "/0")
	other := f.replicas[0]

	// Redis must know the scripts, or it asks for them and the late call is lost.
	warm := f.directed(other, 1, func(_ int, c *caller) { c.send(0, 0) })
	f.untilState(other, warm[0].callback.ID, api.StateDelivered)

	cases := f.directed(late, 4, func(_ int, c *caller) {
		f.steps.Inject(standin.Fault{Kind: standin.Refuse, Code: "InvalidOutput", TaskToken: c.taskToken, Delay: 500 * time.Millisecond})
		// The next attempt hangs after it has taken effect, until we let it go.
		f.steps.Inject(standin.Fault{Kind: standin.CommitThenHang, TaskToken: c.taskToken})
		c.send(0, 1)
	})
	f.callsUntil(cases, 1)
	way.hold(naming(cases...))
	for _, h := range cases {
		eventually(f, "the result is on its way", func() bool { return way.holds(h.callback.ID) })
	}
	f.callsUntil(cases, 2)
	way.release() // now the first results arrive
	f.steps.Release()
	f.judged("late results", cases)
}

// TestLease makes attempts that last longer than several searches for due
// deliveries, with replicas that are otherwise idle: no other replica makes an
// attempt while the lease lasts (section 7 of the design, row 57).
func TestLease(t *testing.T) {
	t.Parallel()
	if !redistest.Available(t) {
		return
	}
	f := newFleet(t, setup{redisURL: redistest.Start(t).URL, replicas: 3, settings: []string{
		"RELAY_ANSWER_WAIT=0s", "RELAY_STEP_FUNCTIONS_TIMEOUT=10s",
	}})
	f.steps.SetFault(standin.Fault{Kind: standin.Slow, Delay: 3 * time.Second})
	cases := f.directed(f.replicas[0], 8, func(i int, c *caller) { c.send(0, i%3) })
	eventually(t, "every task has its outcome", func() bool { return len(f.steps.Effects()) == len(cases) })
	for _, h := range cases {
		if n := len(f.calls.of(h.taskToken)); n != 1 {
			h.notice("a leased delivery was attempted by somebody else too")
		}
	}
	f.judged("leases", cases)
}

// directed registers callbacks and calls a function for each.
func (f *fleet) directed(at *replica, n int, do func(i int, c *caller)) []*history {
	f.Helper()
	l := newLoad(f, *seedFlag, loadRate)
	timer := time.AfterFunc(*settleFlag, func() { close(l.hopeless) })
	f.Cleanup(func() { timer.Stop() })
	for i := range n {
		h := &history{kind: kindOne}
		c := l.client(h, rng(*seedFlag, uint64(i)))
		c.bodies = [][]byte{payload(c.rnd), payload(c.rnd)}
		var cb api.Callback
		h.taskToken, cb = f.registerAt(at)
		h.callback, h.deadline = cb, cb.ExpiresAt
		do(i, c)
		l.histories = append(l.histories, h)
	}
	return l.histories
}

// callsUntil waits until Step Functions got n calls for each task.
func (f *fleet) callsUntil(histories []*history, n int) {
	f.Helper()
	for _, h := range histories {
		eventually(f, "Step Functions was called", func() bool { return len(f.calls.of(h.taskToken)) >= n })
	}
}

// judged judges histories and reports the verdict.
func (f *fleet) judged(name string, histories []*history) *verdict {
	f.Helper()
	s := newScenario(name, *seedFlag, f)
	s.load.histories = histories
	s.gather()
	v := reach(name, *seedFlag, nil, histories)
	v.report(f.TB)
	return v
}

// postUntil posts a body to a replica until the response has a status.
func (f *fleet) postUntil(c *caller, body, replica, status int) {
	f.Helper()
	eventually(f, http.StatusText(status), func() bool {
		return f.postOnce(c, body, replica).status == status
	})
}

// postOnce posts a body once, and records it.
func (f *fleet) postOnce(c *caller, body, replica int) reply {
	e := event{what: didPost, body: body, replica: replica, began: time.Now()}
	e.told, e.err = f.post(context.Background(), f.replicas[replica], c.callback.URL, c.bodies[body])
	e.ended = time.Now()
	c.note(e)
	return e.told
}
