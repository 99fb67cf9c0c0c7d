package handlers_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"callback-relay/handlers"
)

// Row 25: the deadlines that the other tests shorten are set in the real server.
func TestServerHasDeadlines(t *testing.T) {
	s := handlers.NewServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	for name, d := range map[string]time.Duration{
		"headers": s.ReadHeaderTimeout, "request": s.ReadTimeout, "answer": s.WriteTimeout, "idle": s.IdleTimeout,
	} {
		if d <= 0 || d > 2*time.Minute {
			t.Errorf("the deadline of %s is %v", name, d)
		}
	}
	if s.ReadHeaderTimeout > s.ReadTimeout || s.ReadTimeout >= s.WriteTimeout {
		t.Errorf("headers %v, request %v, answer %v: the later ones leave no time", s.ReadHeaderTimeout, s.ReadTimeout, s.WriteTimeout)
	}
	if s.MaxHeaderBytes < 8<<10 || s.MaxHeaderBytes > 64<<10 {
		t.Errorf("headers of up to %d bytes", s.MaxHeaderBytes)
	}
}

// connections counts a server's connections that are open.
type connections struct {
	mu   sync.Mutex
	open map[net.Conn]bool
	idle int // how often one has become idle
}

func (c *connections) follow(s *http.Server) {
	c.open = map[net.Conn]bool{}
	s.ConnState = func(conn net.Conn, state http.ConnState) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.open[conn] = true; state == http.StateClosed {
			delete(c.open, conn)
		}
		if state == http.StateIdle {
			c.idle++
		}
	}
}

func (c *connections) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}

func (c *connections) idled() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.idle
}

// becomeIdle waits until one has become idle more often than before.
func (c *connections) becomeIdle(t *testing.T, before int) {
	t.Helper()
	for began := time.Now(); c.idled() == before; time.Sleep(time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			t.Fatal("the connection does not become idle")
		}
	}
}

// become waits until so many connections are open.
func (c *connections) become(t *testing.T, want int) {
	t.Helper()
	for began := time.Now(); c.count() != want; time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			t.Fatalf("%d connections are open, want %d", c.count(), want)
		}
	}
}

// shortened shortens the deadlines of the public listener.
func shortened(s *setup) {
	s.server = func(public *http.Server) {
		public.ReadHeaderTimeout, public.ReadTimeout = time.Second, 1500*time.Millisecond
		public.WriteTimeout, public.IdleTimeout = 2*time.Second, time.Second
	}
}

// Row 25: 200 clients that hang before their request, in its headers or in its body do not
// keep others from being served.
func TestManySlowClients(t *testing.T) {
	const each = 50
	var conns connections
	n := start(t, limited, func(s *setup) {
		s.inFlight = 2*each*1000 + 1000 // of the bodies that hang, and of one more
		s.server = conns.follow
	})
	k := n.register()
	var hung []task
	for i := range each {
		if i%4 == 0 { // with two bodies each, as many as one link may have at once
			hung = append(hung, n.register())
		}
		path := hung[len(hung)-1].path("default")
		n.dial()
		n.dial().write("POST " + path + " HTTP/1.1\r\nHost: relay.te")
		// The handler waits for the bodies, since it has asked for them.
		n.open(path, "", jsonType, "Content-Length: 1000", "Expect: 100-continue").continues()
		w := n.open(path, "", jsonType, "Transfer-Encoding: chunked", "Expect: 100-continue")
		w.continues()
		w.write("1\r\n[\r\n")
	}
	conns.become(t, 4*each)
	k.unharmed()
	if got := conns.count(); got < 4*each+1 {
		t.Errorf("%d connections are left: they did not all hang while the other was served", got)
	}
	for _, h := range hung {
		if got := h.got(); len(got) > 0 {
			t.Errorf("Step Functions got %q of what is not whole", got)
		}
	}
}

// Row 25: a client with one link, even of a finished callback, can hang with any number of
// bodies without delaying other callbacks.
func TestOneLinkTakesNoMoreThanItsPart(t *testing.T) {
	n := start(t, limited, func(s *setup) { s.inFlight = 16 * 1000 })
	spent, k := n.register(), n.register()
	spent.unharmed()
	for range 8 {
		w := n.open(spent.path("default"), "", jsonType, "Transfer-Encoding: chunked", "Expect: 100-continue")
		w.continues()
	}
	for range 8 {
		n.open(spent.path("default"), "1\r\n1\r\n0\r\n\r\n", jsonType, "Transfer-Encoding: chunked").
			answer().isProblem(http.StatusServiceUnavailable, "overloaded")
	}
	k.unharmed()
}

// Row 25: all hanging clients are cut off, idle connections too, and their room is given
// back.
func TestSlowClientsAreCutOff(t *testing.T) {
	const each = 8 // as many bodies as one link may have at once
	var conns connections
	n := start(t, limited, shortened, func(s *setup) {
		s.inFlight = each * 1000
		shorten := s.server
		s.server = func(public *http.Server) { shorten(public); conns.follow(public) }
	})
	k := n.register()
	for range each {
		n.dial()
		n.dial().write("POST " + k.path("default") + " HTTP/1.1\r\nHost: relay.te")
		n.open(k.path("default"), "", jsonType, "Content-Length: 1000", "Expect: 100-continue").continues()
		idle := n.dial()
		idle.write("GET /healthz HTTP/1.1\r\nHost: relay.test\r\n\r\n")
		if got := idle.answer(); got.close {
			t.Error("a connection that could be used again is closed at once")
		}
	}
	conns.become(t, 0)
	again := n.register()
	w := n.open(again.path("default"), "", jsonType, "Content-Length: 1000", "Expect: 100-continue")
	w.continues()
	w.write(`"` + strings.Repeat("x", 998) + `"`)
	w.answer().is(http.StatusOK)
	k.unharmed()
}

const formType = "Content-Type: application/x-www-form-urlencoded"

// Rows 20, 24 and 25: a form that arrives too slowly, does not end or is too long decides
// nothing, and the page can be used as before.
func TestHostileForms(t *testing.T) {
	n := start(t, shortened)
	k := n.register("links", `{"dana":{"type":"approval","approver":"Dana","title":"Deploy?"}}`)
	nonce := formNonce.FindStringSubmatch(string(n.do("GET", "http://"+n.public+k.path("dana"), "").body))
	if nonce == nil {
		t.Fatal("the page has no nonce")
	}
	form := "decision=approved&nonce=" + nonce[1]
	t.Run("group", func(t *testing.T) { // ends when all of them have
		for _, c := range []struct {
			name, body, framing string
			status              int
		}{
			{"row 25: slow", form, "Content-Length: 1000", http.StatusServiceUnavailable},
			{"row 25: slow chunks", fmt.Sprintf("%x\r\n%s\r\n", len(form), form), "Transfer-Encoding: chunked", http.StatusServiceUnavailable},
			{"row 20: too many chunks", strings.Repeat("10000\r\n"+strings.Repeat("x", 1<<16)+"\r\n", 9), "Transfer-Encoding: chunked", http.StatusRequestEntityTooLarge},
			{"row 24: bad chunks", form + "\r\n", "Transfer-Encoding: chunked", http.StatusBadRequest},
		} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				got := n.on(t).open(k.path("dana"), c.body, formType, c.framing, "Accept: text/html").answer()
				if got.is(c.status); !strings.HasPrefix(got.header.Get("Content-Type"), "text/html") {
					t.Errorf("the answer is %s", got.header.Get("Content-Type"))
				}
			})
		}
	})
	if got := k.got(); len(got) > 0 {
		t.Errorf("Step Functions got %q", got)
	}
	n.post(k.path("dana"), "application/x-www-form-urlencoded", form).is(http.StatusOK)
	if got := k.got(); len(got) != 1 {
		t.Errorf("Step Functions got %q", got)
	}
}

// formNonce finds the nonce in a page.
var formNonce = regexp.MustCompile(`name="nonce" value="([^"]+)"`)

// drip sends a text byte by byte, over and over, until the connection ends.
func (w *wire) drip(text string) (ended chan struct{}) {
	ended = make(chan struct{})
	go func() {
		defer close(ended)
		for {
			for i := range len(text) {
				if _, err := io.WriteString(w, text[i:i+1]); err != nil {
					return
				}
				time.Sleep(time.Millisecond) // this is how slowly, not how long
			}
		}
	}()
	return ended
}

// all reads until the server ends the connection, by FIN or by reset. A client that is
// still sending may not see the end of the answer.
func (w *wire) all() string {
	w.n.t.Helper()
	got, err := io.ReadAll(w.r)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		w.n.t.Error("the server keeps the connection open")
	}
	return string(got)
}

// Row 25: a client that sends byte by byte is cut off like one that sends nothing. If it
// has reached its body, it is told to try again.
func TestDripping(t *testing.T) {
	n := start(t, shortened)
	const head = "POST PATH HTTP/1.1\r\nHost: relay.test\r\nContent-Type: application/json\r\n"
	const chunks = head + "Transfer-Encoding: chunked\r\n\r\n"
	for _, c := range []struct{ name, begin, drip, status string }{
		{"in the request line", "POST /", "a", ""},
		{"in a header", head + "X-A: ", "a", ""},
		{"one header after the other", head, "X-A: a\r\n", ""},
		{"in the body", head + "Content-Length: 100000\r\n\r\n", "[", "503"},
		{"one chunk after the other", chunks, "1\r\n[\r\n", "503"},
		{"in a chunk's extension", chunks + "1;", "a", "503"},
		{"in the trailers", chunks + "0\r\n", "X-A: a\r\n", "400"}, // net/http does not tell that it was slow
	} {
		t.Run("row 25: "+c.name, func(t *testing.T) {
			t.Parallel()
			n := n.on(t)
			k, other := n.register(), n.register()
			w := n.dial()
			w.write(strings.ReplaceAll(c.begin, "PATH", k.path("default")))
			ended := w.drip(c.drip)
			other.unharmed() // another sender, meanwhile
			if got := w.all(); got != "" && c.status != "" && !strings.HasPrefix(got, "HTTP/1.1 "+c.status) || strings.HasPrefix(got, "HTTP/1.1 2") {
				t.Errorf("got %.300q, want %s", got, c.status)
			}
			must(t, w.Close())
			<-ended
			k.unharmed()
		})
	}
}

// Row 25: a client that asks and asks and never reads an answer is cut off.
func TestNeverReads(t *testing.T) {
	n := start(t, shortened, func(s *setup) {
		shorten := s.server
		s.server = func(public *http.Server) {
			shorten(public)
			// Otherwise the kernel takes megabytes of answers before anyone waits.
			public.ConnState = func(conn net.Conn, state http.ConnState) {
				if state == http.StateNew {
					_ = conn.(*net.TCPConn).SetWriteBuffer(4096)
				}
			}
		}
	})
	k := n.register()
	w := n.dial()
	ended := make(chan error)
	go func() {
		asking := strings.Repeat("GET /robots.txt HTTP/1.1\r\nHost: relay.test\r\n\r\n", 1000)
		for {
			if _, err := io.WriteString(w, asking); err != nil {
				ended <- err
				return
			}
		}
	}()
	for waiting := true; waiting; {
		select {
		case <-n.metrics.done: // must not hold up the server
		case err := <-ended:
			if waiting = false; errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the server waits for ever")
			}
		}
	}
	k.unharmed()
}

// The total size of the headers is bounded, for one long header and for many.
func TestHugeHeaders(t *testing.T) {
	n := start(t)
	k := n.register()
	long := strings.Repeat("a", 70_000)
	for name, text := range map[string]string{
		"a long header": "POST PATH HTTP/1.1\r\nHost: relay.test\r\nX-A: " + long + "\r\nContent-Length: 2\r\n\r\n{}",
		"many headers":  "POST PATH HTTP/1.1\r\nHost: relay.test\r\n" + strings.Repeat("A: b\r\n", 10_000) + "Content-Length: 2\r\n\r\n{}",
		"a long name":   "POST PATH HTTP/1.1\r\nHost: relay.test\r\n" + long + ": b\r\nContent-Length: 2\r\n\r\n{}",
		"a long path":   "POST PATH" + long + " HTTP/1.1\r\nHost: relay.test\r\nContent-Length: 2\r\n\r\n{}",
		"a long query":  "POST PATH?" + long + " HTTP/1.1\r\nHost: relay.test\r\nContent-Length: 2\r\n\r\n{}",
	} {
		t.Run(name, func(t *testing.T) {
			w := n.on(t).dial()
			// The answer comes while the rest of it is still being sent.
			_, _ = io.WriteString(w, strings.ReplaceAll(text, "PATH", k.path("default")))
			if got := w.all(); got != "" && !strings.HasPrefix(got, "HTTP/1.1 431 ") {
				t.Errorf("got %.100q, want 431", got)
			}
		})
	}
	// What proxies and tracers add is far below the bound.
	n.post(k.path("default"), "application/json", "1", "X-Trace", long[:12_000]).is(http.StatusOK)
	k.gets("1")
}

// Row 2: request targets that no HTTP client would send.
func TestRequestTargets(t *testing.T) {
	n := start(t)
	k := n.register()
	key := strings.TrimPrefix(k.path("default"), "/c/")
	want := n.post("/c/nothing", "application/json", "{}")
	for _, c := range []struct {
		name, target string
		status       int
	}{
		{"absolute form of another path", "http://relay.example.com/x/c/KEY", 404},
		{"absolute form without a path", "http://relay.example.com", 404},
		{"another scheme", "ftp://relay.example.com/", 404},
		{"asterisk", "*", 404},
		{"dots that lead to it", "/c/x/../KEY", 404},
		{"a dot behind", "/c/KEY/.", 404},
		{"two dots behind", "/c/KEY/..", 404},
		{"escaped dots", "/%2e/c/KEY", 404},
		{"escaped slash in front", "%2fc/KEY", 400},
		{"escaped twice", "/c/%2568KEY", 404},
		{"a semicolon in front", "/c;a=b/KEY", 404},
		{"a backslash", "/c\\KEY", 404},
		{"a plus", "/c/+KEY", 404},
		{"a NUL", "/c/KEY%00", 404},
		{"a raw NUL", "/c/KEY\x00", 400},
		{"a raw tab", "/c/KEY\t", 400},
		{"not UTF-8", "/c/%ff%fe", 404},
		{"a bad escape", "/c/%zz", 400},
		{"an escape cut short", "/c/KEY%2", 400},
		{"no slash", "c/KEY", 400},
		{"a blank inside", "/c/KEY x", 400},
		{"nothing", "", 400},
		{"a colon in front", ":/c/KEY", 400},
		{"long", "/c/" + strings.Repeat("a", 10_000), 404},
		{"many segments", "/c" + strings.Repeat("/a", 5_000), 404},
	} {
		t.Run("row 2: "+c.name, func(t *testing.T) {
			n := n.on(t)
			asked := n.redis.CommandCount()
			w := n.dial()
			w.write("POST " + strings.ReplaceAll(c.target, "KEY", key) + " HTTP/1.1\r\nHost: relay.test\r\n" + jsonType + "\r\nContent-Length: 2\r\n\r\n{}")
			got := w.answer()
			got.is(c.status)
			if got.header.Get("Location") != "" {
				t.Errorf("redirects to %s", got.header.Get("Location"))
			}
			if c.status == http.StatusNotFound {
				if a, b := got.isProblem(404, "not-found"), want.isProblem(404, "not-found"); a.Detail != b.Detail || a.Title != b.Title {
					t.Errorf("it is told apart from others: %s", got.body)
				}
			} else if w.closed(); strings.Contains(string(got.body), key) {
				t.Errorf("the answer quotes the link: %s", got.body)
			}
			if n := n.redis.CommandCount() - asked; n > 0 {
				t.Errorf("Redis was asked %d times", n)
			}
		})
	}
	// The absolute form of the link itself is what proxies are sent.
	w := n.dial()
	w.write("POST http://relay.example.com/c/" + key + "?a=b HTTP/1.1\r\nHost: relay.example.com\r\n" + jsonType + "\r\nContent-Length: 1\r\n\r\n1")
	w.answer().is(http.StatusOK)
	k.gets("1")
}

// Row 35: a body that is not read is not treated as a request. Several requests in one
// packet are answered one by one, in order.
func TestRequestsOnOneConnection(t *testing.T) {
	n := start(t, limited)
	post := func(path, body string, headers ...string) string {
		return "POST " + path + " HTTP/1.1\r\nHost: relay.test\r\n" +
			strings.Join(append(headers, fmt.Sprintf("Content-Length: %d", len(body))), "\r\n") + "\r\n\r\n" + body
	}
	inside := n.register("links", `{"default":{"type":"webhook"},"progress":{"type":"heartbeat"}}`)
	smuggled := post(inside.path("default"), `"smuggled"`, jsonType)
	fixed := n.register("links", `{"done":{"type":"success"},"skip":{"type":"success","page":true,"title":"Skip?"}}`)
	for _, c := range []struct {
		name, request string
		status        int
		closes        bool
	}{
		{"forged link", post("/c/"+strings.Repeat("a", 52), smuggled, jsonType), 404, false},
		{"no such path", post("/x", smuggled, jsonType), 404, false},
		{"other method", strings.Replace(post(inside.path("default"), smuggled), "POST", "PUT", 1), 405, false},
		{"GET", strings.Replace(post("/robots.txt", smuggled), "POST", "GET", 1), 200, false},
		{"heartbeat", post(inside.path("progress"), smuggled), 200, false},
		{"other type", post(inside.path("default"), "\xff"+smuggled, "Content-Type: image/png"), 415, false},
		{"fixed outcome", post(fixed.path("done"), smuggled, jsonType), 200, false},
		{"page", strings.Replace(post(fixed.path("skip"), smuggled), "POST", "GET", 1), 200, false},
		{"no form", post(fixed.path("skip"), smuggled, "Content-Type: text/plain"), 415, false},
		{"form of another site", post(fixed.path("skip"), smuggled, formType, "Sec-Fetch-Site: cross-site"), 403, false},
		{"too large", post(inside.path("default"), strings.Repeat(" ", 1000)+smuggled, jsonType), 413, true},
	} {
		t.Run("row 35: "+c.name, func(t *testing.T) {
			n := n.on(t)
			k := n.register()
			w := n.dial()
			w.write(c.request + post(k.path("default"), `"next"`, jsonType))
			w.answer().is(c.status)
			if c.closes {
				w.closed()
				k.unharmed()
				return
			}
			w.answer().is(http.StatusOK)
			k.gets(`"next"`)
		})
	}
	inside.unharmed()

	t.Run("row 35: pipelined", func(t *testing.T) {
		n := n.on(t)
		var requests string
		var tasks []task
		for i := range 20 {
			tasks = append(tasks, n.register())
			requests += post(tasks[i].path("default"), fmt.Sprint(i), jsonType)
		}
		w := n.dial()
		w.write(requests)
		for i, k := range tasks {
			got := w.answer()
			if got.is(http.StatusOK); !strings.Contains(string(got.body), k.ID) {
				t.Errorf("answer %d is of another request: %s", i, got.body)
			}
			k.gets(fmt.Sprint(i))
		}
	})
}

// Other versions and other protocols are answered or cut off, and change nothing.
func TestOtherProtocols(t *testing.T) {
	n := start(t, shortened)
	k := n.register()
	t.Run("group", func(t *testing.T) { // ends when all of them have
		for _, c := range []struct {
			name, text string
			status     string // or silence, for who still sends may not get to see it
		}{
			{"row 35: HTTP/0.9", "GET PATH\r\n", "HTTP/1.1 400"},
			{"row 35: HTTP/2 from the start", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 404"},
			{"row 35: a version to come", "POST PATH HTTP/3.0\r\nHost: relay.test\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.1 505"},
			{"row 35: no version", "POST PATH HTTP/\r\n\r\n", "HTTP/1.1 400"},
			{"row 35: TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x07", 505), "HTTP/1.1 400"},
			{"row 35: TLS with a line end in it", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n" + strings.Repeat("\x07", 503), "HTTP/1.1 400"},
			{"row 35: NULs", strings.Repeat("\x00", 1000) + "\r\n", "HTTP/1.1 400"},
			{"row 25: nothing", "", ""},
		} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				w := n.on(t).dial()
				w.write(strings.ReplaceAll(c.text, "PATH", k.path("default")))
				if got := w.all(); got != "" && (c.status == "" || !strings.HasPrefix(got, c.status)) {
					t.Errorf("got %.200q, want %q", got, c.status)
				}
			})
		}
	})
	k.unharmed()
	t.Run("HTTP/1.0", func(t *testing.T) {
		n := n.on(t)
		k := n.register()
		w := n.dial()
		w.write("POST " + k.path("default") + " HTTP/1.0\r\n" + jsonType + "\r\nContent-Length: 1\r\n\r\n1")
		w.answer().is(http.StatusOK)
		w.closed()
		k.gets("1")
	})
}

// Row 24: a connection that is reset in the middle of a body leaves nothing.
func TestResetInBody(t *testing.T) {
	n := start(t)
	k := n.register()
	for _, framing := range []string{"Content-Length: 7", "Transfer-Encoding: chunked"} {
		w := n.open(k.path("default"), "", jsonType, framing, "Expect: 100-continue")
		w.continues() // the handler reads
		w.write(`7` + "\r\n")
		n.metrics.forget()
		must(t, w.Conn.(*net.TCPConn).SetLinger(0))
		must(t, w.Close())
		if got := <-n.metrics.done; got != "public POST /c/:key Bad Request" {
			t.Errorf("the request ended as %q", got)
		}
	}
	k.unharmed()
}
