package forms

import (
	"container/list"
	"crypto/sha256"
	"sync"
)

// Cache keeps the forms that were used last, so that a schema is parsed once and
// not each time that its page is opened or posted. Its memory is bounded. Many can
// use it at once; the zero value is not usable.
type Cache struct {
	most  int // bytes
	parse func(schema []byte) *Form

	mu    sync.Mutex
	bytes int
	known map[[sha256.Size]byte]*list.Element // of used
	used  *list.List                          // of *kept, the last used in front
}

type kept struct {
	digest [sha256.Size]byte
	form   *Form
}

// NewCache returns a cache that takes at most so many bytes of memory.
func NewCache(most int) *Cache {
	return &Cache{most: most, parse: parseStored, known: map[[sha256.Size]byte]*list.Element{}, used: list.New()}
}

// Form returns the form of a schema that was registered; nil for none.
func (c *Cache) Form(schema []byte) *Form {
	if schema == nil {
		return nil
	}
	digest := sha256.Sum256(schema)
	if form, found := c.find(digest); found {
		return form
	}
	form := c.parse(schema) // outside of the lock: others need not wait for it
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

// keep keeps a form, and drops those that were not used for longest. One that
// would take more than a quarter of the cache is not kept.
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
