package handlers_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"callback-relay/relay"
)

// The time for handling strangers' input is proportional to its length and not to the
// square of it: eight times as much takes at most about eight times as long. Absolute
// times do not matter.
func TestHostileInputTakesItsShare(t *testing.T) {
	kept, public, _ := recorded(t, 1<<20)
	id := kept.keys.Identify("task")[0].ID
	path := "/c/" + kept.keys.LinkKey(id, relay.Link{LinkKind: relay.LinkKind{Type: relay.LinkWebhook}}, "k1").Reveal()
	request := func(target, contentType, body string) func() {
		return func() {
			kept.outcomes = nil
			req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/c/x", strings.NewReader(body))
			req.URL.Path = target
			req.Header.Set("Content-Type", contentType)
			public.ServeHTTP(httptest.NewRecorder(), req)
		}
	}
	for name, of := range map[string]func(n int) func(){
		"signs behind a link":  func(n int) func() { return request("/c/"+strings.Repeat("&gt;.", n/5), "", "") },
		"semicolons in a type": func(n int) func() { return request(path, "text/plain"+strings.Repeat("; a", n/3), "x") },
		"quotes in a type":     func(n int) func() { return request(path, "text/plain; "+strings.Repeat(`a="`, n/3), "x") },
		"semicolons in a part": func(n int) func() {
			return request(path, multipartType, "--XX\r\nContent-Type: text/plain"+strings.Repeat(";", n)+"\r\n\r\nx\r\n--XX--")
		},
		"quotes in a part": func(n int) func() {
			return request(path, multipartType, "--XX\r\nContent-Disposition: form-data; name=\""+strings.Repeat(`\\"`, n/2)+"\"\r\n\r\nx\r\n--XX--")
		},
		"brackets in a form":      func(n int) func() { return request(path, formContent, strings.Repeat("[", n)) },
		"percent signs in a form": func(n int) func() { return request(path, formContent, strings.Repeat("%", n)) },
		"a late bad byte": func(n int) func() {
			return request(path, "text/plain; charset=iso-2022-jp", strings.Repeat("a", n)+"\x1b\xff")
		},
		"quotes in a text": func(n int) func() { return request(path, "text/plain", strings.Repeat(`"`, n)) },
		"a declaration without end": func(n int) func() {
			return request(path, "application/xml", "<?xml "+strings.Repeat("encoding= ", n/10)+"\xff")
		},
	} {
		var small, large time.Duration
		for range 3 { // what is slow is slow each time, and a busy machine is not
			small, large = fastest(of(20_000)), fastest(of(160_000))
			if large <= 30*small || large <= 20*time.Millisecond {
				break
			}
		}
		if large > 30*small && large > 20*time.Millisecond {
			t.Errorf("%s: eight times as much takes %v instead of %v", name, large, small)
		}
	}
}

// fastest is the shortest of some runs: the others had company.
func fastest(do func()) time.Duration {
	best := time.Duration(1<<63 - 1)
	for range 15 {
		began := time.Now()
		do()
		best = min(best, time.Since(began))
	}
	return best
}
