package handlers_test

import (
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"callback-relay/handlers"
)

// Rows 25 and 77: busy connections are bounded. Connections over the bound wait, and are
// served once others have ended.
func TestConnectionsAreBounded(t *testing.T) {
	const most = 4
	var conns connections
	n := start(t, func(s *setup) { s.connections, s.server = most, conns.follow })
	k := n.register()
	var busy []*wire
	for range most {
		w := n.open(n.register().path("default"), "", jsonType, "Content-Length: 2", "Expect: 100-continue")
		w.continues() // so it is handled
		busy = append(busy, w)
	}
	waiting := n.open(k.path("default"), "{}", jsonType, "Content-Length: 2", "Connection: close")
	n.call("GET", "/healthz", "").is(http.StatusOK) // the private listener has its own
	n.call("GET", "/readyz", "").is(http.StatusOK)
	if got := conns.count(); got != most {
		t.Errorf("%d connections are served, want %d", got, most)
	}
	for _, w := range busy { // nobody was cut off for it
		w.write("{}")
		w.answer().is(http.StatusOK)
	}
	waiting.answer().is(http.StatusOK)
	k.gets("{}")
	for range 2 * most { // each gives its place back
		n.register().unharmed()
	}
}

// Row 77: new connections replace idle ones, the longest idle first, whatever those wait
// for. A connection whose request is being handled is not replaced.
func TestIdleConnectionsGiveWay(t *testing.T) {
	const most = 4
	ask := func(w *wire, conns *connections) *wire {
		before := conns.idled()
		w.write("GET /healthz HTTP/1.1\r\nHost: relay.test\r\n\r\n")
		w.answer().is(http.StatusOK)
		conns.becomeIdle(w.n.t, before) // the answer comes a little before
		return w
	}
	const unwanted = "with a body that nobody wants"
	for name, hold := range map[string]func(n *node, conns *connections) *wire{
		"silent from the beginning": func(n *node, _ *connections) *wire { return n.dial() },
		"within the headers": func(n *node, _ *connections) *wire {
			w := n.dial()
			w.write("POST /c/x HTTP/1.1\r\nHost: relay.te")
			return w
		},
		"after a request": func(n *node, conns *connections) *wire { return ask(n.dial(), conns) },
		"after a request, within the next": func(n *node, conns *connections) *wire {
			w := ask(n.dial(), conns)
			w.write("GET /healthz")
			return w
		},
		unwanted: func(n *node, _ *connections) *wire {
			return n.open("/nowhere", "", "Content-Length: 1000")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conns := &connections{}
			n := start(t, func(s *setup) { s.connections, s.server = most, conns.follow })
			k := n.register()
			handled := n.open(k.path("default"), "", jsonType, "Content-Length: 2", "Expect: 100-continue")
			handled.continues()
			var held []*wire
			for i := range most - 1 {
				held = append(held, hold(n, conns))
				conns.become(t, i+2)
			}
			for range 3 * most {
				held = append(held, ask(n.dial(), conns))
			}
			conns.become(t, most)
			if name == unwanted { // they are spared for a second, in which others give way
				for ended, over := held[0].ends(), false; !over; {
					held = append(held, ask(n.dial(), conns))
					select {
					case <-ended:
						over = true
					case <-time.After(100 * time.Millisecond):
					}
				}
			} else {
				for _, w := range held[:len(held)-most+1] {
					w.gone()
				}
			}
			ask(held[len(held)-1], conns) // the last is still there
			handled.write("{}")
			handled.answer().is(http.StatusOK)
			k.gets("{}")
		})
	}
}

// Row 77: the health probe gets through to a private listener that is full.
func TestProbeOfAFullListener(t *testing.T) {
	const most = 4
	n := start(t, func(s *setup) { s.connections = most })
	for range 3 * most {
		conn, err := net.Dial("tcp", n.private)
		must(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		_, err = fmt.Fprint(conn, "GET /metrics HTTP/1.1\r\nHost: relay.test\r\n\r\n")
		must(t, err)
	}
	for range 3 {
		n.client.CloseIdleConnections()
		n.call("GET", "/healthz", "").is(http.StatusOK)
		n.call("GET", "/readyz", "").is(http.StatusOK)
	}
}

// A listener that is closed while it is full gives up at once.
func TestFullListenerCloses(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })}
	l := handlers.BoundConnections(server, inner, 1)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	for range 2 { // one that is handled, and one that waits for its place
		client, err := net.Dial("tcp", inner.Addr().String())
		must(t, err)
		defer client.Close()
		_, err = fmt.Fprint(client, "GET / HTTP/1.1\r\nHost: relay.test\r\n\r\n")
		must(t, err)
	}
	must(t, l.Close())
	if err := <-ended; err == nil {
		t.Error("accepted")
	}
	must(t, server.Close())
}
