package bodies

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// Cursor reads a JSON text from its beginning to its end, without copying it. The text must
// have passed [CheckJSON]. What a cursor makes of other text means nothing, but it ends.
type Cursor struct {
	text []byte
	at   int
}

// NewCursor returns a cursor before the one value of the text.
func NewCursor(valid []byte) *Cursor { return &Cursor{text: valid} }

// Offset returns how many bytes of the text have been passed over.
func (c *Cursor) Offset() int { return c.at }

// Next returns the first byte of the next token, without passing over it, or 0 at the end of
// the text.
func (c *Cursor) Next() byte {
	for ; c.at < len(c.text); c.at++ {
		if b := c.text[c.at]; !between[b] {
			return b
		}
	}
	return 0
}

// between are the white space of JSON, and what separates values. ending are the bytes that
// end a number or a word.
var (
	between = [256]bool{' ': true, '\t': true, '\r': true, '\n': true, ',': true, ':': true}
	ending  = [256]bool{
		' ': true, '\t': true, '\r': true, '\n': true, ',': true, ':': true,
		'{': true, '}': true, '[': true, ']': true, '"': true,
	}
)

// Token passes over the next token, and returns its text: one bracket, a string in its
// quotation marks, a number, or one of the words true, false and null. It returns nil at the
// end of the text.
func (c *Cursor) Token() []byte {
	first, begin := c.Next(), c.at
	switch first {
	case 0:
		return nil
	case '{', '}', '[', ']':
		c.at++
	case '"':
		c.at = endOfString(c.text, c.at)
	default:
		for c.at++; c.at < len(c.text) && !ending[c.text[c.at]]; {
			c.at++
		}
	}
	return c.text[begin:c.at]
}

// Named tells whether the last token was the name of a member.
func (c *Cursor) Named() bool {
	return bytes.HasPrefix(bytes.TrimLeft(c.text[c.at:], " \t\r\n"), []byte(":"))
}

// Value passes over the next value, and returns its text. That of an object or a list has all
// that is in it.
func (c *Cursor) Value() []byte {
	c.Next()
	begin, depth := c.at, 0
	for {
		token := c.Token()
		if token == nil {
			return c.text[begin:]
		}
		switch token[0] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if depth <= 0 {
			return c.text[begin:c.at]
		}
	}
}

// Members passes over an object, which must come next, and calls each for every member, with
// its name as it is written: see [Unquote]. each must pass over the value, or end the walk
// with an error.
func (c *Cursor) Members(each func(name []byte) error) error {
	for c.Token(); c.Next() == '"'; { // the opening brace
		if err := each(c.Token()); err != nil {
			return err
		}
	}
	c.Token() // the closing brace
	return nil
}

// Elements passes over a list, which must come next, and calls each for every element, with
// its place from 0 on. each must pass over the value, or end the walk with an error.
func (c *Cursor) Elements(each func(place int) error) error {
	c.Token() // the opening bracket
	for place := 0; c.Next() != ']' && c.Next() != 0; place++ {
		if err := each(place); err != nil {
			return err
		}
	}
	c.Token() // the closing bracket
	return nil
}

// Unquote returns the text that a JSON string stands for.
func Unquote(literal []byte) (text string) {
	if len(literal) >= len(`""`) && bytes.IndexByte(literal, '\\') < 0 && utf8.Valid(literal) {
		return string(literal[1 : len(literal)-1])
	}
	_ = json.Unmarshal(literal, &text) // it is valid
	return text
}

// endOfString returns the end of the string that begins at the given offset. It does not look
// at each byte, since most strings have few escapes, and a search is many times faster.
func endOfString(text []byte, at int) int {
	for at++; ; at++ {
		quote := bytes.IndexByte(text[at:], '"')
		if quote < 0 {
			return len(text)
		}
		escapes := 0
		for escapes < quote && text[at+quote-1-escapes] == '\\' {
			escapes++
		}
		if at += quote; escapes%2 == 0 {
			return at + 1
		}
	}
}
