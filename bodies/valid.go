package bodies

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// valid tells whether a text in UTF-8 is one JSON value (RFC 8259), not nested deeper than
// [MaxDepth]. It says the same as [json.Valid], which looks at each byte of a long string
// with a function of its own, and took two fifths of all the time of a large answer.
func valid(text []byte) bool {
	end := endOfValue(text, 0, 0)
	return end >= 0 && afterBlanks(text, end) == len(text)
}

// Each of these returns the end of what begins at the offset, or -1 if that is not JSON.

func endOfValue(text []byte, at, depth int) int {
	at = afterBlanks(text, at)
	if at == len(text) {
		return -1
	}
	switch b := text[at]; {
	case (b == '{' || b == '[') && depth == MaxDepth:
		return -1
	case b == '{':
		return endOfObject(text, at, depth+1)
	case b == '[':
		return endOfList(text, at, depth+1)
	case b == '"':
		return endOfValidString(text, at)
	case b == 't':
		return endOfWord(text, at, "true")
	case b == 'f':
		return endOfWord(text, at, "false")
	case b == 'n':
		return endOfWord(text, at, "null")
	}
	return endOfNumber(text, at)
}

func endOfObject(text []byte, at, depth int) int {
	at = afterBlanks(text, at+1)
	if begins(text, at, '}') {
		return at + 1
	}
	for {
		if !begins(text, at, '"') {
			return -1
		}
		if at = endOfValidString(text, at); at < 0 {
			return -1
		}
		if at = afterBlanks(text, at); !begins(text, at, ':') {
			return -1
		}
		if at = endOfValue(text, at+1, depth); at < 0 {
			return -1
		}
		at = afterBlanks(text, at)
		if begins(text, at, '}') {
			return at + 1
		}
		if !begins(text, at, ',') {
			return -1
		}
		at = afterBlanks(text, at+1)
	}
}

func endOfList(text []byte, at, depth int) int {
	at = afterBlanks(text, at+1)
	if begins(text, at, ']') {
		return at + 1
	}
	for {
		if at = endOfValue(text, at, depth); at < 0 {
			return -1
		}
		at = afterBlanks(text, at)
		if begins(text, at, ']') {
			return at + 1
		}
		if !begins(text, at, ',') {
			return -1
		}
		at++
	}
}

func endOfValidString(text []byte, at int) int {
	for at++; ; {
		at += plain(text[at:])
		switch {
		case begins(text, at, '"'):
			return at + 1
		case at+1 >= len(text) || text[at] != '\\':
			return -1
		case strings.IndexByte(`"\/bfnrt`, text[at+1]) >= 0:
			at += len(`\n`)
		case text[at+1] == 'u' && hexadecimal(text, at+len(`\u`), 4):
			at += len(`\u0000`)
		default:
			return -1
		}
	}
}

func endOfWord(text []byte, at int, word string) int {
	if !bytes.HasPrefix(text[at:], []byte(word)) {
		return -1
	}
	return at + len(word)
}

func endOfNumber(text []byte, at int) int {
	if begins(text, at, '-') {
		at++
	}
	if begins(text, at, '0') {
		at++
	} else if at = endOfDigits(text, at); at < 0 {
		return -1
	}
	if begins(text, at, '.') {
		if at = endOfDigits(text, at+1); at < 0 {
			return -1
		}
	}
	if begins(text, at, 'e') || begins(text, at, 'E') {
		if at++; begins(text, at, '+') || begins(text, at, '-') {
			at++
		}
		return endOfDigits(text, at)
	}
	return at
}

// endOfDigits wants at least one.
func endOfDigits(text []byte, at int) int {
	begin := at
	for at < len(text) && text[at] >= '0' && text[at] <= '9' {
		at++
	}
	if at == begin {
		return -1
	}
	return at
}

func afterBlanks(text []byte, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\n' || text[at] == '\t' || text[at] == '\r') {
		at++
	}
	return at
}

func begins(text []byte, at int, with byte) bool { return at < len(text) && text[at] == with }

func hexadecimal(text []byte, at, digits int) bool {
	if at+digits > len(text) {
		return false
	}
	for _, b := range text[at : at+digits] {
		if (b < '0' || b > '9') && (b < 'a' || b > 'f') && (b < 'A' || b > 'F') {
			return false
		}
	}
	return true
}

// plain returns how many bytes at the front of a text may stand in a string as they are: no
// quotation mark, backslash or control character. It looks at eight bytes at once.
func plain(text []byte) (n int) {
	const each, top = 0x0101010101010101, 0x8080808080808080
	for ; n+8 <= len(text); n += 8 {
		eight := binary.LittleEndian.Uint64(text[n:])
		// The top bit of (byte - m) &^ byte is set if the byte is below m, and otherwise only
		// if a lower byte that is below m has borrowed from it.
		quote, backslash := eight^each*'"', eight^each*'\\'
		if ((eight-each*' ')&^eight|(quote-each)&^quote|(backslash-each)&^backslash)&top != 0 {
			break
		}
	}
	for n < len(text) && text[n] >= ' ' && text[n] != '"' && text[n] != '\\' {
		n++
	}
	return n
}
