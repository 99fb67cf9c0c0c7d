package stepfunctions

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// pipes returns a pool of connections to a server that answers everything, and how many
// are open and were opened.
func pipes(maxIdle int) (p *pool, open, opened *atomic.Int64) {
	open, opened = new(atomic.Int64), new(atomic.Int64)
	return &pool{maxIdle: maxIdle, connect: func(context.Context) (net.Conn, error) {
		ours, theirs := net.Pipe()
		open.Add(1)
		opened.Add(1)
		go func() {
			defer open.Add(-1)
			from := bufio.NewReader(theirs)
			for {
				request, err := http.ReadRequest(from)
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, request.Body)
				<-time.After(time.Second)
				_, _ = io.WriteString(theirs, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
			}
		}()
		return ours, nil
	}}, open, opened
}

// post makes one call.
func post(ctx context.Context, p *pool, connected func()) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://example.com/", strings.NewReader("{}"))
	if err != nil {
		return err
	}
	reply, err := p.roundTrip(r, connected)
	if err != nil {
		return err
	}
	return reply.Body.Close()
}

// call makes calls at once, and waits for all.
func call(t *testing.T, p *pool, calls int) {
	t.Helper()
	done := make(chan error, calls)
	for range calls {
		go func() { done <- post(t.Context(), p, func() {}) }()
	}
	for range calls {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// Connections that are idle for a minute are closed, each in its time and without
// another call.
func TestIdleConnectionsAreClosedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, open, opened := pipes(10)
		call(t, p, 3)
		<-time.After(30 * time.Second)
		call(t, p, 1)
		for _, then := range []struct {
			after time.Duration
			open  int64
		}{{28 * time.Second, 3}, {2 * time.Second, 1}, {28 * time.Second, 1}, {3 * time.Second, 0}} {
			<-time.After(then.after)
			synctest.Wait()
			if n := open.Load(); n != then.open {
				t.Errorf("%d connections are open, want %d", n, then.open)
			}
		}
		call(t, p, 1)
		if n := opened.Load(); n != 4 {
			t.Errorf("%d connections were opened, want 4", n)
		}
		p.close()
	})
}

// No more than the maximum is kept, and none after close.
func TestIdleConnectionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, open, _ := pipes(2)
		call(t, p, 5)
		synctest.Wait()
		if n := open.Load(); n != 2 {
			t.Errorf("%d connections are kept, want 2", n)
		}
		go call(t, p, 1)
		synctest.Wait()
		p.close()
		<-time.After(2 * time.Second)
		synctest.Wait()
		if n := open.Load(); n != 0 {
			t.Errorf("%d connections are kept after the end", n)
		}
	})
}

// The end of a call ends writing too, and leaves no connection behind.
func TestRequestIsNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		p := &pool{maxIdle: 10, connect: func(context.Context) (net.Conn, error) { return ours, nil }}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		connected := false
		if err := post(ctx, p, func() { connected = true }); !errors.Is(err, context.DeadlineExceeded) || !connected {
			t.Errorf("connected is %v, got %v", connected, err)
		}
		if n, err := theirs.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the connection is still open: read %d bytes, %v", n, err)
		}
	})
}

// A call that has ended already is not written, even if there is a connection.
func TestEndedCallIsNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, _ := pipes(10)
		defer p.close()
		call(t, p, 1)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := post(ctx, p, func() { t.Error("there was a connection to write to") })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}
