package rules

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"callback-relay/bodies"
)

const maxPointerBytes = 1 << 10

// pointer is a JSON Pointer (RFC 6901): the names and indexes on the way to a value.
type pointer []string

// parsePointer parses a JSON Pointer. The error continues a sentence.
func parsePointer(text string) (pointer, error) {
	switch {
	case len(text) > maxPointerBytes:
		return nil, fmt.Errorf("has %d bytes, but at most %d are allowed", len(text), maxPointerBytes)
	case text == "":
		return pointer{}, nil // the whole value
	case text[0] != '/':
		return nil, errors.New(`must be a JSON Pointer, which begins with a slash, such as "/data/id"`)
	}
	names := strings.Split(text[1:], "/")
	for i, name := range names {
		if strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(name), "~") {
			return nil, errors.New("must be a JSON Pointer, in which ~ is written as ~0 and / in a name as ~1")
		}
		// In this order, so that ~01 becomes ~1.
		names[i] = strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~")
	}
	return names, nil
}

// cut returns the bytes of the value that a pointer points to, as they stand in a valid
// JSON text. If a name is given more than once in an object, the last one counts, as
// for most decoders. It reads the text once.
func (p pointer) cut(text []byte) (value []byte, found bool) {
	return follow(bodies.NewCursor(text), p)
}

// follow passes over the next value, and returns the value in it that a path leads to.
func follow(c *bodies.Cursor, path []string) (value []byte, found bool) {
	switch first := c.Next(); {
	case len(path) == 0:
		value = c.Value()
		return value, len(value) > 0
	case first == '{':
		_ = c.Members(func(name []byte) error { // which has no error of its own
			if isName(name, path[0]) {
				value, found = follow(c, path[1:])
			} else {
				c.Value()
			}
			return nil
		})
	case first == '[':
		wanted := indexOf(path[0])
		_ = c.Elements(func(place int) error { // likewise
			if place == wanted {
				value, found = follow(c, path[1:])
			} else {
				c.Value()
			}
			return nil
		})
	default:
		c.Value()
	}
	return value, found
}

// isName reports whether a JSON text in quotes is a name, once decoded.
func isName(quoted []byte, name string) bool {
	if len(quoted) < 2 {
		return false
	}
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner) == name
	}
	var decoded string
	return json.Unmarshal(quoted, &decoded) == nil && decoded == name
}

// indexOf returns the index that a name of a pointer is, -1 for none. Leading zeros are
// not allowed.
func indexOf(name string) int {
	if n, err := strconv.Atoi(name); err == nil && n >= 0 && strconv.Itoa(n) == name {
		return n
	}
	return -1
}
