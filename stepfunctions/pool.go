package stepfunctions

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// connectWithin limits a dial, and a TLS handshake after it.
	connectWithin = 3 * time.Second
	// idleTimeout is how long a connection may be idle. It is well under 350 s: after
	// that AWS's NAT gateways drop an idle connection, and the next request on it would
	// be lost.
	idleTimeout = 60 * time.Second
)

// pool makes requests to one server, on HTTP/1.1 connections that it keeps. The
// caller's goroutine does everything itself, where the transport of net/http has two
// more for each connection. Each request is sent once.
type pool struct {
	connect func(context.Context) (net.Conn, error)
	maxIdle int

	mu     sync.Mutex
	idle   []*connection // the last used last
	prune  *time.Timer   // runs while there are idle connections
	closed bool
}

// roundTrip makes one request. It calls connected when it has a connection, before
// it writes the first byte.
func (p *pool) roundTrip(r *http.Request, connected func()) (*http.Response, error) {
	c, err := p.get(r.Context())
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	connected()
	reply, reusable, err := c.exchange(r)
	if reusable {
		p.put(c)
	} else {
		_ = c.Close()
	}
	return reply, err
}

// get returns the idle connection that was used last, or a new one. An idle
// connection that the server has closed is dropped here, before anything is written.
func (p *pool) get(ctx context.Context) (*connection, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	for c := p.pop(); c != nil; c = p.pop() {
		if time.Since(c.idleSince) < idleTimeout && c.quiet() {
			return c, nil
		}
		_ = c.Close()
	}
	conn, err := p.connect(ctx)
	if err != nil {
		return nil, err
	}
	return newConnection(conn), nil
}

// pop removes the idle connection that was used last, and returns it; nil if there
// is none.
func (p *pool) pop() *connection {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.idle) - 1
	if last < 0 {
		return nil
	}
	c := p.idle[last]
	p.idle[last] = nil
	p.idle = p.idle[:last]
	return c
}

// put keeps a connection for the next request, unless there are enough.
func (p *pool) put(c *connection) {
	c.idleSince = time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= p.maxIdle {
		_ = c.Close()
		return
	}
	p.idle = append(p.idle, c)
	if p.prune == nil {
		p.prune = time.AfterFunc(idleTimeout, p.closeOld)
	}
}

// closeOld closes the connections that have been idle for too long.
func (p *pool) closeOld() {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := 0
	for old < len(p.idle) && time.Since(p.idle[old].idleSince) >= idleTimeout {
		_ = p.idle[old].Close()
		old++
	}
	p.idle = append([]*connection(nil), p.idle[old:]...)
	p.prune = nil
	if len(p.idle) > 0 {
		p.prune = time.AfterFunc(idleTimeout-time.Since(p.idle[0].idleSince), p.closeOld)
	}
}

// close closes the idle connections, and those under way when they become idle.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, c := range p.idle {
		_ = c.Close()
	}
	p.idle = nil
	if p.prune != nil {
		p.prune.Stop()
	}
}

// connectTo returns a function that connects to an address, with TLS if there are
// settings for it.
func connectTo(address string, dialer *net.Dialer, secure *tls.Config) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err != nil || secure == nil {
			return conn, err
		}
		ctx, cancel := context.WithTimeout(ctx, connectWithin)
		defer cancel()
		over := tls.Client(conn, secure)
		if err := over.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, fmt.Errorf("TLS handshake: %w", err)
		}
		return over, nil
	}
}
