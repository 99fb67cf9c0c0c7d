package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"callback-relay/api"
	"callback-relay/client"
)

const apiKey = "relay-key-canary"

// serve starts a relay that answers as handler says, and its client.
func serve(t *testing.T, handler http.HandlerFunc) *client.Client {
	t.Helper()
	return serveBelow(t, "", handler)
}

// serveBelow is serve with a path in front of the API.
func serveBelow(t *testing.T, prefix string, handler http.HandlerFunc) *client.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return connect(t, server.URL+prefix)
}

func connect(t *testing.T, url string, opts ...client.Option) *client.Client {
	t.Helper()
	c, err := client.New(url, apiKey, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNewChecksArguments(t *testing.T) {
	for _, test := range []struct {
		name, url, key string
		want           string // part of the error; empty for none
	}{
		{"plain", "http://relay.internal:8081", "k", ""},
		{"with a path", "https://example.com/relay/", "k", ""},
		{"no scheme", "relay.internal:8081", "k", "http://"},
		{"other scheme", "ftp://relay.internal", "k", "http://"},
		{"no host", "http:///v1", "k", "no host"},
		{"user", "http://me:hunter2@relay.internal", "k", "must not contain a user"},
		{"unparsable", "http://me:hunter2@relay.internal:port", "k", "cannot be parsed"},
		{"query", "http://relay.internal?x=1", "k", "must not have a query or a fragment"},
		{"fragment", "http://relay.internal#x", "k", "must not have a query or a fragment"},
		{"no key", "http://relay.internal", "", "API key is empty"},
		{"key with a newline", "http://relay.internal", "hunter2\n", "white space"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := client.New(test.url, test.key)
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v, want one with %q", err, test.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

func TestClientHidesAPIKey(t *testing.T) {
	c := connect(t, "http://relay.internal")
	nested := struct{ c client.Client }{*c}

	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("client", "client", c, "value", *c)
	slog.New(slog.NewTextHandler(&log, nil)).Info("client", "client", c, "value", *c)
	printed := []string{log.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x"} {
		printed = append(printed, fmt.Sprintf(verb, c), fmt.Sprintf(verb, *c), fmt.Sprintf(verb, nested))
	}
	for _, text := range printed {
		if strings.Contains(text, apiKey) || strings.Contains(text, fmt.Sprintf("%x", apiKey)) {
			t.Errorf("printing shows the API key: %s", text)
		}
	}
}

// TestRedirectsAreRefused redirects to another host, and checks that this host is never
// asked, even with an HTTP client that follows redirects.
func TestRedirectsAreRefused(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the other host was asked, with Authorization %q", r.Header.Get("Authorization"))
	}))
	t.Cleanup(other.Close)
	eager := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}

	for _, status := range []int{301, 302, 303, 307, 308} {
		relay := httptest.NewServer(http.RedirectHandler(other.URL, status))
		t.Cleanup(relay.Close)
		for name, c := range map[string]*client.Client{
			"default": connect(t, relay.URL),
			"eager":   connect(t, relay.URL, client.WithHTTPClient(eager)),
		} {
			_, _, err := c.Create(t.Context(), api.CreateRequest{TaskToken: "secret"})
			var failure *client.Error
			if !errors.As(err, &failure) || failure.StatusCode != status {
				t.Errorf("%s client, %d: error %v", name, status, err)
			}
		}
	}
	if eager.CheckRedirect(nil, nil) != nil {
		t.Error("the caller's http.Client was changed")
	}
}

func TestEndOfContextEndsCall(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	if _, err := c.Get(ctx, "k5f2"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

// TestUnusableSuccess checks answers with status 200 that are not the relay's.
func TestUnusableSuccess(t *testing.T) {
	for _, test := range []struct {
		name string
		body io.Reader
		want string
	}{
		{"a page", strings.NewReader("<html>log in</html>"), "not the relay's JSON"},
		{"nothing", strings.NewReader(""), "not the relay's JSON"},
		{"half", strings.NewReader(`{"id":"k5f2"`), "not the relay's JSON"},
		{"too much", endless(), "more than 8388608 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, test.body) })
			got, err := c.Get(t.Context(), "k5f2")
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
			if got.ID != "" {
				t.Errorf("a callback came with the error: %+v", got)
			}
		})
	}
}

// endless is JSON over any limit: one very long string.
func endless() io.Reader {
	return io.MultiReader(strings.NewReader(`{"id":"`), io.LimitReader(repeat('0'), 1<<30))
}

// repeat is a reader that repeats one byte.
type repeat byte

func (b repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(b)
	}
	return len(p), nil
}
