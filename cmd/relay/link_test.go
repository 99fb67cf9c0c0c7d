package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"callback-relay/api"
	"callback-relay/stepfunctions/standin"
)

// task is a waiting task and the callback that is registered for it.
type task struct {
	api.Callback
	token string
}

// register starts a task and registers it.
func (w *world) register(change ...func(*api.CreateRequest)) task {
	w.Helper()
	request := api.CreateRequest{
		TaskToken: w.steps.NewTask(standin.TaskOptions{}),
		Links: map[string]api.LinkRequest{
			"default": {Type: api.LinkWebhook}, "progress": {Type: api.LinkHeartbeat},
		},
	}
	for _, c := range change {
		c(&request)
	}
	// If Redis is slow, the client repeats the request, and finds its own callback.
	cb, _, err := w.next().client.Create(w.Context(), request)
	if err != nil {
		w.Fatalf("register: %v", err)
	}
	return task{cb, request.TaskToken}
}

// shortLived makes a callback expire within the test.
func shortLived(r *api.CreateRequest) { r.ExpiresIn = "1s" }

func ignoring(r *api.CreateRequest) { r.OnExpiry = api.OnExpiryIgnore }

// get looks a task's callback up.
func (w *world) get(t task) api.Callback {
	w.Helper()
	cb, err := w.next().client.Get(w.Context(), t.ID)
	w.must(err)
	return cb
}

// untilState waits until a task's callback is in a state.
func (w *world) untilState(t task, state string) api.Callback {
	w.Helper()
	var cb api.Callback
	w.eventually("the callback is "+state, func() bool {
		cb = w.get(t)
		return cb.State == state
	})
	return cb
}

// untilOverdue waits until a task's deadline has passed.
func (w *world) untilOverdue(t task) {
	w.Helper()
	w.eventually("the deadline has passed", func() bool { return time.Now().After(t.ExpiresAt) })
}

// effects returns what Step Functions accepted for a task.
func (w *world) effects(t task) []standin.Effect {
	return slices.DeleteFunc(w.steps.Effects(), func(e standin.Effect) bool { return e.TaskToken != t.token })
}

// wantOutput checks that a task succeeded once, with exactly these bytes.
func (w *world) wantOutput(t task, output string) {
	w.Helper()
	got := w.effects(t)
	if len(got) != 1 || got[0].Action != standin.SendTaskSuccess || string(got[0].Output) != output {
		w.Errorf("step functions took %.200q, want %.100q once", got, output)
	}
}

// wantNothing checks that a task still waits.
func (w *world) wantNothing(t task) {
	w.Helper()
	if got := w.effects(t); len(got) != 0 {
		w.Errorf("step functions took %.200q, want nothing", got)
	}
}

// answer is what the caller of a link sees.
type answer struct {
	api.AnswerResponse
	status  int
	header  http.Header
	body    string
	problem api.Problem
}

// call is a request to a link. The zero value posts an empty JSON body.
type call struct {
	method      string
	link        string
	contentType string
	body        io.Reader
	header      http.Header // further ones
}

// post posts JSON to a link at the replica whose turn it is.
func (w *world) post(link, body string) answer {
	w.Helper()
	return w.send(w.next(), call{link: link, body: strings.NewReader(body)})
}

// send calls a link at a replica.
func (w *world) send(r *replica, c call) answer {
	w.Helper()
	got, err := w.trySend(r.ports.public.Addr().String(), c)
	w.must(err)
	w.checkEvery(got)
	return got
}

// request calls a link at the replica whose turn it is, with headers.
func (w *world) request(link, method, body string, headers ...string) answer {
	w.Helper()
	address := w.next().ports.public.Addr().String()
	request, err := http.NewRequestWithContext(w.Context(), method, "http://"+address+path(link), strings.NewReader(body))
	w.must(err)
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			request.Host = strings.Fields(headers[i+1])[0]
		} else if headers[i+1] != "" {
			request.Header.Set(headers[i], headers[i+1])
		}
	}
	response, err := w.http.RoundTrip(request)
	w.must(err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	w.must(err)
	return answer{status: response.StatusCode, header: response.Header, body: string(text)}
}

// trySend calls a link at an address. Any goroutine may use it.
func (w *world) trySend(address string, c call) (answer, error) {
	path, found := strings.CutPrefix(c.link, "https://relay.example.com")
	if !found {
		return answer{}, errors.New("not a link: " + c.link)
	}
	if c.method == "" {
		c.method = http.MethodPost
	}
	if c.contentType == "" {
		c.contentType = "application/json"
	}
	req, err := http.NewRequestWithContext(w.Context(), c.method, "http://"+address+path, c.body)
	if err != nil {
		return answer{}, err
	}
	for name, values := range c.header {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", c.contentType)
	response, err := w.http.RoundTrip(req) // follows no redirects
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	got := answer{status: response.StatusCode, header: response.Header, body: string(body)}
	if c.method == http.MethodHead {
		return got, nil
	}
	if got.status == http.StatusOK {
		return got, json.Unmarshal(body, &got.AnswerResponse)
	}
	return got, json.Unmarshal(body, &got.problem)
}

// checkEvery checks what every response of the public listener must have.
func (w *world) checkEvery(got answer) {
	w.Helper()
	for name, want := range map[string]string{
		"Cache-Control":          "no-store",
		"X-Robots-Tag":           "noindex, nofollow, noarchive",
		"X-Content-Type-Options": "nosniff",
		"Referrer-Policy":        "no-referrer",
	} {
		if value := got.header.Get(name); value != want {
			w.Errorf("status %d: %s %q, want %q", got.status, name, value, want)
		}
	}
	if got.header.Get("X-Request-Id") == "" {
		w.Errorf("status %d: no X-Request-Id", got.status)
	}
	for name := range got.header {
		if strings.HasPrefix(name, "Access-Control-") || name == "Location" {
			w.Errorf("status %d: unwanted header %s", got.status, name)
		}
	}
}

// wantTaken checks that an answer was accepted.
func (w *world) wantTaken(got answer, t task, status string, duplicate bool) {
	w.Helper()
	want := api.AnswerResponse{ID: t.ID, Status: status, Duplicate: duplicate}
	if got.status != http.StatusOK || got.AnswerResponse != want {
		w.Errorf("got %d %s, want %+v", got.status, got.body, want)
	}
}

// wantProblem checks that a response is the problem of a code.
func (w *world) wantProblem(got answer, code api.Code) {
	w.Helper()
	meaning := api.Codes[code]
	if got.status != meaning.Status || got.problem.Type != code || got.problem.Title != meaning.Title ||
		got.header.Get("Content-Type") != api.ProblemMediaType {
		w.Errorf("got %d %s, want %d %s", got.status, got.body, meaning.Status, code)
	}
}

// linkKey is the last part of a link.
func linkKey(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		panic(err)
	}
	return u.Path[strings.LastIndex(u.Path, "/")+1:]
}

// trips counts what a client sends to Redis.
type trips struct {
	single    atomic.Int64 // commands sent alone
	pipelined atomic.Int64 // pipelines, of any length
}

func (c *trips) total() int64 { return c.single.Load() + c.pipelined.Load() }

// DialHook implements [redis.Hook]. Greetings are not counted.
func (c *trips) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook implements [redis.Hook].
func (c *trips) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.single.Add(1)
		return next(ctx, cmd)
	}
}

// ProcessPipelineHook implements [redis.Hook].
func (c *trips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.pipelined.Add(1)
		return next(ctx, cmds)
	}
}
