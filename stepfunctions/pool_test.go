package stepfunctions_test

import (
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"callback-relay/relay"
	"callback-relay/stepfunctions"
)

// largest is an outcome with the largest output.
var largest = relay.Outcome{Type: relay.OutcomeSuccess, Output: relay.Payload(`"` + strings.Repeat("x", relay.MaxOutputBytes-2) + `"`)}

// counting is a server that counts requests and connections.
type counting struct {
	*httptest.Server
	requests, connections atomic.Int64
}

// count serves with a handler, over TLS if secure, and returns a sender that has the
// server's certificate in its AWS_CA_BUNDLE.
func count(t *testing.T, secure bool, handler http.HandlerFunc) (*counting, *stepfunctions.Sender) {
	t.Helper()
	c := &counting{}
	c.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.requests.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		handler(w, r)
	}))
	c.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			c.connections.Add(1)
		}
	}
	if secure {
		c.EnableHTTP2 = true // which nobody may ask for
		c.StartTLS()
	} else {
		c.Start()
	}
	t.Cleanup(c.Close)
	sender := environmentSender(t, c.URL, stepfunctions.Options{})
	if secure {
		sender = trusting(t, c.Server)
	}
	return c, sender
}

// trusting returns a sender whose AWS_CA_BUNDLE has a server's certificate.
func trusting(t *testing.T, server *httptest.Server) *stepfunctions.Sender {
	t.Helper()
	bundle := filepath.Join(t.TempDir(), "bundle.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(bundle, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	return newSender(t, loaded(t, map[string]string{"AWS_ENDPOINT_URL_SFN": server.URL, "AWS_CA_BUNDLE": bundle}), stepfunctions.Options{})
}

func onPlainAndTLS(t *testing.T, test func(t *testing.T, secure bool)) {
	t.Helper()
	t.Run("plain", func(t *testing.T) { test(t, false) })
	t.Run("TLS", func(t *testing.T) { test(t, true) })
}

func taken(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }

// TestConnectionIsKept: calls that follow each other share a connection, and large
// outputs arrive whole.
func TestConnectionIsKept(t *testing.T) {
	onPlainAndTLS(t, func(t *testing.T, secure bool) {
		var longest atomic.Int64
		server, sender := count(t, secure, func(w http.ResponseWriter, r *http.Request) {
			longest.Store(max(longest.Load(), r.ContentLength))
			taken(w, r)
		})
		for i := range 10 {
			if err := sender.Send(t.Context(), "t", []relay.Outcome{success, largest}[i%2]); err != nil {
				t.Fatal(err)
			}
		}
		if c, r := server.connections.Load(), server.requests.Load(); c != 1 || r != 10 || longest.Load() < relay.MaxOutputBytes {
			t.Errorf("%d requests on %d connections, the longest of %d bytes", r, c, longest.Load())
		}
	})
}

// TestIdleConnectionIsClosed: if the server closes a connection between two calls, the
// second succeeds on a new connection, and arrives once.
func TestIdleConnectionIsClosed(t *testing.T) {
	onPlainAndTLS(t, func(t *testing.T, secure bool) {
		server, sender := count(t, secure, taken)
		for range 10 {
			if err := sender.Send(t.Context(), "t", success); err != nil {
				t.Fatal(err)
			}
			server.CloseClientConnections()
		}
		if c, r := server.connections.Load(), server.requests.Load(); c != 10 || r != 10 {
			t.Errorf("%d requests on %d connections", r, c)
		}
	})
}

// TestManyIdleConnectionsAreClosed: also if a burst left many of them.
func TestManyIdleConnectionsAreClosed(t *testing.T) {
	const burst = 20
	var all sync.WaitGroup
	all.Add(burst)
	server, sender := count(t, false, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Amz-Target") == "AWSStepFunctions.SendTaskSuccess" {
			all.Done()
			all.Wait()
		}
		taken(w, r)
	})
	var senders sync.WaitGroup
	for range burst {
		senders.Go(func() {
			if err := sender.Send(t.Context(), "t", success); err != nil {
				t.Error(err)
			}
		})
	}
	senders.Wait()
	server.CloseClientConnections()
	if err := sender.Heartbeat(t.Context(), "t"); err != nil {
		t.Error(err)
	}
	if c := server.connections.Load(); c != burst+1 {
		t.Errorf("%d connections, want %d", c, burst+1)
	}
}

// TestTLSSessionIsResumed: a new connection costs no full handshake.
func TestTLSSessionIsResumed(t *testing.T) {
	var resumed atomic.Int64
	_, sender := count(t, true, func(w http.ResponseWriter, r *http.Request) {
		if r.TLS.DidResume {
			resumed.Add(1)
		}
		w.Header().Set("Connection", "close")
		taken(w, r)
	})
	for range 3 {
		if err := sender.Send(t.Context(), "t", success); err != nil {
			t.Fatal(err)
		}
	}
	if n := resumed.Load(); n != 2 {
		t.Errorf("%d of 3 connections resumed a session, want 2", n)
	}
}
