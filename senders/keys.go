package senders

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Bounds of what is fetched from senders.
const (
	fetchTimeout   = 2 * time.Second
	confirmTimeout = 5 * time.Second // with the certificate's time, far below the 15 s of SNS
	maxFetched     = 64 << 10        // bytes of one document
	maxCached      = 64              // documents
	cachedFor      = time.Hour
	// staleFor is how old a document may be that is used because it cannot be refreshed.
	staleFor = 24 * time.Hour
	// failedFor is for how long a document is not tried again that could not be fetched.
	failedFor = 10 * time.Second
)

// Forged posts must not make the relay call out all the time. So what one account has
// caused to fail in the last seconds, or is causing to be fetched, is bounded: on each
// host, and on all hosts together. Another account, which a poster with one link cannot
// name, has its own bounds. Those of the whole process are for a poster with links of many
// accounts. A document that was there before is always refreshed.
const (
	maxFetches  = 8  // at once, on one host
	maxFailures = 16 // on one host
	maxStrange  = 32 // of both, on all hosts that the poster chose

	maxAllFetches  = 64  // at once, of all accounts on all hosts
	maxAllFailures = 256 // of all accounts on all hosts
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

// wanted is a document that a post needs.
type wanted struct {
	url              string // which the caller has checked to be the sender's
	account          string // whose event the post is said to be
	expected         bool   // the poster did not choose the host
	maxAge, staleFor time.Duration
}

// fetched is a document, or the reason why there is none.
type fetched struct {
	account  string
	host     string
	expected bool
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

// document returns a document that was fetched at most maxAge ago; or, if it cannot be
// fetched now, at most staleFor ago. Posts that need the same document share one fetch.
func (k *Keys) document(ctx context.Context, w wanted) ([]byte, error) {
	k.mu.Lock()
	now := time.Now()
	known := k.cached[w.url]
	if known != nil {
		known.used = now
	}
	if known.isYounger(now, w.maxAge) {
		k.mu.Unlock()
		return known.document, nil
	}
	f, err := k.begin(ctx, w, now)
	k.mu.Unlock()
	if err == nil {
		select {
		case <-f.done:
			if f.err == nil {
				return f.document, nil
			}
			err = f.err
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if known.isYounger(time.Now(), w.staleFor) {
		return known.document, nil
	}
	return nil, err
}

// isYounger tells whether there is a document, and it was fetched less than this ago.
func (f *fetched) isYounger(now time.Time, age time.Duration) bool {
	return f != nil && now.Sub(f.at) < age
}

// begin returns the fetch of a document, which may have begun before. k.mu is held.
func (k *Keys) begin(ctx context.Context, w wanted, now time.Time) (*fetched, error) {
	maps.DeleteFunc(k.failed, func(_ string, f *fetched) bool { return now.Sub(f.at) >= failedFor })
	if failed := k.failed[w.url]; failed != nil {
		return nil, failed.err
	}
	if f := k.fetching[w.url]; f != nil {
		return f, nil
	}
	at, err := url.Parse(w.url)
	if err != nil {
		return nil, err
	}
	f := &fetched{account: w.account, host: at.Host, expected: w.expected, done: make(chan struct{})}
	if k.cached[w.url] == nil && !k.hasRoom(f) {
		return nil, errBusy
	}
	k.fetching[w.url] = f
	// Others may wait for it when the post that began it is gone.
	go k.fetch(context.WithoutCancel(ctx), w.url, f)
	return f, nil
}

// hasRoom tells whether the account may cause one more fetch. k.mu is held.
func (k *Keys) hasRoom(f *fetched) bool {
	if len(k.fetching) >= maxAllFetches || len(k.failed) >= maxAllFailures {
		return false
	}
	count := func(all map[string]*fetched) (atHost, strange int) {
		for _, other := range all {
			if other.account == f.account && other.host == f.host {
				atHost++
			}
			if other.account == f.account && !other.expected {
				strange++
			}
		}
		return atHost, strange
	}
	fetches, strange := count(k.fetching)
	failures, strangeToo := count(k.failed)
	return fetches < maxFetches && failures < maxFailures && (f.expected || strange+strangeToo < maxStrange)
}

// fetch gets a document and keeps it.
func (k *Keys) fetch(ctx context.Context, at string, f *fetched) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	f.document, f.err = k.get(ctx, at)
	k.mu.Lock()
	defer k.mu.Unlock()
	f.at = time.Now()
	f.used = f.at
	delete(k.fetching, at)
	if f.err != nil {
		k.failed[at] = f
	} else {
		k.keep(at, f)
	}
	close(f.done)
}

// keep keeps a document. If there is no room, it drops the one that was not used for the
// longest time.
func (k *Keys) keep(at string, f *fetched) {
	k.cached[at] = f
	if len(k.cached) <= maxCached {
		return
	}
	oldest := at
	for other, known := range k.cached {
		if known.used.Before(k.cached[oldest].used) {
			oldest = other
		}
	}
	delete(k.cached, oldest)
}

// get returns what is at a URL.
func (k *Keys) get(ctx context.Context, at string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
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
