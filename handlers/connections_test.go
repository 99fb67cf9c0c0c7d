package handlers_test

import (
	"net"
	"net/http"
	"testing"

	"callback-relay/handlers"
)

// Row 25: connections that say nothing take no more than their part of what the
// process has. Those over the bound wait, and are served when others have gone.
func TestConnectionsAreBounded(t *testing.T) {
	const most = 4
	var conns connections
	n := start(t, func(s *setup) { s.connections, s.server = most, conns.follow })
	k := n.register()
	idle := n.dial()
	for range most - 1 {
		n.dial()
	}
	conns.become(t, most)
	waiting := n.open(k.path("default"), "{}", jsonType, "Content-Length: 2", "Connection: close")
	n.call("GET", "/healthz", "").is(http.StatusOK) // the private listener has its own
	n.call("GET", "/readyz", "").is(http.StatusOK)
	if got := conns.count(); got != most {
		t.Errorf("%d connections are served, want %d", got, most)
	}
	must(t, idle.Close())
	waiting.answer().is(http.StatusOK)
	k.gets("{}")
	for range 2 * most { // each gives its place back
		n.register().unharmed()
	}
}

// A listener that is closed while it is full gives up at once.
func TestFullListenerCloses(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	l := handlers.LimitConnections(inner, 1)
	client, err := net.Dial("tcp", inner.Addr().String())
	must(t, err)
	defer client.Close()
	conn, err := l.Accept()
	must(t, err)
	defer conn.Close()
	ended := make(chan error, 1)
	go func() {
		_, err := l.Accept()
		ended <- err
	}()
	must(t, l.Close())
	if err := <-ended; err == nil {
		t.Error("accepted")
	}
}
