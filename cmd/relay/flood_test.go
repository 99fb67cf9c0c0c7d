package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"callback-relay/api"
)

// flood posts to links that lead nowhere until the relay has had enough.
func (w *world) flood(t task) {
	w.Helper()
	w.eventually("a flood is answered as one", func() bool {
		for range 50 {
			if w.post(forged(t.URL), `{}`).status == http.StatusTooManyRequests {
				return true
			}
		}
		return false
	})
}

// TestFlood sends many forged links (row 10). None costs a command of Redis,
// those over the rate get 429, all alike, and the log stays short; genuine
// links work all the while.
func TestFlood(t *testing.T) {
	t.Parallel()
	const size = 2000
	w := newWorld(t, startStandalone(t), 0)
	r := w.serveOnly()
	task := w.register()
	w.post(task.URL, `{"n":1}`)
	genuine := w.register()

	trips, logged := r.trips.total(), len(r.log.String())
	answers := map[int]int{}
	for i := range size {
		link := forged(task.URL)
		switch i % 4 {
		case 1:
			link = publicURL + "/c/" + strings.Repeat("a", 52)
		case 2:
			link = publicURL + "/c/x"
		case 3:
			link = publicURL + "/wp-login.php"
		}
		got := w.post(link, `{}`)
		answers[got.status]++
		if got.status == http.StatusTooManyRequests && got.header.Get("Retry-After") == "" {
			t.Fatal("429 without Retry-After")
		}
	}
	if n := r.trips.total() - trips; n != 0 {
		t.Errorf("%d forged links cost %d round trips to Redis, want none", size, n)
	}
	if answers[http.StatusNotFound] == 0 || answers[http.StatusTooManyRequests] == 0 ||
		answers[http.StatusNotFound]+answers[http.StatusTooManyRequests] != size {
		t.Errorf("answers by status: %v", answers)
	}
	if lines := strings.Count(r.log.String()[logged:], "level=INFO"); lines > answers[http.StatusNotFound] {
		t.Errorf("%d lines in the log for %d requests that were looked at", lines, answers[http.StatusNotFound])
	}
	w.flood(task)

	logged = len(r.log.String())
	began := time.Now()
	for range size {
		w.send(r, call{method: http.MethodGet, link: task.URL}) // 405
	}
	most := 200 + int(100*time.Since(began).Seconds()) + 1
	if lines := strings.Count(r.log.String()[logged:], "level=INFO") + strings.Count(r.log.String()[logged:], "level=WARN"); lines > most {
		t.Errorf("%d lines in the log for %d requests with the wrong method, want at most %d", lines, size, most)
	}
	w.wantTaken(w.post(genuine.URL, `{}`), genuine, api.StatusDelivered, false)
	t.Logf("%d forged links: answers %v, round trips to Redis 0", size, answers)
}
