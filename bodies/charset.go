package bodies

import (
	"bytes"
	"errors"
	"regexp"
	"sort"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/transform"
)

// byteOrderMark is what some senders put in front of UTF-8.
var byteOrderMark = []byte("\xef\xbb\xbf")

// lookUp returns the charset of a label of the WHATWG Encoding Standard, or nil.
func lookUp(label string) encoding.Encoding {
	known, err := htmlindex.Get(strings.TrimSpace(label))
	if err != nil || known == encoding.Replacement {
		return nil
	}
	return known
}

// nameOf returns what the standard calls the charset of a label, or "" where it
// knows none.
func nameOf(label string) string {
	if label == "" {
		return ""
	}
	name, err := htmlindex.Name(lookUp(label))
	if err != nil {
		return ""
	}
	return name
}

func isUTF16(label string) bool { return strings.HasPrefix(nameOf(label), "utf-16") }

// decode returns a text in UTF-8, without a byte order mark. What is UTF-8
// already is taken as that whatever its label says: wrong labels are common,
// and hardly any text in another charset happens to be UTF-8. What is not
// becomes at most limit bytes.
func decode(raw []byte, label string, limit int) ([]byte, error) {
	switch {
	case bytes.HasPrefix(raw, []byte("\xff\xfe")):
		return transcode(raw, 2, "utf-16le", limit)
	case bytes.HasPrefix(raw, []byte("\xfe\xff")):
		return transcode(raw, 2, "utf-16be", limit)
	case utf8.Valid(raw) && !looksASCII(raw, label):
		return bytes.TrimPrefix(raw, byteOrderMark), nil
	case label == "", nameOf(label) == "utf-8":
		return nil, &InvalidError{Offset: invalidUTF8(raw), Problem: "not valid UTF-8"}
	}
	return transcode(raw, 0, label, limit)
}

// looksASCII tells whether a text is in a charset that writes everything, or
// everything that ASCII lacks, in bytes of ASCII.
func looksASCII(raw []byte, label string) bool {
	if isUTF16(label) {
		return bytes.IndexByte(raw, 0) >= 0
	}
	return nameOf(label) == "iso-2022-jp" && bytes.IndexByte(raw, '\x1b') >= 0
}

// transcode decodes a text from the byte at from on. A byte that the charset
// does not know is a mistake: replaced, it would be lost.
func transcode(raw []byte, from int, label string, limit int) ([]byte, error) {
	charset := lookUp(label)
	if charset == nil {
		return nil, &UnsupportedError{"the charset is not known, and the body is not UTF-8: send UTF-8"}
	}
	rest := raw[from:]
	var text []byte
	known := convert(charset, rest, true, func(piece []byte) bool {
		text = append(text, piece...)
		return len(text) <= limit
	})
	switch {
	case len(text) > limit:
		return nil, &TooLargeError{Limit: limit}
	case !known:
		first := sort.Search(len(rest), func(n int) bool {
			return !convert(charset, rest[:n+1], n+1 == len(rest), func([]byte) bool { return true })
		})
		return nil, &InvalidError{Offset: from + first, Problem: "not valid in the charset that it names"}
	}
	return bytes.TrimPrefix(text, byteOrderMark), nil
}

// convert decodes a text, or the beginning of one, piece by piece, until take
// wants no more. It reports whether the charset knew every byte.
func convert(charset encoding.Encoding, raw []byte, whole bool, take func(piece []byte) (more bool)) (known bool) {
	decoder := charset.NewDecoder()
	var piece [4 << 10]byte
	for {
		written, read, err := decoder.Transform(piece[:], raw, whole)
		if bytes.ContainsRune(piece[:written], utf8.RuneError) {
			return false
		}
		if !take(piece[:written]) || !errors.Is(err, transform.ErrShortDst) {
			return true
		}
		raw = raw[read:]
	}
}

// xmlDeclaration finds the charset that an XML document names itself.
var xmlDeclaration = regexp.MustCompile(`^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._:-]+)["']`)

func declaredInXML(body []byte) string {
	found := xmlDeclaration.FindSubmatch(body[:min(len(body), 200)])
	if found == nil {
		return ""
	}
	return string(found[1])
}
