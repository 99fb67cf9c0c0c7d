package senders

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"sync"
	"time"
)

// Bounds of what is fetched from senders.
const (
	fetchTimeout   = 2 * time.Second
	confirmTimeout = 5 * time.Second // with the certificate's time, far below the 15 s of SNS
	maxFetched     = 64 << 10        // bytes of one document
	maxFetches     = 8               // of different documents at once
	maxCached      = 64              // documents
	cachedFor      = time.Hour
	// A document that could not be fetched is not tried again for a while, and after too
	// many failures no other is: forged posts must not make the relay call out all the time.
	failedFor   = 10 * time.Second
	maxFailures = 16
)

// errBusy is why a document was not fetched.
var errBusy = errors.New("too many others are being fetched, or could not be")

// Keys fetches the public keys of senders that sign with their own, and keeps them. The
// URLs are those of the senders' own hosts only. It can be used by several goroutines.
type Keys struct {
	client *http.Client

	mu       sync.Mutex
	cached   map[string]*fetched
	failed   map[string]*fetched // in the last seconds
	fetching map[string]*fetched
}

// fetched is a document, or the reason why there is none.
type fetched struct {
	done     chan struct{} // closed when the rest is set
	document []byte
	err      error
	at       time.Time
	used     time.Time
}

// NewKeys returns an empty cache that fetches with the given transport.
func NewKeys(transport http.RoundTripper) *Keys {
	return &Keys{
		client: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("redirected, perhaps to another host") },
		},
		cached: map[string]*fetched{}, failed: map[string]*fetched{}, fetching: map[string]*fetched{},
	}
}

// sharedKeys is for all senders of the process.
var sharedKeys = NewKeys(http.DefaultTransport)

// document returns what is at a URL, which the caller has checked to be the sender's. It
// was fetched at most maxAge ago. Posts that need the same document share one fetch.
func (k *Keys) document(ctx context.Context, url string, maxAge time.Duration) ([]byte, error) {
	k.mu.Lock()
	now := time.Now()
	if known := k.cached[url]; known != nil && now.Sub(known.at) < maxAge {
		known.used = now
		k.mu.Unlock()
		return known.document, nil
	}
	maps.DeleteFunc(k.failed, func(_ string, f *fetched) bool { return now.Sub(f.at) >= failedFor })
	if known := k.failed[url]; known != nil {
		k.mu.Unlock()
		return nil, known.err
	}
	f, begun := k.fetching[url]
	if !begun {
		if len(k.fetching) >= maxFetches || len(k.failed) >= maxFailures {
			k.mu.Unlock()
			return nil, errBusy
		}
		f = &fetched{done: make(chan struct{})}
		k.fetching[url] = f
		// Others may wait for it when the post that began it is gone.
		go k.fetch(context.WithoutCancel(ctx), url, f)
	}
	k.mu.Unlock()
	select {
	case <-f.done:
		return f.document, f.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// fetch gets a document and keeps it.
func (k *Keys) fetch(ctx context.Context, url string, f *fetched) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	f.document, f.err = k.get(ctx, url)
	k.mu.Lock()
	defer k.mu.Unlock()
	f.at = time.Now()
	f.used = f.at
	delete(k.fetching, url)
	if f.err != nil {
		k.failed[url] = f
	} else {
		k.keep(url, f)
	}
	close(f.done)
}

// keep keeps a document. If there is no room, it drops the one that was not used for the
// longest time.
func (k *Keys) keep(url string, f *fetched) {
	k.cached[url] = f
	if len(k.cached) <= maxCached {
		return
	}
	oldest := url
	for other, known := range k.cached {
		if known.used.Before(k.cached[oldest].used) {
			oldest = other
		}
	}
	delete(k.cached, oldest)
}

// get returns what is at a URL.
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
		return nil, fmt.Errorf("%s answers with status %d", req.URL.Host, resp.StatusCode)
	}
	document, err := io.ReadAll(io.LimitReader(resp.Body, maxFetched+1))
	if err == nil && len(document) > maxFetched {
		err = fmt.Errorf("%s sends more than %d bytes", req.URL.Host, maxFetched)
	}
	return document, err
}
