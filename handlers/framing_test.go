package handlers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

const jsonType = "Content-Type: application/json"

// limited lowers the limit to what one packet carries.
func limited(s *setup) { s.service.MaxOutput = 1000 }

// Row 19: a declared length over the limit is refused before the client is invited to
// send the body, and before anything is read.
func TestDeclaredTooLarge(t *testing.T) {
	n := start(t, limited)
	for _, c := range []struct {
		name, header string
		declared     int64
	}{
		{"row 19: with Expect", "Expect: 100-continue", 99_999_999},
		{"row 19: without Expect", "Accept: */*", 99_999_999},
		{"row 19: one byte more", "Accept: */*", 1001},
		{"row 19: one byte more, with Expect", "Expect: 100-continue", 1001},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := n.on(t)
			k := n.register()
			w := n.open(k.path("default"), "", jsonType, fmt.Sprintf("Content-Length: %d", c.declared), c.header)
			got := w.answer() // a "100 Continue" would come first
			p := got.isProblem(http.StatusRequestEntityTooLarge, "too-large")
			if number(p.LimitBytes) != 1000 || number(p.ActualBytes) != c.declared {
				t.Errorf("limitBytes %d, actualBytes %d", number(p.LimitBytes), number(p.ActualBytes))
			}
			w.closed()
			k.unharmed()
		})
	}
}

// Row 20: if a chunked body exceeds the limit, the connection ends, so that the rest is
// not read.
func TestChunkedTooLarge(t *testing.T) {
	n := start(t, limited)
	k := n.register()
	chunk := "258\r\n" + strings.Repeat("x", 0x258) + "\r\n"
	w := n.open(k.path("default"), chunk, jsonType, "Transfer-Encoding: chunked")
	w.write(chunk)
	got := w.answer()
	p := got.isProblem(http.StatusRequestEntityTooLarge, "too-large")
	if number(p.LimitBytes) != 1000 || p.ActualBytes != nil {
		t.Errorf("limitBytes %d, actualBytes %d, want only the limit", number(p.LimitBytes), number(p.ActualBytes))
	}
	if !got.close {
		t.Error("the answer does not say that the connection closes")
	}
	w.closed()
	k.unharmed()
}

// Row 22: for chunked bodies too.
func TestChunkedAtTheLimit(t *testing.T) {
	n := start(t, limited)
	k := n.register()
	body := `"` + strings.Repeat("x", 998) + `"`
	w := n.open(k.path("default"), "3e8\r\n"+body+"\r\n0\r\n\r\n", jsonType, "Transfer-Encoding: chunked")
	w.answer().is(http.StatusOK)
	k.gets(body)
}

// Row 24: nothing is stored of an incomplete body, even if it is valid JSON so far.
func TestShortBody(t *testing.T) {
	n := start(t)
	t.Run("row 24: shorter than declared", func(t *testing.T) {
		k := n.on(t).register()
		w := n.on(t).open(k.path("default"), `{"a":1}`, jsonType, "Content-Length: 8")
		must(t, w.Conn.(interface{ CloseWrite() error }).CloseWrite())
		p := w.answer().isProblem(http.StatusBadRequest, "invalid-body")
		if number(p.Offset) != 7 {
			t.Errorf("offset %d, want 7: the body broke off there", number(p.Offset))
		}
		w.closed()
		k.unharmed()
	})
	t.Run("row 24: chunks without an end", func(t *testing.T) {
		k := n.on(t).register()
		w := n.on(t).open(k.path("default"), "7\r\n{\"a\":1}\r\n", jsonType, "Transfer-Encoding: chunked")
		must(t, w.Conn.(interface{ CloseWrite() error }).CloseWrite())
		w.answer().isProblem(http.StatusBadRequest, "invalid-body")
		w.closed()
		k.unharmed()
	})
	t.Run("row 24: client gone", func(t *testing.T) {
		n := n.on(t)
		k := n.register()
		w := n.open(k.path("default"), `{"a":1}`, jsonType, "Content-Length: 8", "Expect: 100-continue")
		w.continues() // the handler reads
		n.metrics.forget()
		must(t, w.Close())
		if got := <-n.metrics.done; got != "public POST /c/:key Bad Request" {
			t.Errorf("the request ended as %q", got)
		}
		k.unharmed()
	})
}

// Row 25: a slow sender is cut off at the deadline, while others are served. The sender is
// told to try again, since the network may have been slow.
func TestSlowSenders(t *testing.T) {
	n := start(t, func(s *setup) {
		s.server = func(server *http.Server) {
			if server.ReadHeaderTimeout == 0 || server.ReadTimeout == 0 || server.WriteTimeout == 0 || server.IdleTimeout == 0 {
				t.Error("a deadline of the server is not set")
			}
			server.ReadHeaderTimeout, server.ReadTimeout = 100*time.Millisecond, 200*time.Millisecond
		}
	})
	t.Run("row 25: headers", func(t *testing.T) {
		n := n.on(t)
		k := n.register()
		w := n.dial()
		w.write("POST " + k.path("default") + " HTTP/1.1\r\nHost: relay.te")
		k.unharmed() // another sender, meanwhile
		w.closed()
	})
	t.Run("row 25: body", func(t *testing.T) {
		n := n.on(t)
		k, other := n.register(), n.register()
		w := n.open(k.path("default"), `{"a":1}`, jsonType, "Content-Length: 100")
		other.unharmed() // another sender, meanwhile
		got := w.answer()
		got.isProblem(http.StatusServiceUnavailable, "unavailable")
		if got.header.Get("Retry-After") == "" || !got.close {
			t.Errorf("no Retry-After, or the connection stays open: %v", got.header)
		}
		if !n.metrics.told("answer failed unavailable") || n.metrics.told("answer rejected invalid-body") {
			t.Error("counted as something else")
		}
		if strings.Contains(n.log.String(), `"level":"ERROR"`) {
			t.Error("logged as a fault of ours")
		}
		w.closed()
		k.unharmed()
	})
	t.Run("row 25: chunks", func(t *testing.T) {
		n := n.on(t)
		k := n.register()
		w := n.open(k.path("default"), "7\r\n{\"a\":1}\r\n", jsonType, "Transfer-Encoding: chunked")
		w.answer().isProblem(http.StatusServiceUnavailable, "unavailable")
		w.closed()
		k.unharmed()
	})
}

// Row 35: a request that two readers could frame differently is not read at all, and the
// connection ends.
func TestFraming(t *testing.T) {
	n := start(t)
	for _, c := range []struct {
		name, body string
		headers    []string
		status     int
	}{
		{"row 35: two lengths", `{"a":1}`, []string{"Content-Length: 7", "Content-Length: 6"}, 400},
		{"row 35: a negative length", "", []string{"Content-Length: -1"}, 400},
		{"row 35: unknown transfer encoding", "", []string{"Transfer-Encoding: gzip"}, 501},
		{"row 35: an encoding on top of chunks", "", []string{"Transfer-Encoding: gzip, chunked"}, 501},
		{"row 35: two hosts", "", []string{"Host: other.test", "Content-Length: 0"}, 400},
		{"row 35: bad chunk size", "zz\r\n{}\r\n0\r\n\r\n", []string{"Transfer-Encoding: chunked"}, 400},
		{"row 35: chunk longer than its size", "1\r\n{}\r\n0\r\n\r\n", []string{"Transfer-Encoding: chunked"}, 400},
		{"row 35: a length beyond all numbers", "[]", []string{"Content-Length: 99999999999999999999"}, 400},
		{"row 35: a length with a sign", "[]", []string{"Content-Length: +2"}, 400},
		{"row 35: a list of lengths", "[]", []string{"Content-Length: 2, 2"}, 400},
		{"row 35: an empty length", "[]", []string{"Content-Length: "}, 400},
		{"row 35: a hexadecimal length", "[]", []string{"Content-Length: 0x2"}, 400},
		{"row 35: a transfer encoding nearly known", "0\r\n\r\n", []string{"Transfer-Encoding: xchunked"}, 501},
		{"row 35: two transfer encodings", "0\r\n\r\n", []string{"Transfer-Encoding: chunked", "Transfer-Encoding: identity"}, 501},
		{"row 35: a vertical tab before the encoding", "0\r\n\r\n", []string{"Transfer-Encoding: \x0bchunked"}, 400},
		{"row 35: a blank before the colon", "0\r\n\r\n", []string{"Transfer-Encoding : chunked"}, 400},
		{"row 35: a header without a colon", "[]", []string{"Content-Length: 2", "X"}, 400},
		{"row 35: a bare CR in a header", "[]", []string{"X: a\rContent-Length: 1", "Content-Length: 2"}, 400},
		{"row 35: a NUL in a header", "[]", []string{"X: a\x00b", "Content-Length: 2"}, 400},
		{"row 35: an expectation that nobody knows", "[]", []string{"Expect: gifts", "Content-Length: 2"}, 417},
		{"row 35: chunk size of 17 digits", "fffffffffffffffff\r\n[]\r\n0\r\n\r\n", []string{"Transfer-Encoding: chunked"}, 400},
		{"row 35: a negative chunk size", "-2\r\n[]\r\n0\r\n\r\n", []string{"Transfer-Encoding: chunked"}, 400},
		{"row 35: chunk size with a prefix", "0x2\r\n[]\r\n0\r\n\r\n", []string{"Transfer-Encoding: chunked"}, 400},
		{"row 35: chunk lines that end in a bare LF", "2\n[]\n0\n\n", []string{"Transfer-Encoding: chunked"}, 400},
		{"row 35: an endless chunk extension", "2;" + strings.Repeat("a", 8000) + "\r\n[]\r\n0\r\n\r\n", []string{"Transfer-Encoding: chunked"}, 400},
		{"row 35: many chunk extensions", strings.Repeat("1;"+strings.Repeat("a", 2000)+"\r\n \r\n", 20) + "2\r\n[]\r\n0\r\n\r\n", []string{"Transfer-Encoding: chunked"}, 400},
		{"row 35: many trailers", "2\r\n[]\r\n0\r\n" + strings.Repeat("X-A: a\r\n", 2000) + "\r\n", []string{"Transfer-Encoding: chunked"}, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := n.on(t)
			k := n.register()
			w := n.open(k.path("default"), c.body, append(c.headers, jsonType)...)
			got := w.answer()
			got.is(c.status)
			if !got.close {
				t.Error("the answer does not say that the connection closes")
			}
			w.closed()
			k.unharmed()
		})
	}
}

// A client that has sent more than was read must still get the answer, and not a reset
// connection.
func TestRefusalIsNotCutOff(t *testing.T) {
	n := start(t, limited)
	k := n.register()
	for range 30 {
		got := n.post(k.path("default"), "application/json", strings.Repeat("x", 2_000_000), "Connection", "close")
		got.isProblem(http.StatusRequestEntityTooLarge, "too-large")
	}
	k.unharmed()
}

// Row 35: an odd request that has only one meaning is read by that meaning.
func TestOddFraming(t *testing.T) {
	n := start(t)
	for _, c := range []struct {
		name, body string
		headers    []string
	}{
		{"row 35: the same length twice", "[]", []string{"Content-Length: 2", "Content-Length: 2"}},
		{"row 35: the encoding in other letters", "2\r\n[]\r\n0\r\n\r\n", []string{"Transfer-Encoding:\tChunked"}},
		{"row 35: a header on two lines", "[]", []string{"X: a\r\n Content-Length: 1", "Content-Length: 2"}},
		{"row 35: trailers that look like framing", "2\r\n[]\r\n0\r\nContent-Length: 99\r\n\r\n", []string{"Transfer-Encoding: chunked"}},
		{"row 35: a size with zeros in front", "00000002\r\n[]\r\n0\r\n\r\n", []string{"Transfer-Encoding: chunked"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := n.on(t)
			k := n.register()
			w := n.open(k.path("default"), c.body, append(c.headers, jsonType)...)
			got := w.answer()
			if got.is(http.StatusOK); !got.close {
				w.write("GET /healthz HTTP/1.1\r\nHost: relay.test\r\n\r\n")
				w.answer().is(http.StatusOK) // nothing was left over
			}
			k.gets("[]")
		})
	}
}

// Row 35: after a request that another reader may see as longer or shorter, the connection
// ends, and the bytes that follow are not treated as a request.
func TestTwoFramings(t *testing.T) {
	n := start(t)
	inner := n.register()
	smuggled := "POST " + inner.path("default") + " HTTP/1.1\r\nHost: relay.test\r\n" + jsonType + "\r\nContent-Length: 10\r\n\r\n\"smuggled\""
	const both = "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
	for _, c := range []struct {
		name, request string
		status        int
		output        string
	}{
		{"row 35: chunks and a length", "POST PATH HTTP/1.1\r\n" + both, 200, "{}"},
		{"row 35: chunks and a length to nowhere", "POST /c/x HTTP/1.1\r\n" + both, 404, ""},
		{"row 35: chunks and a length in a GET", "GET PATH HTTP/1.1\r\n" + both, 405, ""},
		{"row 35: chunks in HTTP/1.0", "POST PATH HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n", 400, ""},
		{"row 35: no length in HTTP/1.0", "POST PATH HTTP/1.0\r\nConnection: keep-alive\r\n\r\n[]", 400, ""},
		{"row 35: no length in HTTP/1.0, to nowhere", "POST /c/x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 404, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := n.on(t)
			k := n.register()
			w := n.dial()
			request := strings.Replace(c.request, "PATH", k.path("default"), 1)
			w.write(strings.Replace(request, "\r\n", "\r\nHost: relay.test\r\n"+jsonType+"\r\n", 1) + smuggled)
			w.answer().is(c.status)
			w.closed()
			if c.output != "" {
				k.gets(c.output)
			} else {
				k.unharmed()
			}
		})
	}
	inner.unharmed()
}
