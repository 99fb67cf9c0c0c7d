package rules

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
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
	s := scanner{text: text}
	start, end, found := s.find(p)
	if !found {
		return nil, false
	}
	return text[start:end], true
}

// scanner reads valid JSON from the front. On other text it stops somewhere.
type scanner struct {
	text []byte
	at   int
}

// find reads the next value, and returns where the value that a path leads to begins and
// ends.
func (s *scanner) find(path []string) (start, end int, found bool) {
	b := s.next()
	if len(path) == 0 {
		start = s.at
		s.skip()
		return start, s.at, s.at > start
	}
	switch b {
	case '{':
		return s.member(path)
	case '[':
		return s.element(path)
	}
	s.skip()
	return 0, 0, false
}

// member reads an object, and follows the path into the last member with its first name.
func (s *scanner) member(path []string) (start, end int, found bool) {
	s.at++ // the brace
	for b := s.next(); b == '"' || b == ','; b = s.next() {
		if b == ',' {
			s.at++
			continue
		}
		from := s.at
		s.quoted()
		name := s.text[from:s.at]
		if s.next() != ':' {
			return 0, 0, false
		}
		s.at++
		if isName(name, path[0]) {
			start, end, found = s.find(path[1:])
		} else {
			s.skip()
		}
	}
	s.at++ // the closing brace
	return start, end, found
}

// element reads a list, and follows the path into the element with its first index.
func (s *scanner) element(path []string) (start, end int, found bool) {
	wanted := indexOf(path[0])
	s.at++ // the bracket
	for i := 0; ; i++ {
		if b := s.next(); b == ']' || b == 0 {
			s.at++
			return start, end, found
		}
		before := s.at
		if i == wanted {
			start, end, found = s.find(path[1:])
		} else {
			s.skip()
		}
		if s.next() == ',' {
			s.at++
		}
		if s.at == before {
			return 0, 0, false // not JSON
		}
	}
}

// skip reads the next value.
func (s *scanner) skip() {
	depth := 0
	for {
		switch s.next() {
		case 0:
			return
		case '{', '[':
			depth++
			s.at++
		case '}', ']':
			depth--
			s.at++
		case ',', ':':
			if depth == 0 {
				return
			}
			s.at++
			continue
		case '"':
			s.quoted()
		default:
			s.word()
		}
		if depth <= 0 {
			return
		}
	}
}

// word reads a number, true, false or null.
func (s *scanner) word() {
	for ; s.at < len(s.text); s.at++ {
		switch s.text[s.at] {
		case ',', ':', '}', ']', '{', '[', '"', ' ', '\t', '\n', '\r':
			return
		}
	}
}

// quoted reads a text in quotes.
func (s *scanner) quoted() {
	for s.at++; s.at < len(s.text); s.at++ {
		switch s.text[s.at] {
		case '\\':
			s.at++
		case '"':
			s.at++
			return
		}
	}
	s.at = len(s.text)
}

// next skips blanks and returns the byte after them, without reading it; 0 at the end.
func (s *scanner) next() byte {
	for ; s.at < len(s.text); s.at++ {
		switch b := s.text[s.at]; b {
		case ' ', '\t', '\n', '\r':
		default:
			return b
		}
	}
	s.at = len(s.text)
	return 0
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
