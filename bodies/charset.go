package bodies

import (
	"bytes"
	"errors"
	"regexp"
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

// nameOf returns the standard's name for the charset of a label, or "" if the label is
// unknown.
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

const notUTF8 = "not valid UTF-8"

// decode returns a text in UTF-8, without a byte order mark, of at most limit bytes. A
// text that is valid UTF-8 counts as UTF-8 whatever its labels say: wrong labels are
// common, and hardly any text in another charset happens to be valid UTF-8. For any
// other text, labels that say UTF-8 are ignored, and the first other label counts.
func decode(raw []byte, limit int, labels ...string) ([]byte, error) {
	label := choose(labels)
	switch {
	case bytes.HasPrefix(raw, []byte("\xff\xfe")):
		return transcode(raw, 2, "utf-16le", limit)
	case bytes.HasPrefix(raw, []byte("\xfe\xff")):
		return transcode(raw, 2, "utf-16be", limit)
	case isWide(raw, 0):
		return transcode(raw, 0, "utf-16le", limit)
	case isWide(raw, 1):
		return transcode(raw, 0, "utf-16be", limit)
	case utf8.Valid(raw) && !looksASCII(raw, label):
		return bytes.TrimPrefix(raw, byteOrderMark), nil
	case label == "":
		return nil, &InvalidError{Offset: invalidUTF8(raw), Problem: notUTF8}
	}
	return transcode(raw, 0, label, limit)
}

// choose returns the first label of a known charset other than UTF-8. If there is none,
// it returns the first unknown label, or "".
func choose(labels []string) string {
	unknown := ""
	for _, label := range labels {
		switch name := nameOf(label); {
		case name == "" && unknown == "":
			unknown = label
		case name != "" && name != "utf-8":
			return label
		}
	}
	return unknown
}

// isWide tells whether a text begins like ASCII text in UTF-16 without a byte order
// mark. letters is 0 or 1: whether the letters are at even or at odd offsets. Other
// text has no zero bytes.
func isWide(raw []byte, letters int) bool {
	return len(raw) >= 4 && len(raw)%2 == 0 &&
		raw[letters] != 0 && raw[letters+2] != 0 && raw[1-letters] == 0 && raw[3-letters] == 0
}

// looksASCII tells whether a text is in a charset that uses ASCII bytes for other
// characters, so that the text could be mistaken for UTF-8.
func looksASCII(raw []byte, label string) bool {
	if isUTF16(label) {
		return bytes.IndexByte(raw, 0) >= 0
	}
	return nameOf(label) == "iso-2022-jp" && bytes.IndexByte(raw, '\x1b') >= 0
}

// transcode decodes a text, beginning at the byte from. A byte that is not valid in the
// charset is an error, since replacing it would lose data.
func transcode(raw []byte, from int, label string, limit int) ([]byte, error) {
	charset := lookUp(label)
	if charset == nil {
		return nil, &UnsupportedError{"the charset is unknown, and the body is not UTF-8: send UTF-8"}
	}
	var text []byte
	_, known := convert(charset, raw[from:], make([]byte, 4<<10), func(piece []byte) bool {
		text = append(text, piece...)
		return len(text) <= limit
	})
	switch {
	case len(text) > limit:
		return nil, &TooLargeError{Limit: limit}
	case !known:
		// Find the place: in pieces this short, the replacement for the invalid byte
		// fills a piece of its own.
		at, _ := convert(charset, raw[from:], make([]byte, utf8.RuneLen(utf8.RuneError), utf8.UTFMax), func([]byte) bool { return true })
		return nil, &InvalidError{Offset: from + at, Problem: "not valid in the charset that it names"}
	}
	return bytes.TrimPrefix(text, byteOrderMark), nil
}

// convert decodes a text piece by piece, until take returns false. It reports whether
// every byte was valid in the charset, and where in the text it stopped. piece has the
// length of a piece; its extra capacity is for a character that does not fit.
func convert(charset encoding.Encoding, raw, piece []byte, take func(piece []byte) (more bool)) (at int, known bool) {
	decoder, room := charset.NewDecoder(), piece[:cap(piece)]
	for {
		written, read, err := decoder.Transform(piece, raw[at:], true)
		if written == 0 && read == 0 && errors.Is(err, transform.ErrShortDst) {
			written, read, _ = decoder.Transform(room, raw[at:], true)
			if written == 0 {
				return at, false
			}
		}
		if bytes.ContainsRune(room[:written], utf8.RuneError) {
			return at, false
		}
		at += read
		if !take(room[:written]) || !errors.Is(err, transform.ErrShortDst) {
			return at, true
		}
	}
}

// xmlDeclaration finds the charset that an XML document declares.
var xmlDeclaration = regexp.MustCompile(`^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._:-]+)["']`)

// declaredInXML returns the charset that a text declares if it is XML, or "".
func declaredInXML(body []byte) string {
	found := xmlDeclaration.FindSubmatch(body[:min(len(body), 200)])
	if found == nil {
		return ""
	}
	return string(found[1])
}
