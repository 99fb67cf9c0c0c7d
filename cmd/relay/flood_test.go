package main

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"callback-relay/api"
)

// flood posts to unknown links from many goroutines until stop is called. It
// returns when the relay answers 429.
func (w *world) flood(t task) (stop func()) {
	w.Helper()
	var senders sync.WaitGroup
	ended, link, refused := make(chan struct{}), forged(t.URL), make(chan struct{}, 1)
	for _, r := range w.replicas {
		for range 4 {
			senders.Go(func() {
				for {
					select {
					case <-ended:
						return
					default:
					}
					got, err := w.trySend(r.ports.public.Addr().String(), call{link: link, body: strings.NewReader(`{}`)})
					if err == nil && got.status == http.StatusTooManyRequests {
						select {
						case refused <- struct{}{}:
						default:
						}
					}
				}
			})
		}
	}
	stop = sync.OnceFunc(func() { close(ended); senders.Wait() })
	w.Cleanup(stop)
	select {
	case <-refused:
	case <-time.After(patience):
		w.Fatal("waited in vain until a flood is answered as one")
	}
	return stop
}

// TestFlood sends many forged links (row 10). None causes a command to Redis, those
// above the rate get the same 429, and the log stays short. Genuine links keep
// working.
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
	w.flood(task)()

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
