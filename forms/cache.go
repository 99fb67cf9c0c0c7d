package forms

import (
	"container/list"
	"crypto/sha256"
	"sync"
)

// Cache keeps the most recently used forms, so that a schema is not parsed again each
// time its page is opened or posted. Its memory is bounded. It is safe for concurrent
// use; the zero value is not usable.
type Cache struct {
	most  int // bytes
	parse func(schema []byte) *Form

	mu    sync.Mutex
	bytes int
	known map[[sha256.Size]byte]*list.Element // of used
	used  *list.List                          // of *kept, the most recently used first
}

type kept struct {
	digest [sha256.Size]byte
	form   *Form
}

// NewCache returns a cache that takes at most the given bytes of memory.
func NewCache(most int) *Cache {
	return &Cache{most: most, parse: parseStored, known: map[[sha256.Size]byte]*list.Element{}, used: list.New()}
}

// Form returns the form of a stored schema; nil for no schema.
func (c *Cache) Form(schema []byte) *Form {
	if schema == nil {
		return nil
	}
	digest := sha256.Sum256(schema)
	if form, found := c.find(digest); found {
		return form
	}
	form := c.parse(schema) // without the lock, so that others need not wait
	c.keep(digest, form)
	return form
}

func (c *Cache) find(digest [sha256.Size]byte) (*Form, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, found := c.known[digest]
	if !found {
		return nil, false
	}
	c.used.MoveToFront(element)
	return element.Value.(*kept).form, true
}

// keep adds a form, and drops the least recently used ones. It does not keep a form
// that would take more than a quarter of the cache.
func (c *Cache) keep(digest [sha256.Size]byte, form *Form) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, found := c.known[digest]; found || form.bytes > c.most/4 {
		return
	}
	c.known[digest] = c.used.PushFront(&kept{digest, form})
	for c.bytes += form.bytes; c.bytes > c.most; {
		oldest := c.used.Remove(c.used.Back()).(*kept)
		delete(c.known, oldest.digest)
		c.bytes -= oldest.form.bytes
	}
}
