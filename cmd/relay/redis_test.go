package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"callback-relay/api"
	"callback-relay/migrations"
)

// private reads a path of a replica's private listener.
func (w *world) private(r *replica, path string) (status int, body string) {
	w.Helper()
	response, err := http.Get("http://" + r.ports.private.Addr().String() + path)
	w.must(err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	w.must(err)
	return response.StatusCode, string(content)
}

// TestScriptsForgotten removes the scripts from Redis, as a restart or a failover
// does: there is no visible effect (row 65).
func TestScriptsForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startStandalone(t), 2)
	expiring, beating := w.register(shortLived, ignoring), w.register()
	forget := func() { w.must(w.redis.ScriptFlush(t.Context()).Err()) }
	forget()
	answered := w.register()
	forget()
	w.wantTaken(w.post(answered.URL, `{}`), answered, api.StatusDelivered, false)
	forget()
	w.wantTaken(w.post(answered.URL, `{}`), answered, api.StatusDelivered, true)
	forget()
	w.wantTaken(w.post(beating.Links["progress"].URL, ``), beating, api.StatusAlive, false)
	forget()
	w.untilState(expiring, api.StateExpired)
}

// TestRedisWiped empties Redis: senders get 503 and not 404, and the relay does not
// continue as if nothing had happened.
func TestRedisWiped(t *testing.T) {
	onEachRedis(t, func(t *testing.T, r redisServer) {
		w := newWorld(t, r, 2)
		task := w.register()
		w.must(w.redis.FlushAll(t.Context()).Err())
		for range 2 {
			w.wantProblem(w.post(task.URL, `{}`), api.CodeUnavailable)
			w.wantProblem(w.post(task.Links["progress"].URL, ``), api.CodeUnavailable)
			if _, err := w.next().client.Get(t.Context(), task.ID); !isProblem(err, api.CodeUnavailable) {
				t.Errorf("get: %v, want %s", err, api.CodeUnavailable)
			}
			if status, body := w.private(w.next(), "/readyz"); status != http.StatusServiceUnavailable ||
				!strings.Contains(body, "relay migrate up") {
				t.Errorf("readyz: %d %s", status, body)
			}
		}
		w.wantNothing(task)
		log := w.replicas[0].log
		w.eventually("the log says so", func() bool { return strings.Contains(log.String(), `msg="not ready" check=keyspace`) })
		keyspaceFails := func(value string) bool {
			_, metrics := w.private(w.replicas[0], "/metrics")
			return strings.Contains(metrics, `callback_relay_check_failed{check="keyspace"} `+value+"\n")
		}
		if !keyspaceFails("1") {
			t.Error("the metrics do not say so")
		}
		if _, err := migrations.Up(t.Context(), w.redis, nil); err != nil {
			t.Fatal(err)
		}
		w.eventually("the log says that it is over", func() bool {
			return strings.Contains(log.String(), `msg="ready again" check=keyspace`)
		})
		if !keyspaceFails("0") {
			t.Error("the metrics do not say that it is over")
		}
		if n := strings.Count(log.String(), `msg="not ready" check=keyspace`); n != 1 {
			t.Errorf("said %d times", n)
		}
	})
}
