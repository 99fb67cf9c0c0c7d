package senders

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// Bounds of what is fetched from senders.
const (
	fetchTimeout = 2 * time.Second
	maxFetched   = 64 << 10 // bytes of one document
	maxCached    = 64       // documents
	cachedFor    = time.Hour
	failedFor    = 10 * time.Second // so that forged posts do not make the relay call out
)

// Keys fetches the public keys of senders that sign with their own, and keeps them. The
// URLs are those of the senders' own hosts only. It can be used by several goroutines.
type Keys struct {
	client *http.Client
	now    func() time.Time

	mu     sync.Mutex
	cached map[string]fetched
}

type fetched struct {
	document []byte
	err      error
	until    time.Time
}

// NewKeys returns an empty cache that fetches with the given transport.
func NewKeys(transport http.RoundTripper) *Keys {
	return &Keys{
		client: &http.Client{
			Transport: transport, Timeout: fetchTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("redirected, perhaps to another host") },
		},
		now: time.Now, cached: map[string]fetched{},
	}
}

// sharedKeys is for all senders of the process.
var sharedKeys = NewKeys(http.DefaultTransport)

// document returns what is at a URL, which the caller has checked to be the sender's.
func (k *Keys) document(ctx context.Context, url string) ([]byte, error) {
	k.mu.Lock()
	known, found := k.cached[url]
	k.mu.Unlock()
	if found && k.now().Before(known.until) {
		return known.document, known.err
	}
	got := fetched{until: k.now().Add(cachedFor)}
	if got.document, got.err = k.get(ctx, url); got.err != nil {
		got.until = k.now().Add(failedFor)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.cached) >= maxCached {
		clear(k.cached)
	}
	if ctx.Err() == nil {
		k.cached[url] = got
	}
	return got.document, got.err
}

// get fetches a URL.
func (k *Keys) get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := k.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", resp.StatusCode)
	}
	document, err := io.ReadAll(io.LimitReader(resp.Body, maxFetched+1))
	if err == nil && len(document) > maxFetched {
		err = fmt.Errorf("longer than %d bytes", maxFetched)
	}
	return document, err
}
