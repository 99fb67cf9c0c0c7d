package main

import (
	"net/http"
	"testing"

	"go.uber.org/goleak"

	"callback-relay/api"
)

// TestNodeLeavesNothing runs a replica, uses all of it, and stops it: no
// goroutine is left. It is not parallel, so that there are no others.
func TestNodeLeavesNothing(t *testing.T) {
	w := newWorld(t, startStandalone(t), 0)
	w.must(w.redis.Ping(t.Context()).Err())
	before := goleak.IgnoreCurrent()

	w.replicas = []*replica{w.start()}
	r := w.replicas[0]
	answered, expired := w.register(), w.register(shortLived)
	w.wantTaken(w.post(answered.Links["progress"].URL, ``), answered, api.StatusAlive, false)
	w.wantTaken(w.post(answered.URL, `{}`), answered, api.StatusDelivered, false)
	w.untilState(expired, api.StateDelivered)
	if status, body := w.private(r, "/readyz"); status != http.StatusOK {
		t.Errorf("readyz: %d %s", status, body)
	}

	w.must(r.stop())
	w.http.CloseIdleConnections()
	http.DefaultClient.CloseIdleConnections() // those of the private API's clients
	goleak.VerifyNone(t, before)
}
