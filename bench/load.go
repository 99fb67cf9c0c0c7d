package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// taskTokenBytes is about the length of AWS' task tokens.
const taskTokenBytes = 700

// task is one waiting task and its callback.
type task struct {
	asks   registration // besides the task token
	token  string
	output string
	url    string // known once it is registered
}

// makeTasks returns n tasks. Their outputs have the given size and differ, so that
// the ledger can tell them apart.
func makeTasks(name string, n, outputBytes int) []*task {
	tasks := make([]*task, n)
	for i := range tasks {
		random := make([]byte, taskTokenBytes*3/4)
		_, _ = rand.Read(random) // never fails, by its documentation
		start := fmt.Sprintf(`{"kind":%q,"order":%d,"note":"`, name, i)
		tasks[i] = &task{
			token:  base64.StdEncoding.EncodeToString(random),
			output: start + strings.Repeat("x", outputBytes-len(start)-2) + `"}`,
		}
	}
	return tasks
}

// The parts of the two requests' bodies that both servers share.
type (
	registration struct {
		TaskToken string            `json:"taskToken"`
		ExpiresAt time.Time         `json:"expiresAt,omitzero"`
		Tags      map[string]string `json:"tags,omitempty"`
		Links     json.RawMessage   `json:"links,omitempty"`
		Approval  json.RawMessage   `json:"approval,omitempty"`
	}
	registered struct {
		URL string `json:"url"`
	}
	answered struct {
		ID     string `json:"id"`
		Status string `json:"status"`
	}
)

// generator sends requests from a fixed number of clients. Each client waits for
// the response before it sends its next request.
type generator struct {
	clients int
	subject *subject
	http    *http.Client

	mu   sync.Mutex
	seen map[string]int // responses by what they said
}

func newGenerator(clients int, s *subject) *generator {
	return &generator{
		clients: clients, subject: s, seen: map[string]int{},
		http: &http.Client{
			Timeout:   30 * time.Second,
			Transport: &http.Transport{MaxIdleConns: 2 * clients, MaxIdleConnsPerHost: clients},
		},
	}
}

func (g *generator) close() { g.http.CloseIdleConnections() }

// saw counts a response by its status in the body, or by that of HTTP.
func (g *generator) saw(status string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen[status]++
}

// takeStatuses returns the responses since the last call, counted by status.
func (g *generator) takeStatuses() map[string]int {
	g.mu.Lock()
	defer g.mu.Unlock()
	taken := g.seen
	g.seen = map[string]int{}
	return taken
}

// registerAll registers every task and records its URL.
func (g *generator) registerAll(ctx context.Context, tasks []*task) ([]time.Duration, error) {
	return g.each(ctx, tasks, func(t *task) error {
		asks := t.asks
		asks.TaskToken = t.token
		body, err := json.Marshal(asks)
		if err != nil {
			return err
		}
		var got registered
		if err := g.post(ctx, g.subject.register, g.subject.apiKey, body, http.StatusCreated, &got); err != nil {
			return err
		}
		t.url = got.URL
		g.saw("created")
		return nil
	})
}

// answerAll posts the output of every task to its URL.
func (g *generator) answerAll(ctx context.Context, tasks []*task) ([]time.Duration, error) {
	return g.each(ctx, tasks, func(t *task) error {
		var got answered
		if err := g.post(ctx, t.url, "", []byte(t.output), http.StatusOK, &got); err != nil {
			return err
		}
		g.saw(got.Status)
		return nil
	})
}

// postNowhere posts the output of every task to its URL, at which there must be nothing.
// The relay answers a flood of such posts with 404 and 429.
func (g *generator) postNowhere(ctx context.Context, tasks []*task) ([]time.Duration, error) {
	header := http.Header{"Content-Type": {"application/json"}}
	return g.each(ctx, tasks, func(t *task) error {
		status, _, err := g.send(ctx, t.url, header, []byte(t.output))
		if err != nil {
			return err
		}
		g.saw(strconv.Itoa(status))
		return nil
	})
}

// each calls a function for every task and returns how long each call took,
// sorted. It stops at the first failure.
func (g *generator) each(ctx context.Context, tasks []*task, do func(*task) error) ([]time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	latencies := make([]time.Duration, len(tasks))
	var next atomic.Int64
	var clients sync.WaitGroup
	for range g.clients {
		clients.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(tasks) {
					return
				}
				began := time.Now()
				if err := do(tasks[i]); err != nil {
					cancel(err)
					return
				}
				latencies[i] = time.Since(began)
			}
		})
	}
	clients.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	slices.Sort(latencies)
	return latencies, nil
}

// post sends JSON and reads the response, which must have the wanted status.
func (g *generator) post(ctx context.Context, url, apiKey string, body []byte, want int, into any) error {
	header := http.Header{"Content-Type": {"application/json"}}
	if apiKey != "" {
		header.Set("Authorization", "Bearer "+apiKey)
	}
	status, text, err := g.send(ctx, url, header, body)
	if err != nil {
		return err
	}
	if status != want {
		return fmt.Errorf("got %d, want %d: %.300s", status, want, text)
	}
	return json.Unmarshal(text, into)
}

// send posts a body and returns the response.
func (g *generator) send(ctx context.Context, url string, header http.Header, body []byte) (status int, text []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header = header
	response, err := g.http.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	text, err = io.ReadAll(response.Body)
	return response.StatusCode, text, err
}
