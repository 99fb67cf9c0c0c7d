package faults

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"callback-relay/api"
	"callback-relay/client"
	"callback-relay/stepfunctions/standin"
)

// The kinds of callback with a link that the load makes.
const (
	kindOne        = "one sender"
	kindTwice      = "two senders, the same bytes"
	kindRivals     = "two senders, different bytes"
	kindCancelled  = "cancelled"
	kindCancelRace = "cancelled and answered at once"
	kindLate       = "answered about the deadline"
	kindSilent     = "never answered"
)

// weighted is a kind, and how often it occurs in comparison.
type weighted struct {
	kind   string
	weight int
}

var linkKinds = []weighted{
	{kindOne, 46}, {kindTwice, 10}, {kindRivals, 12}, {kindCancelled, 5},
	{kindCancelRace, 7}, {kindLate, 10}, {kindSilent, 10},
}

// load is what workflows and senders of webhooks do with a fleet.
type load struct {
	fleet *fleet
	seed  uint64
	rate  int // callbacks a second
	crowd int // how many at most are in progress at once
	most  int // how many are begun; 0 for no limit
	kinds []weighted
	// hopeless is closed when clients without a response should give up.
	hopeless chan struct{}

	histories []*history // of the callbacks begun
	begun     atomic.Int64
	busy      sync.WaitGroup
	working   atomic.Int64
}

// usualCrowd is the largest number of callbacks in progress at once.
const usualCrowd = 150

func newLoad(f *fleet, seed uint64, rate int) *load {
	l := &load{fleet: f, seed: seed, rate: rate, crowd: usualCrowd, kinds: linkKinds, hopeless: make(chan struct{})}
	if f.hooks {
		l.kinds = slices.Concat(linkKinds, hookKinds)
	}
	return l
}

// run begins callbacks until ctx ends, or there are enough. Their clients continue: see
// wait.
func (l *load) run(ctx context.Context) {
	room := make(chan struct{}, l.crowd)
	beat := time.NewTicker(time.Second / time.Duration(l.rate))
	defer beat.Stop()
	for i := uint64(0); l.most == 0 || i < uint64(l.most); i++ {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
		}
		select {
		case <-ctx.Done():
			return
		case room <- struct{}{}:
		}
		rnd := rng(l.seed, i)
		h := &history{kind: l.pick(rnd)}
		for range companions[h.kind] {
			other := &history{kind: h.kind}
			if h.kind == kindDead {
				other.kind = kindCancelled
			}
			h.companions = append(h.companions, other)
		}
		l.histories = append(append(l.histories, h), h.companions...)
		l.begun.Add(1)
		l.busy.Go(func() {
			defer func() { <-room }()
			l.client(h, rnd).run()
		})
	}
}

func rng(seed, of uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, of)) }

func (l *load) pick(rnd *rand.Rand) string {
	sum := 0
	for _, k := range l.kinds {
		sum += k.weight
	}
	n := rnd.IntN(sum)
	for _, k := range l.kinds {
		if n -= k.weight; n < 0 {
			return k.kind
		}
	}
	return kindOne
}

// wait returns when every client has its response, or has given up some time after
// the faults ended.
func (l *load) wait(limit time.Duration) {
	timer := time.AfterFunc(limit, func() { close(l.hopeless) })
	l.busy.Wait()
	timer.Stop()
}

// caller is a client that works on one callback. Each goroutine has its own.
type caller struct {
	*load
	*history
	rnd *rand.Rand
}

func (l *load) client(h *history, rnd *rand.Rand) *caller { return &caller{l, h, rnd} }

// other returns a caller for another goroutine.
func (c *caller) other() *caller {
	return c.load.client(c.history, rng(c.rnd.Uint64(), c.rnd.Uint64()))
}

// run lives through one callback.
func (c *caller) run() {
	c.working.Add(1)
	defer c.working.Add(-1)
	if slices.ContainsFunc(hookKinds, func(k weighted) bool { return k.kind == c.kind }) {
		c.runAwaits()
		return
	}
	c.bodies = [][]byte{payload(c.rnd), payload(c.rnd)}
	if !c.register() {
		return
	}
	switch c.kind {
	case kindOne:
		c.send(0, c.anyReplica())
		if c.acknowledged() && c.rnd.IntN(5) == 0 {
			c.send(c.rnd.IntN(2), c.anyReplica()) // retries after losing track, or posts something else
		}
	case kindTwice:
		c.race(func(r int) { c.other().send(0, r) }, func(c *caller, r int) { c.send(0, r) })
	case kindRivals:
		c.race(func(r int) { c.other().send(0, r) }, func(c *caller, r int) { c.send(1, r) })
	case kindCancelled:
		c.cancel(c.anyReplica())
	case kindCancelRace:
		c.race(func(r int) { c.other().send(0, r) }, func(c *caller, r int) { c.cancel(r) })
	case kindLate:
		at := c.deadline.Add(time.Duration(c.rnd.IntN(600)-200) * time.Millisecond)
		c.pause(time.Until(at))
		c.send(0, c.anyReplica())
	case kindSilent:
	}
}

// race makes two requests at the same instant on two replicas.
func (c *caller) race(a func(replica int), b func(c *caller, replica int)) {
	first := c.anyReplica()
	second := (first + 1) % len(c.fleet.replicas)
	other := c.other()
	start := make(chan struct{})
	var both sync.WaitGroup
	both.Go(func() { <-start; a(first) })
	both.Go(func() { <-start; b(other, second) })
	close(start)
	both.Wait()
}

// register registers a task, and retries until it gets a response (row 72).
func (c *caller) register() bool {
	request := api.CreateRequest{TaskToken: c.fleet.steps.NewTask(standin.TaskOptions{}), ExpiresIn: "1h"}
	if c.kind == kindLate || c.kind == kindSilent {
		request.ExpiresIn = (time.Second + time.Duration(c.rnd.IntN(2000))*time.Millisecond).String()
		if c.rnd.IntN(3) == 0 {
			request.OnExpiry = api.OnExpiryIgnore
		}
	}
	if c.awaits() {
		request.Awaits = c.await()
	}
	c.taskToken = request.TaskToken
	again := c.rnd.IntN(6) == 0
	for {
		cb, ok, final := c.registerOnce(request)
		switch {
		case ok && c.callback.ID == "":
			c.callback, c.deadline = cb, cb.ExpiresAt
			if !again {
				return true
			}
		case ok:
			if cb.ID != c.callback.ID || cb.URL != c.callback.URL {
				c.notice("a repeated registration got another callback or another link")
			}
			return true
		case final:
			return false
		}
		if !c.hold(didRegister) {
			return false
		}
	}
}

func (c *caller) registerOnce(request api.CreateRequest) (cb api.Callback, ok, final bool) {
	r := c.anyReplica()
	e := event{what: didRegister, replica: r, began: time.Now()}
	cb, created, err := c.fleet.client(c.fleet.replicas[r]).Create(context.Background(), request)
	e.told.status = 200
	if created {
		e.told.status = 201
	}
	e.heard(err)
	c.note(e)
	return cb, err == nil, e.err == nil && e.told.status != 503
}

// heard records what the Go client returned.
func (e *event) heard(err error) {
	e.ended = time.Now()
	if refusal := (*client.Error)(nil); errors.As(err, &refusal) {
		e.told = reply{status: refusal.StatusCode, word: refusal.Problem.Type.Short()}
		return
	}
	e.err = err
}

// send posts a body as senders of webhooks do: it retries, on any replica, until
// the response is not "try again later".
func (c *caller) send(body, replica int) {
	link := c.fleet.hook
	if !c.awaits() {
		link = c.callback.URL
	}
	for {
		e := event{what: didPost, body: body, replica: replica, began: time.Now()}
		e.told, e.err = c.fleet.post(context.Background(), c.fleet.replicas[replica], link, c.bodies[body])
		e.ended = time.Now()
		c.note(e)
		if e.err == nil && e.told.status < 500 || !c.hold(didPost) {
			return
		}
		replica = c.anyReplica()
	}
}

// cancel cancels the callback, and retries until the response is definite.
func (c *caller) cancel(replica int) {
	for {
		e := event{what: didCancel, replica: replica, began: time.Now()}
		_, err := c.fleet.client(c.fleet.replicas[replica]).Cancel(context.Background(), c.callback.ID)
		e.told.status = 200
		e.heard(err)
		c.note(e)
		if e.err == nil && e.told.status < 500 || !c.hold(didCancel) {
			return
		}
		replica = c.anyReplica()
	}
}

func (c *caller) anyReplica() int { return c.rnd.IntN(len(c.fleet.replicas)) }

// hold waits before another try, and reports whether there should be one.
func (c *caller) hold(doing string) bool {
	select {
	case <-c.hopeless:
		c.note(event{what: didGiveUp, told: reply{word: doing}, began: time.Now(), ended: time.Now()})
		return false
	case <-time.After(time.Duration(50+c.rnd.IntN(300)) * time.Millisecond):
		return true
	}
}

func (c *caller) pause(d time.Duration) {
	select {
	case <-c.hopeless:
	case <-time.After(d):
	}
}
