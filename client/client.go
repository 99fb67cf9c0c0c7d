package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
)

const (
	// defaultTimeout ends a call whose context has no earlier deadline. The
	// relay itself gives up on Redis within seconds.
	defaultTimeout = 30 * time.Second

	// maxBody bounds a successful answer. The largest is a page of 100 callbacks with
	// all tags and links at their limits, about 3 MiB.
	maxBody = 8 << 20

	// maxProblem bounds an error answer, which may come from a proxy.
	maxProblem = 1 << 20
)

// Client calls one relay. It is safe for concurrent use.
type Client struct {
	base string // without a slash at the end
	http *http.Client

	// authorize adds the API key. Only this function holds the key: fmt prints
	// unexported fields without calling their methods, so a string here would appear
	// whenever somebody prints a Client.
	authorize func(*http.Request)
}

// Option configures a Client.
type Option func(*Client)

// WithHTTPClient makes calls through a copy of h, with its transport and
// timeout. The copy does not follow redirects, whatever h does.
func WithHTTPClient(h *http.Client) Option {
	return func(c *Client) {
		own := *h
		c.http = &own
	}
}

// New returns a client of the relay whose private API is at baseURL, such as
// http://relay.internal:8081. If /v1 is below a path, baseURL includes that path.
// Without options a call takes at most 30 seconds.
func New(baseURL, apiKey string, opts ...Option) (*Client, error) {
	base, err := parseBase(baseURL)
	if err != nil {
		return nil, err
	}
	if apiKey == "" {
		return nil, errors.New("the API key is empty")
	}
	if strings.ContainsFunc(apiKey, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return nil, errors.New("the API key contains white space or control characters")
	}
	c := &Client{
		base:      base,
		http:      &http.Client{Timeout: defaultTimeout},
		authorize: func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+apiKey) },
	}
	for _, opt := range opts {
		opt(c)
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c, nil
}

// parseBase checks a base URL. Its errors do not repeat the URL: someone may
// have put a password into it.
func parseBase(raw string) (string, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return "", errors.New("the base URL cannot be parsed")
	case u.Scheme != "http" && u.Scheme != "https":
		return "", errors.New("the base URL must begin with http:// or https://")
	case u.Host == "":
		return "", errors.New("the base URL has no host")
	case u.User != nil:
		return "", errors.New("the base URL must not contain a user name: the API key is enough")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", errors.New("the base URL must not have a query or a fragment")
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// do sends one request and decodes the JSON of a 2xx into out, unless that is nil. Any other
// status is an *Error. in is sent as JSON unless it is nil.
func (c *Client) do(ctx context.Context, method, path string, in, out any) (status int, err error) {
	var body io.Reader
	if in != nil {
		var encoded bytes.Buffer
		e := json.NewEncoder(&encoded)
		e.SetEscapeHTML(false) // escapes could push JSON in the request, such as an output, over its limit
		if err := e.Encode(in); err != nil {
			return 0, fmt.Errorf("encode the request: %w", err)
		}
		body = &encoded
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Accept", "application/json, application/problem+json")
	request.Header.Set("User-Agent", "callback-relay-client")
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	c.authorize(request)

	response, err := c.http.Do(request)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		failed.URL = c.base // the rest contains an id, or a secret that was passed as one
	}
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()

	if response.StatusCode < 200 || response.StatusCode > 299 {
		return 0, newError(response)
	}
	if out == nil {
		return response.StatusCode, nil
	}
	content, err := readAtMost(response.Body, maxBody)
	if err != nil {
		return 0, fmt.Errorf("read the answer: %w", err)
	}
	if err := json.Unmarshal(content, out); err != nil {
		return 0, fmt.Errorf("the answer, status %d, is not the relay's JSON: %w", response.StatusCode, err)
	}
	return response.StatusCode, nil
}

// readAtMost reads all of r, or fails if that is more than limit bytes.
func readAtMost(r io.Reader, limit int64) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > limit {
		return nil, fmt.Errorf("more than %d bytes", limit)
	}
	return content, nil
}
