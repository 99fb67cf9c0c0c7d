package faults

import (
	"bytes"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// proxy forwards TCP connections to a target, and can disturb them. Any goroutine
// may control it.
type proxy struct {
	addr   string // host:port to connect to
	target string
	listen net.Listener
	all    sync.WaitGroup

	mu      sync.Mutex
	pairs   map[*pair]bool
	delay   time.Duration     // by which every byte comes later, in each direction
	refuse  bool              // new connections are reset
	drops   int               // how many more answers to cut off
	dropAt  int               // after how many bytes
	match   func([]byte) bool // which requests are held
	holding chan struct{}     // until it is closed; nil: all pass
	held    bytes.Buffer      // what they were
}

// pair is one connection and its other half.
type pair struct {
	client, server net.Conn
	once           sync.Once
}

// newProxy forwards connections until the test ends.
func newProxy(t testing.TB, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &proxy{addr: l.Addr().String(), target: target, listen: l, pairs: map[*pair]bool{}}
	p.all.Go(p.accept)
	t.Cleanup(func() {
		l.Close()
		p.release()
		p.cut()
		p.all.Wait()
	})
	return p
}

// setDelay delays every byte by d, in each direction.
func (p *proxy) setDelay(d time.Duration) { p.change(func() { p.delay = d }) }

// setRefuse makes new connections fail. Open ones stay.
func (p *proxy) setRefuse(on bool) { p.change(func() { p.refuse = on }) }

// dropAnswers lets only n bytes of each of the next answers pass, and then resets
// the connection.
func (p *proxy) dropAnswers(answers, n int) { p.change(func() { p.drops, p.dropAt = answers, n }) }

// hold keeps matching requests, and everything after them on their connections,
// until release. Then they are forwarded even if the client has disconnected.
func (p *proxy) hold(match func(request []byte) bool) {
	p.change(func() {
		p.match, p.holding = match, make(chan struct{})
		p.held.Reset()
	})
}

// naming matches requests that contain the id of one of the callbacks.
func naming(callbacks ...*history) func([]byte) bool {
	return func(request []byte) bool {
		return slices.ContainsFunc(callbacks, func(h *history) bool {
			return bytes.Contains(request, []byte(h.callback.ID))
		})
	}
}

// release ends the hold.
func (p *proxy) release() {
	p.change(func() {
		if p.holding != nil {
			close(p.holding)
			p.holding = nil
		}
	})
}

// holds reports whether the held data contain a text.
func (p *proxy) holds(text string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.holding != nil && bytes.Contains(p.held.Bytes(), []byte(text))
}

// cut resets every open connection.
func (p *proxy) cut() {
	p.change(func() {
		for c := range p.pairs {
			c.reset()
		}
	})
}

// clear ends all disturbances.
func (p *proxy) clear() {
	p.release()
	p.change(func() { p.delay, p.refuse, p.drops = 0, false, 0 })
}

func (p *proxy) change(what func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	what()
}

func (p *proxy) accept() {
	for {
		client, err := p.listen.Accept()
		if err != nil {
			return // closed
		}
		p.all.Go(func() { p.serve(client) })
	}
}

// serve forwards one connection until both halves are done.
func (p *proxy) serve(client net.Conn) {
	c := &pair{client: client}
	p.mu.Lock()
	refuse := p.refuse
	p.mu.Unlock()
	if refuse {
		abort(client)
		return
	}
	server, err := net.DialTimeout("tcp", p.target, time.Second)
	if err != nil {
		abort(client)
		return
	}
	c.server = server
	p.change(func() { p.pairs[c] = true })
	defer p.change(func() { delete(p.pairs, c) })
	var halves sync.WaitGroup
	halves.Go(func() { p.pass(c, client, server, false) })
	halves.Go(func() { p.pass(c, server, client, true) })
	halves.Wait()
	client.Close()
	server.Close()
}

// chunk is the data of one read, and its time.
type chunk struct {
	bytes []byte
	at    time.Time
}

// pass copies one direction. Reading continues during a delay, so that the delay
// adds latency and does not limit throughput.
func (p *proxy) pass(c *pair, from, to net.Conn, answers bool) {
	chunks := make(chan chunk, 256)
	go func() {
		defer close(chunks)
		for {
			buffer := make([]byte, 32<<10)
			n, err := from.Read(buffer)
			if n > 0 {
				chunks <- chunk{buffer[:n], time.Now()}
			}
			if err != nil {
				return
			}
		}
	}()
	for got := range chunks {
		p.mu.Lock()
		delay, holding := p.delay, p.holding
		if holding != nil && !answers && p.match(got.bytes) {
			p.held.Write(got.bytes)
		} else {
			holding = nil
		}
		p.mu.Unlock()
		if holding != nil {
			<-holding
		}
		time.Sleep(time.Until(got.at.Add(delay)))
		if n, drop := p.drop(answers); drop {
			_, _ = to.Write(got.bytes[:min(len(got.bytes), n)])
			c.reset()
			break
		}
		if _, err := to.Write(got.bytes); err != nil {
			c.reset()
			break
		}
	}
	for range chunks {
		continue // so that the reader ends
	}
	// Data in the other direction may still arrive.
	if half, ok := to.(*net.TCPConn); ok {
		_ = half.CloseWrite() // it may be closed already
	}
}

// drop reports whether to cut an answer off, and after how many bytes.
func (p *proxy) drop(answer bool) (n int, drop bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !answer || p.drops == 0 {
		return 0, false
	}
	p.drops--
	return p.dropAt, true
}

// reset ends both halves with a TCP reset.
func (c *pair) reset() {
	c.once.Do(func() {
		abort(c.client)
		abort(c.server)
	})
}

func abort(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a reset; at worst it is an orderly end
	}
	conn.Close()
}
