package handlers

import (
	"errors"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"callback-relay/relay"
)

// requestsInFlight is how many requests one listener handles at once, unless
// told. When Redis is slow, more would only wait, each with its memory.
const requestsInFlight = 1024

// The misses that a listener answers with 404, and the refusals that it logs, per
// second in the long run and at once. No sender of webhooks has that many wrong
// addresses.
const (
	missRate  = 100
	missBurst = 200
)

// Errors of a server that has enough to do.
var (
	errOverloaded    = errors.New("too many bytes or requests in flight")
	errTooManyMisses = errors.New("too many requests that lead nowhere")
)

// capacity is what there is only so much of at once.
type capacity struct {
	most    int64
	taken   atomic.Int64
	changed func(by int64) // is told; nil for nobody
}

// take takes n, or reports that there is not enough left, and then takes
// nothing, not even for a moment: what is smaller may fit. The caller gives it
// back when it is needed no longer.
func (c *capacity) take(n int64) error {
	for {
		taken := c.taken.Load()
		if n > c.most-taken {
			return errOverloaded
		}
		if c.taken.CompareAndSwap(taken, taken+n) {
			c.tell(n)
			return nil
		}
	}
}

// give gives n back.
func (c *capacity) give(n int64) {
	c.taken.Add(-n)
	c.tell(-n)
}

// fits reports whether there is room for n at the moment, without taking it.
func (c *capacity) fits(n int64) bool { return n <= c.most-c.taken.Load() }

func (c *capacity) tell(by int64) {
	if c.changed != nil {
		c.changed(by)
	}
}

// byteCapacity is room for bodies or pages, of which the metrics are told.
func (a *app) byteCapacity(most int64) *capacity {
	return &capacity{most: most, changed: func(by int64) { a.metrics.BodyBytes(a.listener, by) }}
}

// bounded refuses requests while so many are under way. What tells how the
// process is must not be bounded: that is asked just then.
func bounded(most int) echo.MiddlewareFunc {
	requests := &capacity{most: int64(most)}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if err := requests.take(1); err != nil {
				return err
			}
			defer requests.give(1)
			return next(c)
		}
	}
}

// requestsPerLink is how many requests to one link are handled at once. Its
// sender needs one, or two, and those who look at a page some more.
const requestsPerLink = 8

// perLink keeps whoever has one link, even of a callback that is long over,
// from taking all the room that others need too.
type perLink struct {
	mu   sync.Mutex
	busy map[relay.LinkRef]int
}

// enter counts a request, or refuses it. The caller calls leave when it is done.
func (p *perLink) enter(link relay.LinkRef) (leave func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy[link] == requestsPerLink {
		return nil, errOverloaded
	}
	p.busy[link]++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.busy[link]--; p.busy[link] == 0 {
			delete(p.busy, link)
		}
	}, nil
}

// limitMisses answers a flood of requests that lead nowhere with 429. It is
// alike for all of them, so nobody learns from it which links there are, and
// requests that lead somewhere are not touched: whoever floods may share an
// address with honest senders.
func limitMisses() echo.MiddlewareFunc {
	misses := rate.NewLimiter(missRate, missBurst)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			err := next(c)
			if err != nil && problemOf(err).Status == http.StatusNotFound && !misses.Allow() {
				return errTooManyMisses
			}
			return err
		}
	}
}
