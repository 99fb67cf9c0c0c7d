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

// requestsInFlight is how many requests a listener handles at once by default. If
// Redis is slow, more requests would only wait and take memory.
const requestsInFlight = 1024

// How many requests per second, and how many at once, a listener answers with 404,
// and how many refused requests it logs. No sender of webhooks has that many wrong
// addresses.
const (
	missRate  = 100
	missBurst = 200
)

// errTooManyMisses replaces the 404 once a listener has answered too many requests
// with 404.
var errTooManyMisses = errors.New("too many requests to addresses that do not exist")

// room is a limited amount of something, such as bytes or requests.
type room struct {
	most    int64
	within  *room // of which it is a part; nil if of none
	taken   atomic.Int64
	changed func(by int64) // called after each change, if not nil
}

// take takes n, or reports [relay.ErrOverloaded] if not enough is left. In that case
// it takes nothing, not even for a moment, since a smaller request may still fit. Only
// the room that this one is a part of may be short without its knowing.
// The caller gives n back when it is no longer needed.
func (r *room) take(n int64) error {
	for {
		taken := r.taken.Load()
		if n > r.most-taken {
			return relay.ErrOverloaded
		}
		if r.taken.CompareAndSwap(taken, taken+n) {
			break
		}
	}
	if r.within != nil {
		if err := r.within.take(n); err != nil {
			r.taken.Add(-n)
			return err
		}
	}
	r.tell(n)
	return nil
}

// give gives n back.
func (r *room) give(n int64) {
	r.taken.Add(-n)
	if r.within != nil {
		r.within.give(n)
	}
	r.tell(-n)
}

// fits reports whether there is room for n at the moment, without taking it.
func (r *room) fits(n int64) bool {
	return n <= r.most-r.taken.Load() && (r.within == nil || r.within.fits(n))
}

func (r *room) tell(by int64) {
	if r.changed != nil {
		r.changed(by)
	}
}

// byteRoom is room for bodies or pages, which the metrics record.
func (a *app) byteRoom(most int64) *room {
	return &room{most: most, changed: func(by int64) { a.metrics.BodyBytes(a.listener, by) }}
}

// bounded refuses requests while most are being handled. Do not use it for health
// checks and metrics, which matter most when the process is overloaded.
func bounded(most int) echo.MiddlewareFunc {
	requests := &room{most: int64(most)}
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

// requestsPerLink is how many requests to one link are handled at once. A sender
// needs one or two, and people who look at a page need a few more.
const requestsPerLink = 8

// bounds bound the requests to each of several things. Otherwise anyone who has a single
// link, even of a finished callback, could take all the room that others need.
type bounds[Key comparable] struct {
	most int // of each

	mu       sync.Mutex
	requests map[Key]int // how many are being handled
}

// bound handles a request to one of the things, or refuses it.
func (b *bounds[Key]) bound(key Key, handle func() error) error {
	b.mu.Lock()
	if b.requests[key] == b.most {
		b.mu.Unlock()
		return relay.ErrOverloaded
	}
	b.requests[key]++
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.requests[key]--; b.requests[key] == 0 {
			delete(b.requests, key)
		}
	}()
	return handle()
}

// limitMisses answers a flood of requests to addresses that do not exist with 429. It
// treats all of them alike, so nobody learns which links exist. It does not look at
// the client's address, which honest senders may share, and never affects requests
// to addresses that exist.
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
