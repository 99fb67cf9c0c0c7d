package client_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callback-relay/api"
	"callback-relay/client"
)

var start = time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)

// sample is a callback as the relay sends it.
func sample(id string) api.Callback {
	confirmed, delivered := false, start.Add(time.Minute)
	return api.Callback{
		ID:        id,
		State:     api.StateDelivered,
		CreatedAt: start,
		ExpiresAt: start.Add(time.Hour),
		OnExpiry:  api.OnExpiryFail,
		Tags:      map[string]string{"order": "42"},
		URL:       "https://relay.example.com/c/x",
		Links:     map[string]api.Link{"default": {Type: api.LinkWebhook, URL: "https://relay.example.com/c/x"}},
		Outcome:   &api.Outcome{Type: api.OutcomeSuccess, By: "default", At: start},
		Delivery:  &api.Delivery{Attempts: 2, Confirmed: &confirmed, DeliveredAt: &delivered},
	}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// TestRequests checks what each call sends, and that it returns the answer.
func TestRequests(t *testing.T) {
	for _, test := range []struct {
		name   string
		call   func(*client.Client) (any, error)
		want   string // method, URI, media type and body of the request
		answer any
	}{
		{
			"create",
			func(c *client.Client) (any, error) {
				callback, _, err := c.Create(t.Context(), api.CreateRequest{TaskToken: "AQC8", ExpiresIn: "7d"})
				return callback, err
			},
			`POST /relay/v1/callbacks application/json {"taskToken":"AQC8","expiresIn":"7d"}`,
			sample("k5f2"),
		},
		{
			"get",
			func(c *client.Client) (any, error) { return c.Get(t.Context(), "k5f2") },
			"GET /relay/v1/callbacks/k5f2", sample("k5f2"),
		},
		{
			"get something that is no id",
			func(c *client.Client) (any, error) { return c.Get(t.Context(), "../a b?c") },
			"GET /relay/v1/callbacks/..%2Fa%20b%3Fc", sample("k5f2"),
		},
		{
			"cancel",
			func(c *client.Client) (any, error) { return c.Cancel(t.Context(), "k5f2") },
			"DELETE /relay/v1/callbacks/k5f2", sample("k5f2"),
		},
		{
			"update to a time from now",
			func(c *client.Client) (any, error) {
				return c.Update(t.Context(), "k5f2", api.UpdateRequest{ExpiresIn: "7d"})
			},
			`PATCH /relay/v1/callbacks/k5f2 application/json {"expiresIn":"7d"}`, sample("k5f2"),
		},
		{
			"update to a time",
			func(c *client.Client) (any, error) {
				return c.Update(t.Context(), "../k5f2", api.UpdateRequest{ExpiresAt: &start})
			},
			`PATCH /relay/v1/callbacks/..%2Fk5f2 application/json {"expiresAt":"2026-03-01T09:30:00Z"}`, sample("k5f2"),
		},
		{
			"add a link",
			func(c *client.Client) (any, error) {
				return c.AddLink(t.Context(), "k5f2", api.AddLinkRequest{
					Name: "dana", LinkRequest: api.LinkRequest{Type: api.LinkApproval, Approver: api.Approver{Name: "Kim Sato"}},
				})
			},
			`POST /relay/v1/callbacks/k5f2/links application/json {"name":"dana","type":"approval","approver":"Kim Sato"}`,
			api.Link{Type: api.LinkApproval, URL: "https://relay.example.com/a/x", Page: true, Code: "123456"},
		},
		{
			"revoke a link",
			func(c *client.Client) (any, error) { return c.RevokeLink(t.Context(), "k5f2", "dana") },
			"DELETE /relay/v1/callbacks/k5f2/links/dana", sample("k5f2"),
		},
		{
			"revoke something that is no link",
			func(c *client.Client) (any, error) { return c.RevokeLink(t.Context(), "a/b", "../a b?c") },
			"DELETE /relay/v1/callbacks/a%2Fb/links/..%2Fa%20b%3Fc", sample("k5f2"),
		},
		{
			"list all",
			func(c *client.Client) (any, error) { return c.List(t.Context(), client.Query{}) },
			"GET /relay/v1/callbacks", api.CallbackList{Callbacks: []api.Callback{sample("k5f2")}, NextCursor: "n"},
		},
		{
			"list some",
			func(c *client.Client) (any, error) {
				return c.List(t.Context(), client.Query{State: "pending", Tag: "a:b&c", Limit: 7, Cursor: "x/y"})
			},
			"GET /relay/v1/callbacks?cursor=x%2Fy&limit=7&state=pending&tag=a%3Ab%26c",
			api.CallbackList{Callbacks: []api.Callback{}},
		},
		{
			"list those who wait",
			func(c *client.Client) (any, error) { return c.List(t.Context(), client.Query{Await: "stripe:pi:3&N"}) },
			"GET /relay/v1/callbacks?await=stripe%3Api%3A3%26N",
			api.CallbackList{Callbacks: []api.Callback{}},
		},
		{
			"list senders",
			func(c *client.Client) (any, error) { return c.Senders(t.Context()) },
			"GET /relay/v1/senders",
			api.SenderList{Senders: []api.ConfiguredSender{{Name: "stripe", Hook: &api.Hook{URL: "https://relay.example.com/h/x", Keep: "15m"}}}},
		},
		{
			"list events",
			func(c *client.Client) (any, error) { return c.Events(t.Context(), "stripe", 0) },
			"GET /relay/v1/senders/stripe/events", api.KeptEvents{Events: []api.KeptEvent{{Key: "k", Event: "E", At: start, EndsAt: start}}, Total: 1},
		},
		{
			"list some events of something that is no name",
			func(c *client.Client) (any, error) { return c.Events(t.Context(), "../a?b", 7) },
			"GET /relay/v1/senders/..%2Fa%3Fb/events?limit=7", api.KeptEvents{Events: []api.KeptEvent{}},
		},
		{
			"drop events",
			func(c *client.Client) (any, error) { return c.DropEvents(t.Context(), "stripe") },
			"DELETE /relay/v1/senders/stripe/events", api.DroppedEvents{Dropped: 100, Left: 3},
		},
		{
			"drop an event",
			func(c *client.Client) (any, error) { return nil, c.DropEvent(t.Context(), "stripe", "k/5", "E F") },
			"DELETE /relay/v1/senders/stripe/events/k%2F5/E%20F", nil,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			requests := make(chan string, 1)
			server := func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				requests <- strings.TrimSpace(fmt.Sprintln(r.Method, r.RequestURI, r.Header.Get("Content-Type"), string(body)))
				if got := r.Header.Get("Authorization"); got != "Bearer "+apiKey {
					t.Errorf("Authorization is %q", got)
				}
				writeJSON(w, http.StatusOK, test.answer)
			}
			got, err := test.call(serveBelow(t, "/relay/", server))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, <-requests); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.answer, got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCreateTellsNewFromKnown(t *testing.T) {
	for status, want := range map[int]bool{http.StatusCreated: true, http.StatusOK: false} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, status, sample("k5f2")) })
		_, created, err := c.Create(t.Context(), api.CreateRequest{TaskToken: "AQC8"})
		if err != nil || created != want {
			t.Errorf("%d: created = %t, error %v", status, created, err)
		}
	}
}

// TestNotAnID checks ids and names of links that would turn the path into another route.
func TestNotAnID(t *testing.T) {
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s %s was sent", r.Method, r.RequestURI) })
	for _, id := range []string{"", ".", ".."} {
		if _, err := c.Get(t.Context(), id); err == nil {
			t.Errorf("Get(%q) has no error", id)
		}
		if _, err := c.Cancel(t.Context(), id); err == nil {
			t.Errorf("Cancel(%q) has no error", id)
		}
		if _, err := c.Update(t.Context(), id, api.UpdateRequest{ExpiresIn: "7d"}); err == nil {
			t.Errorf("Update(%q) has no error", id)
		}
		if _, err := c.RevokeLink(t.Context(), id, "dana"); err == nil {
			t.Errorf("RevokeLink of %q has no error", id)
		}
		if _, err := c.RevokeLink(t.Context(), "k5f2", id); err == nil {
			t.Errorf("RevokeLink(%q) has no error", id)
		}
		if _, err := c.Events(t.Context(), id, 0); err == nil {
			t.Errorf("Events of %q has no error", id)
		}
		if _, err := c.DropEvents(t.Context(), id); err == nil {
			t.Errorf("DropEvents of %q has no error", id)
		}
		for _, path := range [][3]string{{id, "k", "E"}, {"stripe", id, "E"}, {"stripe", "k", id}} {
			if err := c.DropEvent(t.Context(), path[0], path[1], path[2]); err == nil {
				t.Errorf("DropEvent(%q) has no error", path)
			}
		}
	}
}

func TestAll(t *testing.T) {
	pages := map[string]api.CallbackList{
		"":      {Callbacks: []api.Callback{{ID: "a"}, {ID: "b"}}, NextCursor: "two"},
		"two":   {NextCursor: "three"}, // a page may be empty
		"three": {Callbacks: []api.Callback{{ID: "c"}}},
		"loop":  {Callbacks: []api.Callback{{ID: "l"}}, NextCursor: "loop"},
		"lost":  {Callbacks: []api.Callback{{ID: "m"}}, NextCursor: "gone"},
	}
	for _, test := range []struct {
		name, cursor string
		stop         string   // the id to stop at
		ids          []string // the ids returned
		requests     []string // the cursors requested
		err          string   // part of the error at the end
	}{
		{"all pages", "", "", []string{"a", "b", "c"}, []string{"", "two", "three"}, ""},
		{"from a cursor", "three", "", []string{"c"}, []string{"three"}, ""},
		{"stopped early", "", "a", []string{"a"}, []string{""}, ""},
		{"a page that is its own successor", "loop", "", []string{"l"}, []string{"loop"}, "same page"},
		{"a page that fails", "lost", "", []string{"m"}, []string{"lost", "gone"}, "503"},
	} {
		t.Run(test.name, func(t *testing.T) {
			requests := make(chan string, 10)
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				query := r.URL.Query()
				requests <- query.Get("cursor")
				if query.Get("state") != "pending" {
					t.Errorf("the query was lost: %s", r.URL.RawQuery)
				}
				page, ok := pages[query.Get("cursor")]
				if !ok {
					w.WriteHeader(http.StatusServiceUnavailable)
					return
				}
				writeJSON(w, http.StatusOK, page)
			})

			var ids []string
			var failed error
			for callback, err := range c.All(t.Context(), client.Query{State: "pending", Cursor: test.cursor}) {
				if err != nil {
					failed = err
					continue
				}
				ids = append(ids, callback.ID)
				if callback.ID == test.stop {
					break
				}
			}
			close(requests)

			var asked []string
			for cursor := range requests {
				asked = append(asked, cursor)
			}
			if diff := cmp.Diff(test.ids, ids); diff != "" {
				t.Errorf("callbacks (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.requests, asked); diff != "" {
				t.Errorf("cursors asked for (-want +got):\n%s", diff)
			}
			if got := fmt.Sprint(failed); (failed == nil) != (test.err == "") || !strings.Contains(got, test.err) {
				t.Errorf("error %v, want one with %q", failed, test.err)
			}
		})
	}
}

// TestAllStartsOver iterates twice over the same sequence.
func TestAllStartsOver(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		page := api.CallbackList{Callbacks: []api.Callback{{ID: "a"}}}
		if r.URL.Query().Get("cursor") == "" {
			page.NextCursor = "two"
		}
		writeJSON(w, http.StatusOK, page)
	})
	all := c.All(t.Context(), client.Query{})
	for round := range 2 {
		n := 0
		for range all {
			n++
		}
		if n != 2 {
			t.Errorf("round %d: %d callbacks, want 2", round, n)
		}
	}
}
