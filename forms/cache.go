package forms

import "callback-relay/lru"

// Cache keeps the most recently used forms, so that a schema is not parsed again each
// time its page is opened or posted. Its memory is bounded. It is safe for concurrent
// use; the zero value is not usable.
type Cache struct {
	parse func(schema []byte) *Form
	forms *lru.Cache[*Form]
}

// NewCache returns a cache that takes at most the given bytes of memory.
func NewCache(most int) *Cache {
	return &Cache{parse: parseStored, forms: lru.New[*Form](most)}
}

// Form returns the form of a stored schema; nil for no schema.
func (c *Cache) Form(schema []byte) *Form {
	if schema == nil {
		return nil
	}
	form, _ := c.forms.Get(schema, func() (*Form, int, error) { // making it cannot fail
		form := c.parse(schema)
		return form, form.bytes, nil
	})
	return form
}
