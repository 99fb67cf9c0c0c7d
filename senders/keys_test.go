package senders_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"callback-relay/programs"
	"callback-relay/senders"
)

// web is what the relay can fetch. It counts what is asked for.
type web struct {
	mu    sync.Mutex
	pages map[string]string
	asked map[string]int
	delay time.Duration
	moved string // where every request is redirected to
	down  bool   // every request fails
}

func newWeb() *web { return &web{pages: map[string]string{}, asked: map[string]int{}} }

// RoundTrip implements [http.RoundTripper].
func (w *web) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.asked[r.URL.String()]++
	page, found := w.pages[r.URL.String()]
	delay, moved := w.delay, w.moved
	found = found && !w.down
	w.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(page)), Request: r}
	if moved != "" {
		resp.StatusCode = http.StatusFound
		resp.Header.Set("Location", moved)
	} else if !found {
		resp.StatusCode = http.StatusNotFound
	}
	return resp, nil
}

// put sets what is at a URL.
func (w *web) put(url, page string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pages[url] = page
}

// fail makes every request fail from now on, or not.
func (w *web) fail(down bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = down
}

// times returns how often a URL was asked for, and all URLs for "".
func (w *web) times(url string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if url != "" {
		return w.asked[url]
	}
	sum := 0
	for _, n := range w.asked {
		sum += n
	}
	return sum
}

// strangers returns the URLs that were asked for and are not on these hosts.
func (w *web) strangers(hosts ...string) (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
asked:
	for url := range w.asked {
		for _, host := range hosts {
			if strings.HasPrefix(url, "https://"+host+"/") {
				continue asked
			}
		}
		all = append(all, url)
	}
	return all
}

// Simultaneous posts share one fetch, also if the post that began it is gone. A fetch that
// failed is not tried again at once.
func TestFetchesAreShared(t *testing.T) {
	programs.Need(t, "openssl")
	key := newFalKey(t)
	post := key.post("{}")
	synctest.Test(t, func(t *testing.T) {
		w := newWeb()
		w.put(falKeys, jwks(key))
		w.delay = time.Second
		sender := falSender(t, w)
		hurried, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		results := make(chan error, 20)
		go func() { results <- sender.Check(hurried, post) }()
		synctest.Wait()
		for range cap(results) - 1 {
			go func() { results <- sender.Check(t.Context(), post) }()
		}
		if _, is := errors.AsType[*senders.UnavailableError](<-results); !is {
			t.Error("the post whose time ran out is not told that the keys are unavailable")
		}
		for range cap(results) - 1 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if n := w.times(""); n != 1 {
			t.Errorf("%d fetches", n)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWeb()
		w.delay = time.Minute
		sender := falSender(t, w)
		begun := time.Now()
		for range 3 {
			if _, is := errors.AsType[*senders.UnavailableError](sender.Check(t.Context(), post)); !is {
				t.Error("not unavailable")
			}
		}
		if took := time.Since(begun); w.times("") != 1 || took != 2*time.Second {
			t.Errorf("%d fetches in %v", w.times(""), took)
		}
		w.put(falKeys, jwks(key))
		w.delay = 0
		time.Sleep(10 * time.Second)
		if err := sender.Check(t.Context(), post); err != nil {
			t.Error(err)
		}
	})
}

// What is kept is bounded, and forged posts can neither push out what is used nor begin
// any number of fetches at once.
func TestKeysAreBounded(t *testing.T) {
	programs.Need(t, "openssl")
	ca := newSNSKey(t)
	synctest.Test(t, func(t *testing.T) {
		w := newWeb()
		w.put(snsCert, ca.certificate)
		sender := snsSender(t, w)
		good := ca.notification()
		check := func(m snsMessage) error { return sender.Check(t.Context(), m.request()) }
		if err := check(good); err != nil {
			t.Fatal(err)
		}
		forged := func(i int) snsMessage {
			return good.with("SigningCertURL", fmt.Sprintf("https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-%d.pem", i))
		}
		for i := range 200 {
			if check(forged(i)) == nil {
				t.Fatal("accepted")
			}
		}
		if err := check(good); err != nil || w.times(snsCert) != 1 || w.times("") > 1+16 {
			t.Errorf("%v, %d fetches of the certificate, %d in all", err, w.times(snsCert), w.times(""))
		}
		time.Sleep(10 * time.Second)
		w.delay = time.Second
		before := w.times("")
		results := make(chan error, 100)
		for i := range cap(results) {
			go func() { results <- check(forged(1000 + i)) }()
		}
		for range cap(results) {
			if _, is := errors.AsType[*senders.UnavailableError](<-results); !is {
				t.Error("not unavailable")
			}
		}
		if n := w.times("") - before; n > 8 {
			t.Errorf("%d fetches at once", n)
		}
	})
}

// The certificates that are used are kept, and those that are not make room.
func TestUnusedKeysMakeRoom(t *testing.T) {
	programs.Need(t, "openssl")
	key := newSNSKey(t)
	const many = 70 // more than are kept
	good := key.notification()
	messages, urls := make([]snsMessage, many), make([]string, many)
	for i := range messages {
		urls[i] = fmt.Sprintf("https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-%d.pem", i)
		messages[i] = good.with("SigningCertURL", urls[i]) // SNS does not sign it
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWeb()
		sender := snsSender(t, w)
		for i := range messages {
			w.put(urls[i], key.certificate)
			for _, used := range []int{0, i} { // the first one all the time
				time.Sleep(time.Millisecond)
				must(t, sender.Check(t.Context(), messages[used].request()))
			}
		}
		must(t, sender.Check(t.Context(), messages[1].request()))
		if first, second, last := w.times(urls[0]), w.times(urls[1]), w.times(urls[many-1]); first != 1 || second != 2 || last != 1 {
			t.Errorf("fetched %d, %d and %d times", first, second, last)
		}
	})
}
