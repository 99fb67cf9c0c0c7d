package handlers_test

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"callback-relay/forms"
	"callback-relay/relay"
)

const oneApprover = `{"dana":{"type":"approval","title":"T","approver":"Dana"},"open":{"type":"approval","title":"T"},"beat":{"type":"heartbeat","page":true,"title":"T"},` +
	`"yes":{"type":"success","page":true,"title":"T"},"no":{"type":"failure","error":"E","page":true,"title":"T"}}`

// Row 76: a form that is shown again repeats only the inputs that it has, each up to its
// maximum length, and says where something was cut off.
func TestPageRepeatsWhatItAsksFor(t *testing.T) {
	n := start(t)
	k := n.register("links", oneApprover, "approval", `{"fields":{"type":"object","properties":{"a":{"type":"string"},"n":{"type":"number"}}}}`)
	for name, c := range map[string]struct {
		link, input string
		chars, kept int // how long the text is, and how much of it is shown again
	}{
		"a comment":                    {"open", "comment", 2000, 2000},
		"a long comment":               {"open", "comment", 2001, 2000},
		"a very long comment":          {"open", "comment", 10_000, 2000},
		"a name":                       {"open", "approver", 101, 100},
		"a field":                      {"open", "field.a", 10_001, 10_000},
		"a number":                     {"open", "field.n", 5000, 100},
		"a name that is not asked for": {"dana", "approver", 10, 0},
		"a field that is not there":    {"open", "field.x", 10, 0},
		"an input that is not there":   {"open", "other", 10, 0},
		"a code that is not asked for": {"open", "confirm", 10, 0},
	} {
		t.Run(name, func(t *testing.T) {
			k := k
			k.n = n.on(t)
			got := k.submit(c.link, url.Values{"nonce": {"old"}, "decision": {"approved"}, c.input: {strings.Repeat("≋", c.chars)}})
			got.is(http.StatusBadRequest)
			if shown := strings.Count(string(got.body), "≋"); shown != c.kept {
				t.Errorf("%d characters are shown again, want %d", shown, c.kept)
			}
			if said := strings.Contains(string(got.body), "the rest has been removed"); said != (c.kept > 0 && c.kept < c.chars) {
				t.Errorf("the page says that something was removed: %v", said)
			}
		})
	}
}

// Row 76: if Redis is unavailable, so that the form's inputs are unknown, no more is shown
// again than any form could have.
func TestTroubleRepeatsWhatAFormCanHave(t *testing.T) {
	n := start(t)
	k := n.register("links", oneApprover)
	n.redis.SetError("LOADING")
	defer n.redis.SetError("")
	form := url.Values{"comment": {strings.Repeat("≋", 30_000)}, "other": {"≋"}, "field.not a name": {"≋"}}
	for i := range 2 * forms.MaxFields {
		form.Set("field.f"+strings.Repeat("x", i), "≊")
	}
	got := k.submit("open", form)
	got.is(http.StatusServiceUnavailable)
	// Each text is there twice: to be sent, and to be seen.
	if comment, fields := strings.Count(string(got.body), "≋"), strings.Count(string(got.body), "≊"); comment != 2*2000 || fields != 2*forms.MaxFields {
		t.Errorf("%d characters of the comment and %d fields", comment, fields)
	}
}

// Row 76: a form may be as large as its inputs allow and no larger: a form that asks only
// for a comment does not need half a megabyte.
func TestFormIsBoundedByWhatItAsksFor(t *testing.T) {
	n := start(t)
	plain := n.register("links", oneApprover)
	fields := n.register("links", oneApprover, "approval", `{"fields":{"type":"object","properties":{"a":{"type":"string"}}}}`)
	long := url.Values{"nonce": {"old"}, "comment": {strings.Repeat("x", 60_000)}}
	plain.submit("open", long).is(http.StatusRequestEntityTooLarge)
	fields.submit("open", long).is(http.StatusBadRequest)
}

// Row 76: a page holds its room until it is written. While a client does not read it,
// other pages have the remaining room, and webhooks are not affected.
func TestPageHoldsItsRoom(t *testing.T) {
	n := start(t, func(s *setup) {
		s.pageBytes = 400_000
		s.server = func(public *http.Server) {
			// Otherwise the kernel takes megabytes before anyone waits.
			public.ConnState = func(conn net.Conn, state http.ConnState) {
				if state == http.StateNew {
					_ = conn.(*net.TCPConn).SetWriteBuffer(4096)
				}
			}
		}
	})
	// The page is so long that it does not fit between the two ends.
	var details []string
	for i := range relay.MaxDetails {
		details = append(details, quoted(strings.Repeat("d", i+1))+":"+quoted(strings.Repeat("<", 1000)))
	}
	k := n.register("links", oneApprover, "approval", `{"details":{`+strings.Join(details, ",")+`}}`)
	w := n.dial(smallWindow)
	w.write("GET " + k.path("open") + " HTTP/1.1\r\nHost: relay.test\r\nAccept: text/html\r\n\r\n")
	if _, err := w.r.Peek(1); err != nil { // it is being written
		t.Fatal(err)
	}
	if held := n.metrics.bytes.Load(); held < 100_000 {
		t.Errorf("%d bytes are held for a page that nobody reads", held)
	}
	n.register().unharmed()
	w.answer().is(http.StatusOK)
	for began := time.Now(); n.metrics.bytes.Load() != 0; time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			t.Fatalf("%d bytes are still held", n.metrics.bytes.Load())
		}
	}
}

// Row 76: if there is no room for a page, the answer is a problem document.
func TestNoRoomForAPage(t *testing.T) {
	n := start(t, func(s *setup) { s.pageBytes = 1000 })
	k := n.register("links", oneApprover)
	got := n.do(http.MethodGet, "http://"+n.public+k.path("open"), "", "Accept", "text/html")
	if got.isProblem(http.StatusServiceUnavailable, "overloaded"); got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	k.submit("open", url.Values{"decision": {"approved"}}).isProblem(http.StatusServiceUnavailable, "overloaded")
	n.do(http.MethodGet, "http://"+n.public+"/a/unknown", "", "Accept", "text/html").isProblem(http.StatusNotFound, "not-found")
}

// Row 97: a form with both buttons, with none, with one that the page does not have, or
// with any input twice decides nothing. A correct form afterwards does.
func TestUnclearForms(t *testing.T) {
	for link, right := range map[string]string{"dana": "approved", "open": "rejected", "yes": "confirmed", "no": "confirmed", "beat": "confirmed"} {
		n := start(t)
		k := n.register("links", oneApprover, "approval", `{"fields":{"type":"object","properties":{"a":{"type":"string"}}}}`)
		for name, c := range map[string]url.Values{
			"both buttons":           {"decision": {"approved", "rejected"}},
			"both, the other way":    {"decision": {"rejected", "approved"}},
			"none":                   {},
			"an empty one":           {"decision": {""}},
			"a third value":          {"decision": {"maybe"}},
			"capitals":               {"decision": {strings.ToUpper(right)}},
			"the one twice":          {"decision": {right, right}},
			"the button of others":   {"decision": {map[string]string{"approved": "confirmed", "rejected": "confirmed", "confirmed": "approved"}[right]}},
			"a comment twice":        {"decision": {right}, "comment": {"yes", "no"}},
			"a field twice":          {"decision": {right}, "field.a": {"yes", "no"}},
			"the one, then an empty": {"decision": {right, ""}},
		} {
			t.Run(link+": "+name, func(t *testing.T) {
				k := k
				k.n = n.on(t)
				if right == "confirmed" && len(c) > 1 {
					return // it has no other inputs
				}
				c["nonce"] = []string{nonceOf(k, link)}
				c["approver"] = []string{"Kim"}
				got := k.submit(link, c)
				if got.is(http.StatusBadRequest); !strings.Contains(string(got.body), "<form") {
					t.Errorf("no form: %s", got.body)
				}
				if taken := k.got(); len(taken) > 0 || len(n.aws.Heartbeats()) > 0 {
					t.Errorf("Step Functions got %q", taken)
				}
			})
		}
		k.submit(link, url.Values{"nonce": {nonceOf(k, link)}, "decision": {right}, "approver": {"Kim"}}).is(http.StatusOK)
		if taken, beats := n.aws.Effects(), n.aws.Heartbeats(); len(taken)+len(beats) != 1 {
			t.Errorf("%s: Step Functions got %q and %d heartbeats of what is clear", link, taken, len(beats))
		}
	}
}

func nonceOf(k task, link string) string {
	k.n.t.Helper()
	_, nonce := k.open(link)
	return nonce
}

// Row 91: a semicolon, and a percent sign that does not begin an escape, are kept as they
// were typed.
func TestFormWithBareSigns(t *testing.T) {
	for wire, want := range map[string]string{
		"95%":             `"95%"`,
		"95%+or+more":     `"95% or more"`,
		"95% a":           `"95% a"`,
		"%zz%2":           `"%zz%2"`,
		"100%25":          `"100%"`,
		"a;b":             `"a;b"`,
		"%u00e4%C3%A4%e4": "",
		"%C3%A4=%3D":      `"ä=="`,
	} {
		t.Run(wire, func(t *testing.T) {
			n := start(t)
			k := n.register("links", oneApprover)
			got := n.post(k.path("dana"), formMedia, "nonce="+nonceOf(k, "dana")+"&decision=approved&&comment="+wire, "Accept", "text/html")
			if want == "" { // half of it is UTF-8, and half is not
				got.is(http.StatusBadRequest)
				return
			}
			got.is(http.StatusOK)
			if taken := k.got(); len(taken) != 1 || !strings.Contains(taken[0], `"comment":`+want) {
				t.Errorf("Step Functions got %q, want the comment %s", taken, want)
			}
		})
	}
}

// smallWindow keeps the kernel from receiving data that the client does not read.
func smallWindow(_, _ string, raw syscall.RawConn) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 2048)
	})
	return errors.Join(err, failed)
}
