package handlers_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"callback-relay/relay"
)

// Rows 70 and 81: the total size of the bodies being handled is bounded. Over the bound,
// callers are told to try again. A body's room is given back however it ends. Room is
// taken as bytes arrive, and as they are uncompressed.
func TestBytesInFlight(t *testing.T) {
	n := start(t, limited, func(s *setup) { s.inFlight = 1600 })
	body := `"` + strings.Repeat("x", 998) + `"`
	k := n.register()
	w := n.open(k.path("default"), "", jsonType, "Content-Length: 1000", "Expect: 100-continue")
	w.continues() // so its 1000 bytes are counted
	if requests, bytes := n.metrics.requests.Load(), n.metrics.bytes.Load(); requests != 1 || bytes != 1000 {
		t.Errorf("the metrics were told of %d requests and %d bytes in flight", requests, bytes)
	}

	other := n.register()
	got := other.post("application/json", body)
	got.isProblem(http.StatusServiceUnavailable, "overloaded")
	if got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	long := strconv.Quote(strings.Repeat("x", 700))
	n.open(other.path("default"), "2be\r\n"+long+"\r\n0\r\n\r\n", jsonType, "Transfer-Encoding: chunked").
		answer().isProblem(http.StatusServiceUnavailable, "overloaded")
	n.post(other.path("default"), "application/json", packed(t, long), "Content-Encoding", "gzip").
		isProblem(http.StatusServiceUnavailable, "overloaded")
	// What is short finds room, though it does not say how long it is.
	n.open(n.register().path("default"), "1\r\n1\r\n0\r\n\r\n", jsonType, "Transfer-Encoding: chunked").answer().is(http.StatusOK)
	n.post(n.register().path("default"), "application/json", packed(t, "1"), "Content-Encoding", "gzip").is(http.StatusOK)
	// A small one still finds room.
	n.register().unharmed()

	w.write(body)
	w.answer().is(http.StatusOK)
	k.gets(body)
	other.unharmed()

	n = start(t, limited, func(s *setup) { s.inFlight = 4000 }) // converting takes room, too
	spoilt := body[:999] + "x"
	for i, refused := range []struct{ contentType, body string }{
		{"application/json", spoilt}, {"application/nothing", body[:999] + "\xff"}, {"application/json", body + " "}, {"text/plain", strings.Repeat(`"`, 1000)},
	} {
		if got := n.register().post(refused.contentType, refused.body); got.status == http.StatusOK || got.status >= 500 {
			t.Errorf("refused body %d: got %d", i, got.status)
		}
	}
	gone := n.open(n.register().path("default"), "", jsonType, "Content-Length: 1000", "Expect: 100-continue")
	gone.continues()
	n.metrics.forget()
	must(t, gone.Close())
	<-n.metrics.done
	n.register().post("application/json", body).is(http.StatusOK)
	if requests, bytes := n.metrics.requests.Load(), n.metrics.bytes.Load(); requests != 0 || bytes != 0 {
		t.Errorf("the metrics were told of %d requests and %d bytes in flight after all", requests, bytes)
	}
}

// Row 81: hundreds of bodies that have only begun hold almost no room, whatever length
// they declare, so that others find room. They are cut off when they fall behind the pace,
// long before the deadline of the request.
func TestSlowBodiesHoldLittle(t *testing.T) {
	t.Parallel()
	n := start(t, func(s *setup) {
		s.inFlight = 2 << 20 // of eight large bodies
		s.server = func(public *http.Server) { public.ReadTimeout = time.Hour }
	})
	var hung []*wire
	for range 25 {
		k := n.register()
		for _, headers := range [][]string{
			{"Content-Length: 262144"}, {"Transfer-Encoding: chunked"}, {"Transfer-Encoding: chunked", "Content-Encoding: gzip"},
			{"Content-Length: 200000", "Content-Encoding: gzip"},
		} {
			for range 2 {
				w := n.open(k.path("default"), "", append(headers, jsonType, "Expect: 100-continue")...)
				w.continues()
				w.write("1")
				hung = append(hung, w)
			}
		}
	}
	k := n.register()
	large := strconv.Quote(strings.Repeat("x", relay.MaxOutputBytes-2))
	k.post("application/json", large).is(http.StatusOK)
	k.gets(large)
	if held := n.metrics.bytes.Load(); held > 1<<20 {
		t.Errorf("%d bytes are held for %d bytes that have arrived", held, len(hung))
	}
	for _, w := range hung {
		got := w.answer()
		if got.status < 400 || got.status >= 500 && got.status != http.StatusServiceUnavailable {
			t.Errorf("told %d %s", got.status, got.body)
		}
		w.closed()
	}
}

// Rows 66 and 70: requests are bounded however small they are, heartbeats too, so that
// they do not pile up without end while Redis or Step Functions hangs.
func TestSmallRequestsInFlight(t *testing.T) {
	n := start(t, func(s *setup) { s.requests = 2 })
	k := n.register("links", `{"default":{"type":"webhook"},"progress":{"type":"heartbeat"}}`)
	var waiting []*wire
	for range 2 {
		w := n.open(n.register().path("default"), "", jsonType, "Content-Length: 1", "Expect: 100-continue")
		w.continues() // so it counts
		waiting = append(waiting, w)
	}
	k.post("application/json", "1").isProblem(http.StatusServiceUnavailable, "overloaded")
	got := n.post(k.path("progress"), "", "")
	if got.isProblem(http.StatusServiceUnavailable, "overloaded"); got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	n.call("POST", "/v1/callbacks", `{"taskToken": "another"}`).is(http.StatusCreated) // the other listener has its own bound
	n.do("GET", "http://"+n.public+"/healthz", "").is(http.StatusOK)
	if beats := n.aws.Heartbeats(); len(beats) != 0 {
		t.Errorf("Step Functions got %d heartbeats", len(beats))
	}
	for _, w := range waiting {
		w.write("1")
		w.answer().is(http.StatusOK)
	}
	for range 4 { // none keeps its room
		n.post(k.path("progress"), "", "").is(http.StatusOK)
	}
	k.unharmed()
}

// panicking is a deliverer that panics and quotes its input.
type panicking struct{ armed *bool }

func (p panicking) Deliver(_ context.Context, d relay.Delivery) relay.Settlement {
	if *p.armed {
		panic(d.TaskToken.Reveal() + string(d.Outcome.Output))
	}
	return relay.Settlement{State: relay.StateDelivered}
}

// Row 73: a panic is a 500 for one caller and does not affect others. Its room is given
// back, and what it quotes is not logged.
func TestPanic(t *testing.T) {
	armed := true
	n := start(t, limited, func(s *setup) { s.service.Deliverer, s.inFlight = panicking{&armed}, 1000 })
	canary := strings.Repeat("CANARY", 150)
	k := n.register()
	for range 2 { // the second would find no room if the first held on to its own
		k = n.register()
		got := k.post("application/json", strconv.Quote(canary))
		if p := got.isProblem(http.StatusInternalServerError, "internal"); p.Detail != "" || p.RequestID == "" {
			t.Errorf("want silence and the request's id, got %s", got.body)
		}
	}
	log := n.log.String()
	for _, secret := range []string{"CANARY", k.taskToken, k.path("default")} {
		if strings.Contains(log, secret) {
			t.Error("the log quotes a secret")
		}
	}
	for _, want := range []string{`"msg":"panic"`, "Deliver", k.ID} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q", want)
		}
	}
	armed = false
	n.register().post("application/json", "{}").is(http.StatusOK)
}
