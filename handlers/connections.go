package handlers

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// BoundConnections returns a listener that keeps at most most connections of a server
// open. An open connection takes memory and a file descriptor; without free
// descriptors the relay cannot reach Redis or Step Functions, nor answer health
// checks.
//
// When the bound is reached, a new connection replaces the one that has waited
// longest for its client: for a request, for the rest of its headers, or for a body
// that no handler reads. Connections whose request is being handled stay open; while
// all of them are busy, new connections wait to be accepted.
//
// The server must not be serving yet, and must serve with this listener only.
func BoundConnections(server *http.Server, l net.Listener, most int) net.Listener {
	b := &boundedListener{Listener: l, most: most, changed: make(chan struct{}, 1), closed: make(chan struct{})}
	follow := server.ConnState
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		if c, ok := conn.(*boundedConn); ok {
			b.follow(c, state)
			conn = c.TCPConn
		}
		if follow != nil {
			follow(conn, state)
		}
	}
	contextOf := server.ConnContext
	server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		if contextOf != nil {
			ctx = contextOf(ctx, conn)
		}
		return context.WithValue(ctx, connKey{}, conn)
	}
	next := server.Handler
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connKey{}).(*boundedConn); ok {
			b.put(c, nil)
			defer b.put(c, &b.unhandled)
		}
		next.ServeHTTP(w, r)
	})
	return b
}

type connKey struct{}

// spared is how long a connection is not replaced although no handler is running:
// before the handler of a request that has arrived, and after the handler, while the
// server reads the rest of the body.
const spared = time.Second

type boundedListener struct {
	net.Listener
	most     int
	changed  chan struct{} // wakes a connection that waits to be accepted
	closed   chan struct{}
	once     sync.Once
	closeErr error

	mu   sync.Mutex
	open int
	// Connections that no handler is using, the longest waiting first: idle ones have
	// no request; unhandled ones have a request before or after its handler.
	idle, unhandled list.List
}

// Accept implements [net.Listener].
func (l *boundedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return conn, nil // not a TCP connection
	}
	c := &boundedConn{TCPConn: tcp, of: l}
	for {
		longest, admitted := l.admit(c)
		if admitted {
			return c, nil
		}
		if longest != nil {
			_ = longest.Close() // and its place is free
			continue
		}
		select {
		case <-l.changed:
		case <-time.After(spared / 10):
		case <-l.closed:
			_ = tcp.Close()
			return nil, net.ErrClosed
		}
	}
}

// Close implements [net.Listener]. It may be called more than once, since the server
// closes its listener too.
func (l *boundedListener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.closeErr = l.Listener.Close()
	})
	return l.closeErr
}

// admit counts a connection as open, or returns the connection to close for it; nil if
// none can be closed.
func (l *boundedListener) admit(c *boundedConn) (longest *boundedConn, admitted bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open < l.most {
		l.open++
		c.counted = true
		l.move(c, &l.idle)
		return nil, true
	}
	for _, waiting := range []*list.List{&l.idle, &l.unhandled} {
		if first := waiting.Front(); first != nil {
			if c := first.Value.(*boundedConn); longest == nil || c.since.Before(longest.since) {
				longest = c
			}
		}
	}
	if longest != nil && longest.in == &l.unhandled && time.Since(longest.since) < spared {
		longest = nil
		if first := l.idle.Front(); first != nil {
			longest = first.Value.(*boundedConn)
		}
	}
	return longest, false
}

// follow records the state that the server reports for a connection.
func (l *boundedListener) follow(c *boundedConn, state http.ConnState) {
	switch state {
	case http.StateIdle:
		l.put(c, &l.idle)
	case http.StateActive:
		l.put(c, &l.unhandled)
	}
}

// put moves a connection to the end of a list, or removes it from its list if into is
// nil.
func (l *boundedListener) put(c *boundedConn, into *list.List) {
	l.mu.Lock()
	l.move(c, into)
	l.mu.Unlock()
	l.tell()
}

func (l *boundedListener) move(c *boundedConn, into *list.List) {
	if c.in != nil {
		c.in.Remove(c.at)
	}
	if !c.counted { // it has been closed in the meantime
		into = nil
	}
	if c.in, c.since = into, time.Now(); into != nil {
		c.at = into.PushBack(c)
	}
}

func (l *boundedListener) gone(c *boundedConn) {
	l.mu.Lock()
	if c.counted {
		c.counted = false
		l.open--
	}
	l.move(c, nil)
	l.mu.Unlock()
	l.tell()
}

func (l *boundedListener) tell() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// boundedConn embeds the TCP connection itself, because the server closes one side of
// it after an answer that cuts off a request.
type boundedConn struct {
	*net.TCPConn
	of *boundedListener

	// Guarded by of.mu.
	counted bool
	in      *list.List // nil while a request is handled
	at      *list.Element
	since   time.Time
}

// Close implements [net.Conn].
func (c *boundedConn) Close() error {
	defer c.of.gone(c)
	return c.TCPConn.Close()
}
