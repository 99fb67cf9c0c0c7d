package lru

import (
	"container/list"
	"crypto/sha256"
	"sync"
)

// Cache keeps values by the text that they were made from. It is safe for concurrent
// use; the zero value is not usable.
type Cache[V any] struct {
	most int // bytes

	mu    sync.Mutex
	bytes int
	known map[[sha256.Size]byte]*list.Element // of used
	used  *list.List                          // of *kept[V], the most recently used first
}

type kept[V any] struct {
	digest [sha256.Size]byte
	value  V
	bytes  int
}

// New returns a cache that takes at most the given bytes of memory.
func New[V any](most int) *Cache[V] {
	return &Cache[V]{most: most, known: map[[sha256.Size]byte]*list.Element{}, used: list.New()}
}

// Get returns the value that was made from a text. If the cache does not have it, Get
// makes it, and keeps it unless making it fails. build returns the value, and how much
// memory it takes.
func (c *Cache[V]) Get(text []byte, build func() (value V, bytes int, err error)) (V, error) {
	digest := sha256.Sum256(text)
	if value, found := c.find(digest); found {
		return value, nil
	}
	value, bytes, err := build() // without the lock, so that others need not wait
	if err == nil {
		c.keep(&kept[V]{digest, value, bytes})
	}
	return value, err
}

func (c *Cache[V]) find(digest [sha256.Size]byte) (value V, found bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, found := c.known[digest]
	if !found {
		return value, false
	}
	c.used.MoveToFront(element)
	return element.Value.(*kept[V]).value, true
}

// keep adds a value, and drops the least recently used ones. It does not keep a value
// that would take more than a quarter of the cache.
func (c *Cache[V]) keep(k *kept[V]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, found := c.known[k.digest]; found || k.bytes > c.most/4 {
		return
	}
	c.known[k.digest] = c.used.PushFront(k)
	for c.bytes += k.bytes; c.bytes > c.most; {
		oldest := c.used.Remove(c.used.Back()).(*kept[V])
		delete(c.known, oldest.digest)
		c.bytes -= oldest.bytes
	}
}

// Kept returns how many values the cache has, and how much memory they take.
func (c *Cache[V]) Kept() (values, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.known), c.bytes
}
