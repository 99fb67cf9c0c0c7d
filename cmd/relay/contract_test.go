package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"callback-relay/api"
)

// notProvoked are the documented responses that the test cannot provoke, with the
// reason.
var notProvoked = map[string]string{
	"createCallback 500": "a fault of ours: the handlers' own tests cause a panic",
	"listCallbacks 500":  "a fault of ours",
	"getCallback 500":    "as above",
	"getHistory 500":     "as above",
	"updateCallback 500": "as above",
	"cancelCallback 500": "as above",
	"revokeLink 500":     "as above",
	"addLink 500":        "as above",
	"listSenders 500":    "as above",
	"listEvents 500":     "as above",
	"dropEvents 500":     "as above",
	"dropEvent 500":      "as above",
	"listSenders 503":    "only with too many requests at once: it needs nothing that can be unavailable",
	"answerLink 500":     "as above",
	"getPage 500":        "as above",
	"headPage 500":       "as above",
	"submitPage 500":     "as above",
	"postEvent 500":      "as above",
	"postEvent 400":      "a body that is not whole: the handlers' own tests send such bodies",
	"testHook 503":       "too many requests at once: the handlers' own tests send so many",
	"headHook 503":       "as above",
	"optionsHook 503":    "as above",
}

// TestContract makes every operation of both listeners give every response in the
// OpenAPI document, and checks requests and responses against the document.
func TestContract(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startStandalone(t), 0)
	w.replicas = append(w.replicas, w.start(w.hooked()))
	c := newContract(w)
	for _, row := range c.requests() {
		c.drive(row)
	}
	stop := c.flood(c.pending)
	c.eventually("each request is refused in a flood", func() bool {
		for _, row := range c.requestsInAFlood() {
			row.want, row.or = http.StatusTooManyRequests, http.StatusNotFound // where the flood is over already
			c.drive(row)
		}
		return c.seen["answerLink 429"] && c.seen["postEvent 429"] && c.seen["testHook 429"] && c.seen["headHook 429"] && c.seen["optionsHook 429"] && c.seen["getPage 429"] && c.seen["headPage 429"] && c.seen["submitPage 429"]
	})
	stop()
	w.server.kill()
	for _, row := range c.requestsWithoutRedis() {
		c.drive(row)
	}
	c.wantAllSeen()
}

// contract is the OpenAPI document, and which responses have been seen.
type contract struct {
	*world
	doc    *openapi3.T
	router routers.Router
	seen   map[string]bool // "operation status"

	pending, delivered, closed, expired, cancelled task
	// Of callbacks with pages:
	asked, decided, missed, withdrawn, verified task
}

func newContract(w *world) *contract {
	w.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(api.OpenAPI)
	w.must(err)
	// Ports differ in a test, so the listeners are not told apart by servers.
	doc.Servers = nil
	for _, item := range doc.Paths.Map() {
		item.Servers = nil
	}
	router, err := legacy.NewRouter(doc)
	w.must(err)
	// Without one, the library cannot read XML or a refused media type.
	openapi3filter.RegisterBodyDecoder("*/*", openapi3filter.PlainBodyDecoder)

	c := &contract{
		world: w, doc: doc, router: router, seen: map[string]bool{},
		pending: w.register(), delivered: w.register(), closed: w.register(),
		expired: w.register(shortLived, ignoring), cancelled: w.register(),
		asked: w.register(asking), decided: w.register(asking),
		missed: w.register(asking, shortLived, ignoring), withdrawn: w.register(asking),
		verified: w.register(asking, forSomebody),
	}
	w.wantTaken(w.post(c.delivered.URL, `{}`), c.delivered, api.StatusDelivered, false)
	w.steps.Close(c.closed.token)
	for _, t := range []task{c.cancelled, c.withdrawn} {
		_, err = w.next().client.Cancel(w.Context(), t.ID)
		w.must(err)
	}
	w.untilState(c.expired, "expired") // only then a mistake in a request does not come first
	w.untilOverdue(c.missed)
	return c
}

// asking registers a callback with an approval.
func asking(r *api.CreateRequest) {
	r.Links = map[string]api.LinkRequest{
		"dana": {Type: api.LinkApproval, Approver: api.Approver{Name: "Dana Okafor"}},
		"lee":  {Type: api.LinkApproval, Approver: api.Approver{Name: "Lee Brandt"}},
		"kim":  {Type: api.LinkApproval, Approver: api.Approver{Name: "Kim Sato"}},
		"skip": {Type: api.LinkSuccess, Page: true},
	}
	r.Approval = &api.Approval{
		Title: "Deploy 4.2.0 to production?", Comment: api.CommentRequiredOnReject,
		Fields: json.RawMessage(`{"type": "object", "properties": {"window": {"enum": ["now", "tonight"]}}}`),
	}
}

// forSomebody lets only one person decide, who is signed in.
func forSomebody(r *api.CreateRequest) {
	r.Links = map[string]api.LinkRequest{
		"dana": {Type: api.LinkApproval, Approver: api.Approver{Name: "Dana Okafor", Email: "dana@example.com"}},
	}
	r.Approval.Verify = api.VerifyRequired
	r.Approval.NotBy = []string{"ana@example.com"}
}

// exchange is a request and the expected status.
type exchange struct {
	method, target string // a path of the private listener, or a link
	body           string
	header         []string // pairs
	want, or       int      // the status; or, if not 0, another permitted one
	invalid        bool     // the request breaks the document, on purpose
	stranger       bool     // no API key is sent
}

// drive sends a request, and checks it and its response against the document.
func (c *contract) drive(x exchange) {
	c.Helper()
	name := x.method + " " + x.target
	url := "http://" + c.replicas[0].ports.private.Addr().String() + x.target
	if link, ok := strings.CutPrefix(x.target, "https://relay.example.com/base"); ok {
		url = "http://" + c.replicas[0].ports.public.Addr().String() + link
	}
	req, err := http.NewRequestWithContext(c.Context(), x.method, url, strings.NewReader(x.body))
	c.must(err)
	if !x.stranger {
		req.Header.Set("Authorization", "Bearer "+testAPIKey)
	}
	for i := 0; i < len(x.header); i += 2 {
		req.Header.Set(x.header[i], x.header[i+1])
	}
	route, params, err := c.router.FindRoute(req)
	if err != nil {
		c.Errorf("%s: not in the document: %v", name, err)
		return
	}
	input := &openapi3filter.RequestValidationInput{
		Request: req, PathParams: params, Route: route,
		Options: &openapi3filter.Options{
			AuthenticationFunc:    func(context.Context, *openapi3filter.AuthenticationInput) error { return nil },
			IncludeResponseStatus: true,
		},
	}
	err = openapi3filter.ValidateRequest(c.Context(), input)
	if (err != nil) != x.invalid {
		c.Errorf("%s: the document says of the request: %v", name, err)
	}
	req.Body = io.NopCloser(strings.NewReader(x.body))
	response, err := c.http.RoundTrip(req)
	c.must(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	c.must(err)
	if response.StatusCode != x.want && response.StatusCode != x.or {
		c.Errorf("%s: %d %s, want %d", name, response.StatusCode, body, x.want)
	}
	err = openapi3filter.ValidateResponse(c.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Options: input.Options,
		Status: response.StatusCode, Header: response.Header, Body: io.NopCloser(bytes.NewReader(body)),
	})
	if err != nil {
		c.Errorf("%s: the document says of the answer %d: %v", name, response.StatusCode, err)
	}
	c.checkHeaders(name, response)
	c.checkForm(name, req, response)
	c.seen[route.Operation.OperationID+" "+strconv.Itoa(response.StatusCode)] = true
}

// checkForm checks that an error is a page for a browser that opened a page, and a
// problem document otherwise; and that a machine's link responds in the requested
// type.
func (c *contract) checkForm(name string, req *http.Request, response *http.Response) {
	c.Helper()
	accept, want := req.Header.Get("Accept"), api.ProblemMediaType
	switch {
	case response.StatusCode < http.StatusBadRequest && !strings.Contains(req.URL.Path, "/c/"):
		return
	case response.StatusCode < http.StatusBadRequest:
		want = accept
	case strings.Contains(req.URL.Path, "/a/") && strings.HasPrefix(accept, "text/html"):
		want = "text/html"
	}
	if got := response.Header.Get("Content-Type"); !strings.HasPrefix(got, want) {
		c.Errorf("%s: answer %d is %s, want %s", name, response.StatusCode, got, want)
	}
}

// checkHeaders checks what the library does not: that responses to HEAD have their
// headers too.
func (c *contract) checkHeaders(name string, response *http.Response) {
	c.Helper()
	want := []string{"X-Request-Id", "Cache-Control"}
	empty := response.StatusCode == http.StatusNoContent ||
		response.StatusCode < http.StatusBadRequest && strings.Contains(response.Request.URL.Path, "/h/") // what handshakes get may be empty
	if !empty {
		want = append(want, "Content-Type")
	}
	switch response.StatusCode {
	case http.StatusUnauthorized:
		want = append(want, "WWW-Authenticate")
	case http.StatusMethodNotAllowed:
		want = append(want, "Allow")
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		want = append(want, "Retry-After")
	}
	for _, header := range want {
		if response.Header.Get(header) == "" {
			c.Errorf("%s: answer %d has no %s", name, response.StatusCode, header)
		}
	}
	if got := response.Header.Get("Cache-Control"); got != "no-store" {
		c.Errorf("%s: Cache-Control %q", name, got)
	}
}

// wantAllSeen checks that every documented response was seen.
func (c *contract) wantAllSeen() {
	c.Helper()
	for path, item := range c.doc.Paths.Map() {
		for method, operation := range item.Operations() {
			for status := range operation.Responses.Map() {
				answer := fmt.Sprintf("%s %s", operation.OperationID, status)
				_, excused := notProvoked[answer]
				if c.seen[answer] == excused {
					c.Errorf("%s %s, status %s: seen %v, excused %v", method, path, status, c.seen[answer], excused)
				}
				delete(c.seen, answer)
			}
		}
	}
	for _, answer := range slices.Sorted(maps.Keys(c.seen)) {
		c.Errorf("not documented: %s", answer)
	}
}
