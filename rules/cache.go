package rules

import (
	"encoding/json"
	"slices"

	"callback-relay/lru"
)

// Cache keeps the most recently used programs, so that a source is not compiled again
// for each event. Its memory is bounded. It is safe for concurrent use; the zero value is
// not usable.
type Cache struct{ programs *lru.Cache[*Program] }

// NewCache returns a cache that takes at most the given bytes of memory.
func NewCache(most int) *Cache { return &Cache{lru.New[*Program](most)} }

// Compile is [Compile], unless the cache has the program. It does not keep mistakes.
func (c *Cache) Compile(src Source) (*Program, error) {
	src.Vars = slices.Sorted(slices.Values(src.Vars)) // they come from a map
	key, err := json.Marshal(src)
	if err != nil {
		return Compile(src) // a part is not JSON: which one, the mistakes say
	}
	return c.programs.Get(key, func() (*Program, int, error) {
		program, err := Compile(src)
		if err != nil {
			return nil, 0, err
		}
		return program, program.bytes, nil
	})
}
