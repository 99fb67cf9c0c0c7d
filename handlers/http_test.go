package handlers_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"callback-relay/api"
)

// answer is a complete HTTP response.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	close  bool // the server closes the connection
	body   []byte
}

// do sends a request, with headers in pairs of name and value.
func (n *node) do(method, url, body string, headers ...string) answer {
	n.t.Helper()
	return n.send(method, url, strings.NewReader(body), headers...)
}

func (n *node) send(method, url string, body io.Reader, headers ...string) answer {
	n.t.Helper()
	req, err := http.NewRequestWithContext(n.t.Context(), method, url, body)
	must(n.t, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := n.client.Do(req)
	must(n.t, err)
	return n.read(resp)
}

func (n *node) read(resp *http.Response) answer {
	n.t.Helper()
	body, err := io.ReadAll(resp.Body)
	must(n.t, err)
	must(n.t, resp.Body.Close())
	return answer{t: n.t, status: resp.StatusCode, header: resp.Header, close: resp.Close, body: body}
}

// post sends a body to a path of the public listener.
func (n *node) post(path, contentType, body string, headers ...string) answer {
	n.t.Helper()
	return n.do(http.MethodPost, "http://"+n.public+path, body, append(headers, "Content-Type", contentType)...)
}

// postInChunks is post without a Content-Length.
func (n *node) postInChunks(path, contentType, body string, headers ...string) answer {
	n.t.Helper()
	unknown := struct{ io.Reader }{strings.NewReader(body)} // net/http does not know its length
	return n.send(http.MethodPost, "http://"+n.public+path, unknown, append(headers, "Content-Type", contentType)...)
}

// call sends a request to the private API with the API key.
func (n *node) call(method, path, body string) answer {
	n.t.Helper()
	return n.do(method, "http://"+n.private+path, body,
		"Authorization", "Bearer "+apiKey, "Content-Type", "application/json")
}

func (a answer) decode(into any) {
	a.t.Helper()
	if err := json.Unmarshal(a.body, into); err != nil {
		a.t.Fatalf("%v in %s", err, a.body)
	}
}

// is checks the status of an answer that is not a problem.
func (a answer) is(status int) {
	a.t.Helper()
	if a.status != status {
		a.t.Errorf("got %d (%s), want %d", a.status, a.body, status)
	}
}

// isProblem checks status and problem code, and returns the problem.
func (a answer) isProblem(status int, code string) api.Problem {
	a.t.Helper()
	var p api.Problem
	if got := a.header.Get("Content-Type"); a.status != status || got != api.ProblemMediaType {
		a.t.Errorf("got %d in %s (%s), want a problem with %d", a.status, got, a.body, status)
		return p
	}
	a.decode(&p)
	if p.Status != status || p.Type.Short() != code {
		a.t.Errorf("got %d %q, want %d %q", p.Status, p.Type.Short(), status, code)
	}
	return p
}

// fields returns the fields that a problem reports.
func fields(p api.Problem) string {
	var names []string
	for _, e := range p.Errors {
		names = append(names, e.Field)
	}
	return strings.Join(names, " ")
}

// number dereferences an optional number of a problem: -1 if it is missing.
func number(n *int64) int64 {
	if n == nil {
		return -1
	}
	return *n
}

// wire is a connection on which a test can write anything, even what no HTTP client sends.
type wire struct {
	net.Conn
	n *node
	r *bufio.Reader
}

// dial connects to the public listener. The deadline is for broken code only.
func (n *node) dial(control ...func(network, address string, c syscall.RawConn) error) *wire {
	n.t.Helper()
	var dialer net.Dialer
	for _, c := range control {
		dialer.Control = c
	}
	conn, err := dialer.Dial("tcp", n.public)
	must(n.t, err)
	n.t.Cleanup(func() { _ = conn.Close() })
	must(n.t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	return &wire{Conn: conn, n: n, r: bufio.NewReader(conn)}
}

// open connects and begins a POST: its headers, and the given part of the body.
func (n *node) open(path, body string, headers ...string) *wire {
	n.t.Helper()
	w := n.dial()
	w.write("POST " + path + " HTTP/1.1\r\nHost: relay.test\r\n" + strings.Join(headers, "\r\n") + "\r\n\r\n" + body)
	return w
}

func (w *wire) write(s string) {
	w.n.t.Helper()
	_, err := io.WriteString(w, s)
	must(w.n.t, err)
}

// answer reads one answer.
func (w *wire) answer() answer {
	w.n.t.Helper()
	resp, err := http.ReadResponse(w.r, nil)
	must(w.n.t, err)
	return w.n.read(resp)
}

// continues reads the "100 Continue" that invites the body.
func (w *wire) continues() {
	w.n.t.Helper()
	resp, err := http.ReadResponse(w.r, nil)
	must(w.n.t, err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusContinue {
		w.n.t.Fatalf("got %s, want 100 Continue", resp.Status)
	}
}

// gone waits until the server ends the connection, whatever it says before.
func (w *wire) gone() {
	w.n.t.Helper()
	_, err := io.Copy(io.Discard, w.r)
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		w.n.t.Error("the server keeps the connection open")
	}
}

// ends is closed when the server has ended the connection, as gone waits for it.
func (w *wire) ends() <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.gone()
	}()
	return ended
}

// closed waits until the server ends the connection, by FIN or by reset.
func (w *wire) closed() {
	w.n.t.Helper()
	rest, err := io.ReadAll(w.r)
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		w.n.t.Error("the server keeps the connection open")
	}
	if len(rest) > 0 {
		w.n.t.Errorf("further bytes before the end: %q", rest)
	}
}
