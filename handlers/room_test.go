package handlers

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A large request that is refused must not be in the way of a small one that
// fits, not even for the moment in which it is looked at.
func TestCapacityRefusesOnlyWhatDoesNotFit(t *testing.T) {
	c := &capacity{most: 100}
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

// Row 81: whoever holds room has sent half of it, or little.
func TestBufferGrowsWithWhatArrives(t *testing.T) {
	room := &share{of: &capacity{most: 1 << 20}}
	b := buffer{room: room, most: 256 << 10}
	sent := 0
	arriving := readerFunc(func(p []byte) (int, error) {
		if int(room.held) > max(2*sent, unknownStep) {
			t.Fatalf("%d bytes are held, and %d have arrived", room.held, sent)
		}
		if sent == 200_000 {
			return 0, io.EOF
		}
		n := min(len(p), 700, 200_000-sent)
		sent += n
		return n, nil
	})
	if err := b.fill(arriving, unknownStep); err != nil || len(b.bytes) != sent {
		t.Errorf("%d of %d bytes: %v", len(b.bytes), sent, err)
	}
	if room.held != int64(cap(b.bytes)) || room.of.taken.Load() != room.held {
		t.Errorf("%d bytes are held for %d", room.held, cap(b.bytes))
	}
	if room.release(); room.of.taken.Load() != 0 {
		t.Error("not all is given back")
	}
}

// What does not fit is refused, whatever of it is there, and what is exactly as
// long as it may be is not.
func TestBufferHasBounds(t *testing.T) {
	for name, c := range map[string]struct {
		most, room, long int
		want             error
	}{
		"as long as it may be": {1000, 2000, 1000, nil},
		"one byte more":        {1000, 2000, 1001, io.ErrShortBuffer},
		"no room":              {1000, 900, 1000, errOverloaded},
		"empty":                {0, 0, 0, nil},
		"not empty":            {0, 0, 1, io.ErrShortBuffer},
	} {
		room := &share{of: &capacity{most: int64(c.room)}}
		b := buffer{room: room, most: c.most}
		if err := b.fill(strings.NewReader(strings.Repeat("x", c.long)), 64); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if room.held > int64(c.room) {
			t.Errorf("%s: %d bytes are held", name, room.held)
		}
	}
	page := buffer{room: &share{of: &capacity{most: 3 * pageStep}}}
	text := []byte(strings.Repeat("x", 1000))
	var err error
	for err == nil {
		_, err = page.Write(text)
	}
	if !errors.Is(err, errOverloaded) || cap(page.bytes) > 3*pageStep {
		t.Errorf("a page without end: %v after %d bytes", err, cap(page.bytes))
	}
}

// Row 81: a body that falls behind the pace is cut off, and one that keeps to it
// is not, however it pauses within the grace.
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

// The deadline of the request as a whole stays, whatever the pace.
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
