package handlers

import (
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A large request that is refused must not block a small one that fits, not even for a
// moment.
func TestRoomRefusesOnlyWhatDoesNotFit(t *testing.T) {
	c := &room{most: 100}
	var others sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		others.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if c.take(101) == nil {
						t.Error("more is taken than there is")
						return
					}
				}
			}
		})
	}
	for range 100_000 {
		if err := c.take(1); err != nil {
			t.Error("what fits is refused")
			break
		}
		c.give(1)
	}
	close(stop)
	others.Wait()
	if n := c.taken.Load(); n != 0 {
		t.Errorf("%d are still taken", n)
	}
}

// Row 81: a body that falls behind the pace is cut off. A body that keeps the pace is not,
// whatever pauses it makes within the grace period.
func TestPace(t *testing.T) {
	for name, c := range map[string]struct {
		piece int           // bytes that arrive at once
		every time.Duration // how often
		cut   bool
	}{
		"a byte a second":         {1, time.Second, true},
		"silence":                 {100_000, time.Minute, true},
		"a little too slow":       {bodyPace * 9 / 10, time.Second, true},
		"just fast enough":        {bodyPace, time.Second, false},
		"in pieces, with pauses":  {5 * bodyPace, 5*time.Second - time.Millisecond, false},
		"all of it, then nothing": {1 << 20, bodyGrace + time.Millisecond, true},
		"fast":                    {16 << 10, 10 * time.Millisecond, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := &deadlined{}
				body := &pacedBody{conn: http.NewResponseController(conn), credit: bodyGrace, started: time.Now(), end: time.Now().Add(time.Hour)}
				body.Reader = readerFunc(func(p []byte) (int, error) {
					if wait := c.every; time.Now().Add(wait).After(conn.deadline) {
						time.Sleep(time.Until(conn.deadline))
						return 0, os.ErrDeadlineExceeded
					}
					time.Sleep(c.every)
					return min(c.piece, len(p)), nil
				})
				into, began := make([]byte, 1<<20), time.Now()
				for time.Since(began) < 10*time.Minute {
					if _, err := body.Read(into); err != nil {
						if !c.cut {
							t.Errorf("cut off after %v", time.Since(began))
						}
						if !conn.deadline.Equal(body.end) {
							t.Error("the connection does not have its own deadline back")
						}
						return
					}
				}
				if c.cut {
					t.Error("not cut off")
				}
			})
		})
	}
}

// The deadline of the whole request applies, whatever the pace.
func TestPaceKeepsTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := &deadlined{}
		end := time.Now().Add(time.Second)
		body := &pacedBody{Reader: strings.NewReader("x"), conn: http.NewResponseController(conn), credit: bodyGrace, started: time.Now(), end: end}
		_, _ = body.Read(make([]byte, 1))
		if !conn.deadline.Equal(end) {
			t.Errorf("the deadline is %v later", conn.deadline.Sub(end))
		}
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// deadlined is a response of a connection that has a deadline.
type deadlined struct {
	http.ResponseWriter
	deadline time.Time
}

func (d *deadlined) SetReadDeadline(at time.Time) error {
	d.deadline = at
	return nil
}
