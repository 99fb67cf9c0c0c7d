package store_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
	"callback-relay/store"
)

// replica is the store of one process of the relay. It makes one call at a time and
// records the replies.
type replica struct {
	*store.Store
	n    int
	line *line

	// Of one round.
	r             *redisUnderTest
	rng           *rand.Rand
	over          []*contested
	calls         [][]call
	leases        [][]relay.Delivery
	expired       int  // deadlines that were reported to it
	expiredUnsure bool // there may have been more
}

func (p *replica) begin(r *redisUnderTest, over []*contested, rng *rand.Rand) {
	p.r, p.over, p.rng, p.expired, p.expiredUnsure = r, over, rng, 0, false
	p.calls, p.leases = make([][]call, len(over)), make([][]relay.Delivery, len(over))
}

// ask makes a call and records it. The function returns the reply, and whether it
// counts even if the client repeated the call. After a repetition, "another caller
// was first" may refer to the same call.
func (p *replica) ask(i int, c call, do func(ctx context.Context, c *call) (certain bool, err error)) {
	breaks := p.line.breaksSoFar()
	c.begun = time.Now()
	certain, err := do(context.Background(), &c)
	c.over = time.Now()
	if err != nil || !certain && p.line.breaksSoFar() > breaks {
		c = c.asLost()
	}
	p.calls[i] = append(p.calls[i], c)
}

// asLost returns the call as one that happened at an unknown time, or never.
func (c call) asLost() call {
	c.maybe, c.lost, c.said, c.over = true, true, 0, c.begun.Add(time.Hour)
	return c
}

// step makes a random call for a random callback.
func (p *replica) step() {
	i := p.rng.IntN(len(p.over))
	switch n := p.rng.IntN(100); {
	case n < 5:
		p.create(i)
	case n < 35:
		p.answer(i)
	case n < 40:
		p.cancel(i)
	case n < 45:
		p.waiting(i)
	case n < 55:
		p.get(i)
	case n < 65:
		p.expire()
	case n < 80:
		p.claim()
	default:
		p.settle(i)
	}
}

func (p *replica) createAll() {
	for i := range p.over {
		p.create(i)
	}
}

func (p *replica) create(i int) {
	c := p.over[i]
	step := func(m model, now int64) (model, string) {
		return m.create(now, c.asked, now+c.reg.Expires.In.Milliseconds())
	}
	p.ask(i, call{what: "create", step: step}, func(ctx context.Context, o *call) (bool, error) {
		cb, created, err := p.Create(ctx, relay.Prepare(p.r.keys, c.reg, maxExpiry))
		if o.told = "exists"; created {
			o.told, o.said = "created", cb.CreatedAt.UnixMilli()
		}
		return created, err
	})
}

func (p *replica) answer(i int) {
	c, o := p.over[i], outcomes[p.rng.IntN(len(outcomes))]
	link, ok := p.link(i, c.Links[p.rng.IntN(len(c.Links))].Name)
	if !ok {
		return
	}
	by := fmt.Sprint(link.Number)
	lease := unheard
	step := func(m model, now int64) (model, string) { return m.answer(now, by, o, "", lease) }
	what := fmt.Sprintf("answer %v by %s", o, by)
	p.ask(i, call{what: what, step: step}, func(ctx context.Context, c *call) (bool, error) {
		got, err := withOutcome(o.relay())(p.Answer(ctx, link, o.relay(), nil))
		if errors.Is(err, relay.ErrUnavailable) {
			return false, err
		}
		c.told = answerText(got, err)
		if got.Delivery == nil {
			return false, nil
		}
		lease, c.said = got.Delivery.Lease, got.Delivery.AnsweredAt.UnixMilli()
		p.leases[i] = append(p.leases[i], *got.Delivery)
		return true, nil
	})
}

// link looks up a link without using the line. It returns false before the callback
// exists, since the link's key is not known until then.
func (p *replica) link(i int, name string) (link relay.LinkRef, ok bool) {
	cb, err := p.r.Get(context.Background(), p.over[i].ID)
	if errors.Is(err, relay.ErrNotFound) {
		return link, false
	}
	p.r.must(err)
	return p.r.link(cb, name), true
}

func (p *replica) waiting(i int) {
	c := p.over[i]
	link, ok := p.link(i, "progress")
	if !ok {
		return
	}
	step := func(m model, now int64) (model, string) { return m.waiting(now, fmt.Sprint(link.Number)) }
	p.ask(i, call{what: "waiting", step: step}, func(ctx context.Context, o *call) (bool, error) {
		token, _, err := p.Waiting(ctx, link, false)
		if errors.Is(err, relay.ErrUnavailable) {
			return false, err
		}
		if o.told = "waiting"; err != nil {
			o.told = told(err)
		} else if token != c.reg.TaskToken {
			o.told = "another task token"
		}
		return true, nil
	})
}

func (p *replica) cancel(i int) {
	p.ask(i, call{what: "cancel", step: model.cancel}, func(ctx context.Context, o *call) (bool, error) {
		_, err := p.Cancel(ctx, p.over[i].ID)
		if errors.Is(err, relay.ErrUnavailable) {
			return false, err
		}
		if o.told = "cancelled"; err != nil {
			o.told = told(err)
		}
		return err == nil, nil
	})
}

func (p *replica) get(i int) {
	step := func(m model, _ int64) (model, string) { return m.get() }
	p.ask(i, call{what: "get", step: step}, func(ctx context.Context, o *call) (bool, error) {
		cb, err := p.Get(ctx, p.over[i].ID)
		if errors.Is(err, relay.ErrUnavailable) {
			return false, err
		}
		if o.told = callbackText(cb); err != nil {
			o.told = told(err)
		}
		return true, nil
	})
}

// unheard is a lease whose name no replica knows, so that none settles it.
const unheard = "?"

// expire and claim concern all callbacks. They are recorded as one call for each
// callback that they changed, or may have changed.
func (p *replica) expire() {
	o := call{what: "expire", step: model.expire, maybe: true}
	breaks := p.line.breaksSoFar()
	o.begun = time.Now()
	n, err := p.Expire(context.Background(), 100)
	o.over = time.Now()
	p.expired += n
	if err != nil || p.line.breaksSoFar() > breaks {
		o, p.expiredUnsure = o.asLost(), true
	} else if n == 0 {
		return
	}
	for i := range p.over { // the reply does not say which
		p.calls[i] = append(p.calls[i], o)
	}
}

func (p *replica) claim() {
	as := func(lease string) func(model, int64) (model, string) {
		return func(m model, now int64) (model, string) { return m.claim(now, lease) }
	}
	o := call{what: "claim", step: as(unheard)}
	breaks := p.line.breaksSoFar()
	o.begun = time.Now()
	// Claims that succeeded are returned even if others failed.
	claimed, _ := p.Claim(context.Background(), 100)
	o.over = time.Now()
	breaks = p.line.breaksSoFar() - breaks
	for i, c := range p.over {
		for _, d := range claimed {
			if d.ID != c.ID {
				continue
			}
			sure := o
			sure.step, sure.told = as(d.Lease), deliveryText(d)
			if breaks == 0 { // the time in a repeated claim is that of the repetition
				sure.said = d.LeasedAt.UnixMilli()
			}
			p.calls[i] = append(p.calls[i], sure)
			p.leases[i] = append(p.leases[i], d)
		}
		// A repetition may claim again what was claimed without a reply, if another
		// replica had it in between.
		for range breaks {
			p.calls[i] = append(p.calls[i], o.asLost())
		}
	}
}

// settle settles one of the replica's leases: the last one or an earlier one.
func (p *replica) settle(i int) {
	held := p.leases[i]
	if len(held) == 0 {
		return
	}
	d := held[max(0, len(held)-1-p.rng.IntN(2))]
	end := settlements[p.rng.IntN(len(settlements))]
	if end.State == relay.StateAnswered {
		end.RetryIn = time.Duration(p.rng.IntN(4)) * time.Millisecond
	}
	p.settleAs(i, d, end)
}

func (p *replica) settleAs(i int, d relay.Delivery, end relay.Settlement) {
	step := func(m model, now int64) (model, string) { return m.settle(now, d.Lease, end) }
	what := fmt.Sprintf("settle lease %s as %s %s", d.Lease, end.State, end.Reason)
	p.ask(i, call{what: what, step: step}, func(ctx context.Context, o *call) (bool, error) {
		held, err := p.Settle(ctx, d, end)
		if o.told = "lost"; held {
			o.told = "held"
		}
		return held, err
	})
}

// clearUp ends every callback, which shows that replicas find all of them.
// Callbacks whose deadline is far away stay pending.
func (p *replica) clearUp() {
	p.r.t.Helper()
	p.createAll()
	giveUp := time.Now().Add(20 * time.Second)
	for left := len(p.over); left > 0; {
		if time.Now().After(giveUp) {
			p.r.t.Fatalf("%d callbacks do not come to an end", left)
		}
		p.expire()
		p.claim()
		left = 0
		for i, c := range p.over {
			if n := len(p.leases[i]); n > 0 {
				p.settleAs(i, p.leases[i][n-1], relay.Settlement{State: relay.StateDelivered, Confirmed: true})
				p.leases[i] = nil
			}
			cb, err := p.Get(context.Background(), c.ID)
			p.r.must(err)
			far := cb.State == relay.StatePending && c.reg.Expires.In >= time.Minute
			if !cb.State.Final() && !far {
				left++
			}
		}
	}
	for i := range p.over {
		p.get(i)
		p.r.checkInvariants("in the end", p.over[i].Callback)
	}
}

// line is a replica's connection to Redis. Now and then it breaks, either before a
// command is sent or, which is worse, before its reply arrives.
type line struct {
	chance float64

	mu     sync.Mutex // over the rest: a client dials whenever it likes
	rng    *rand.Rand
	broken int
}

func (l *line) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (l *line) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (l *line) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := next(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &lineConn{conn, l}, nil
	}
}

// breaks returns whether the line breaks now.
func (l *line) breaks() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rng.Float64() >= l.chance {
		return false
	}
	l.broken++
	return true
}

func (l *line) breaksSoFar() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken
}

type lineConn struct {
	net.Conn
	line *line
}

func (c *lineConn) Write(b []byte) (int, error) {
	if c.line.breaks() {
		c.Close()
		return 0, io.EOF
	}
	return c.Conn.Write(b)
}

// Read may lose the reply. It first waits for it, so that the command has run.
func (c *lineConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil && c.line.breaks() {
		c.Close()
		return 0, io.EOF
	}
	return n, err
}
