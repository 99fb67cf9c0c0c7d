package publickeys

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

// How long documents that publishers rarely change may be used.
const (
	// CachedFor is how old a document may be before it is fetched again.
	CachedFor = time.Hour
	// StaleFor is how old a document may be that is used because it cannot be refreshed.
	StaleFor = 24 * time.Hour
)

const (
	fetchTimeout = 2 * time.Second
	maxFetched   = 64 << 10 // bytes of one document
	maxCached    = 64       // documents
	// failedFor is for how long a document is not tried again that could not be fetched.
	failedFor = 10 * time.Second
)

// Forged requests must not make the relay call out all the time. So what one account has
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

// Cache fetches documents with public keys, and keeps them. Its callers make sure that the
// URLs are on hosts that they trust. It can be used by several goroutines.
type Cache struct {
	client *http.Client

	mu       sync.Mutex
	cached   map[string]*fetched
	failed   map[string]*fetched // in the last seconds
	fetching map[string]*fetched
}

// Wanted is a document that a request needs.
type Wanted struct {
	URL      string // which the caller has checked to be the publisher's
	Account  string // for whom the request is said to be
	Expected bool   // whoever sent the request did not choose the host
	// MaxAge is how old the document may be, and StaleFor how old if it cannot be fetched
	// now.
	MaxAge, StaleFor time.Duration
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

// New returns an empty cache that fetches with the given transport.
func New(transport http.RoundTripper) *Cache {
	return &Cache{
		client: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("redirected, perhaps to another host") },
		},
		cached: map[string]*fetched{}, failed: map[string]*fetched{}, fetching: map[string]*fetched{},
	}
}

// Shared is the cache of the process.
var Shared = New(http.DefaultTransport)

// Document returns a document that was fetched at most w.MaxAge ago; or, if it cannot be
// fetched now, at most w.StaleFor ago. Requests that need the same document share one fetch.
func (c *Cache) Document(ctx context.Context, w Wanted) ([]byte, error) {
	c.mu.Lock()
	now := time.Now()
	known := c.cached[w.URL]
	if known != nil {
		known.used = now
	}
	if known.isYounger(now, w.MaxAge) {
		c.mu.Unlock()
		return known.document, nil
	}
	f, err := c.begin(ctx, w, now)
	c.mu.Unlock()
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
	if known.isYounger(time.Now(), w.StaleFor) {
		return known.document, nil
	}
	return nil, err
}

// isYounger tells whether there is a document, and it was fetched less than this ago.
func (f *fetched) isYounger(now time.Time, age time.Duration) bool {
	return f != nil && now.Sub(f.at) < age
}

// begin returns the fetch of a document, which may have begun before. c.mu is held.
func (c *Cache) begin(ctx context.Context, w Wanted, now time.Time) (*fetched, error) {
	maps.DeleteFunc(c.failed, func(_ string, f *fetched) bool { return now.Sub(f.at) >= failedFor })
	if failed := c.failed[w.URL]; failed != nil {
		return nil, failed.err
	}
	if f := c.fetching[w.URL]; f != nil {
		return f, nil
	}
	at, err := url.Parse(w.URL)
	if err != nil {
		return nil, err
	}
	f := &fetched{account: w.Account, host: at.Host, expected: w.Expected, done: make(chan struct{})}
	if c.cached[w.URL] == nil && !c.hasRoom(f) {
		return nil, errBusy
	}
	c.fetching[w.URL] = f
	// Others may wait for it when the request that began it is gone.
	go c.fetch(context.WithoutCancel(ctx), w.URL, f)
	return f, nil
}

// hasRoom tells whether the account may cause one more fetch. c.mu is held.
func (c *Cache) hasRoom(f *fetched) bool {
	if len(c.fetching) >= maxAllFetches || len(c.failed) >= maxAllFailures {
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
	fetches, strange := count(c.fetching)
	failures, strangeToo := count(c.failed)
	return fetches < maxFetches && failures < maxFailures && (f.expected || strange+strangeToo < maxStrange)
}

// fetch gets a document and keeps it.
func (c *Cache) fetch(ctx context.Context, at string, f *fetched) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	f.document, f.err = c.Get(ctx, at)
	c.mu.Lock()
	defer c.mu.Unlock()
	f.at = time.Now()
	f.used = f.at
	delete(c.fetching, at)
	if f.err != nil {
		c.failed[at] = f
	} else {
		c.keep(at, f)
	}
	close(f.done)
}

// keep keeps a document. If there is no room, it drops the one that was not used for the
// longest time.
func (c *Cache) keep(at string, f *fetched) {
	c.cached[at] = f
	if len(c.cached) <= maxCached {
		return
	}
	oldest := at
	for other, known := range c.cached {
		if known.used.Before(c.cached[oldest].used) {
			oldest = other
		}
	}
	delete(c.cached, oldest)
}

// Get returns what is at a URL now, and does not keep it.
func (c *Cache) Get(ctx context.Context, at string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.client.Do(req)
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
