package store_test

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// clock is Redis's own time, in milliseconds, which a test lets pass.
type clock interface {
	now() int64
	pass(d time.Duration)
	moved() int64 // how far the stored times were moved back
	unit() int64  // the precision of time
}

// settable is the clock of the in-process server.
type settable struct {
	m  *miniredis.Miniredis
	ms int64
}

func (c *settable) now() int64 {
	if c.ms == 0 {
		c.ms = time.Now().UnixMilli()
		c.m.SetTime(time.UnixMilli(c.ms))
	}
	return c.ms
}

func (c *settable) pass(d time.Duration) {
	c.ms = c.now() + d.Milliseconds()
	c.m.SetTime(time.UnixMilli(c.ms))
	c.m.FastForward(d)
}

func (c *settable) moved() int64 { return 0 }
func (c *settable) unit() int64  { return 1 }

// carried is the clock of a real server. To let time pass, it moves all stored
// times into the past. Scripts cannot tell the difference, since they only compare
// stored times with the clock. Each step itself takes some real time, less than a
// minute. So all waits are whole minutes, which makes clear what is due.
type carried struct {
	w  *world
	by int64
}

func (c *carried) now() int64 {
	at, err := c.w.client.Time(c.w.ctx).Result()
	c.w.must(err)
	return at.UnixMilli() + c.by
}

func (c *carried) pass(d time.Duration) {
	w, by := c.w, d.Milliseconds()
	c.by += by
	for _, k := range w.tasks {
		for _, set := range []string{"deadline", "due", "created", "delivered", "refused", "expired", "cancelled"} {
			if w.inSet(k.Callback, set) {
				w.must(w.client.ZIncrBy(w.ctx, w.set(k.Callback, set), float64(-by), string(k.ID)).Err())
			}
		}
		hash := w.hash(k.Callback)
		if len(hash) == 0 {
			continue
		}
		earlier := func(text string) string { n, _ := strconv.ParseInt(text, 10, 64); return fmt.Sprint(n - by) }
		times := strings.SplitN(hash["registration"], " ", 3)
		w.must(w.client.HSet(w.ctx, w.key(k.Callback), "registration",
			earlier(times[0])+" "+earlier(times[1])+" "+times[2]).Err())
		for _, field := range []string{"answered", "settled"} {
			if hash[field] != "" {
				w.must(w.client.HSet(w.ctx, w.key(k.Callback), field, earlier(hash[field])).Err())
			}
		}
		ttl, err := w.client.PTTL(w.ctx, w.key(k.Callback)).Result()
		w.must(err)
		if ttl > 0 { // in the past means gone
			w.must(w.client.PExpire(w.ctx, w.key(k.Callback), ttl-d).Err())
		}
	}
}

func (c *carried) moved() int64 { return c.by }
func (c *carried) unit() int64  { return time.Minute.Milliseconds() }
