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

// errTooManyMisses is of a listener that answers enough of them with 404.
var errTooManyMisses = errors.New("too many requests that lead nowhere")

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
			return relay.ErrOverloaded
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

// linkBounds bounds the requests to each link, so that whoever has one link, even
// of a callback that ended long ago, cannot take all the room that others need.
type linkBounds struct {
	mu       sync.Mutex
	requests map[relay.LinkRef]int // that are being handled
}

// bound handles a request to a link, or refuses it.
func (b *linkBounds) bound(link relay.LinkRef, handle func() error) error {
	b.mu.Lock()
	if b.requests[link] == requestsPerLink {
		b.mu.Unlock()
		return relay.ErrOverloaded
	}
	b.requests[link]++
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.requests[link]--; b.requests[link] == 0 {
			delete(b.requests, link)
		}
	}()
	return handle()
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
