package senders

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// What is signed is one text, and most of it is chosen by whoever posts. If a signed text
// could be divided into its parts in two ways, somebody with a genuine post could post it
// divided in the other: some of the body as an id, and the rest as another body. So it must
// be certain where each part ends:
//
//   - method and text are given, and a timestamp has a form of its own;
//   - a header has only letters, digits, "_", "-" and "=";
//   - a URL has only characters that a URL may have;
//   - the body may be anything. If nothing separates it from a header or a URL, it must be
//     an object or array of JSON: neither of them can have its brackets.

// signedHeader is the form of a header that is signed.
var signedHeader = regexp.MustCompile(`^[A-Za-z0-9_=-]{1,128}$`)

// charset tells which bytes a part may have.
type charset func(byte) bool

func inHeader(b byte) bool { return isAlphanumeric(b) || strings.IndexByte("_-=", b) >= 0 }

// inURL is for RFC 3986 without the brackets, which only the host may have. It also has
// all that a header may have.
func inURL(b byte) bool {
	return isAlphanumeric(b) || strings.IndexByte("-._~:/?#@!$&'()*+,;=%", b) >= 0
}

func isAlphanumeric(b byte) bool {
	return b >= '0' && b <= '9' || b|0x20 >= 'a' && b|0x20 <= 'z'
}

// borders tells at which ends of the body nothing but its own brackets says where the
// part beside it ends.
type borders struct{ before, after bool }

// bordersOf returns the borders of what is signed. clash is a part of which it is not
// certain where it begins, whatever the body is; "" for none. If the URL is given, it is
// not the poster's choice.
func (p *Proof) bordersOf(urlGiven bool) (b borders, clash string) {
	at := slices.Index(p.Signed, "body")
	if at < 0 {
		return b, ""
	}
	after := slices.Clone(p.Signed[at+1:])
	slices.Reverse(after)
	before, clashBefore := p.openEnd(p.Signed[:at], urlGiven)
	behind, clashBehind := p.openEnd(after, urlGiven)
	return borders{before != nil, behind != nil}, cmpOr(clashBefore, clashBehind)
}

// openEnd goes through parts, from the outermost one to the one beside the body. It returns
// which bytes the last part with a free length may have, unless something after it ends it.
func (p *Proof) openEnd(parts []string, urlGiven bool) (open charset, clash string) {
	for _, part := range parts {
		free := p.free(part, urlGiven)
		switch {
		case free != nil && open != nil:
			return nil, part
		case free != nil:
			open = free
		case open != nil && slices.ContainsFunc([]byte(p.separator(part)), func(b byte) bool { return !open(b) }):
			open = nil
		}
	}
	return open, ""
}

// free returns which bytes a part may have whose length the poster chooses; nil for other
// parts.
func (p *Proof) free(part string, urlGiven bool) charset {
	switch kind, _, _ := strings.Cut(part, ":"); {
	case p.isTimestamp(part):
		return nil
	case kind == "header":
		return inHeader
	case kind == "url" && !urlGiven:
		return inURL
	}
	return nil
}

// separator returns what a part that is not free has for certain, and which can end the
// part before it.
func (p *Proof) separator(part string) string {
	kind, value, _ := strings.Cut(part, ":")
	switch {
	case p.isTimestamp(part) && p.Timestamp.Unit == unitRFC3339:
		return ":"
	case p.isTimestamp(part): // has only digits
		return ""
	case kind == "url": // is given
		return "://"
	}
	return value // of a text; a method has none
}

// isTimestamp tells whether a signed part is the timestamp.
func (p *Proof) isTimestamp(part string) bool {
	return part == "timestamp" || p.Timestamp != nil && p.Timestamp.Header != "" && strings.EqualFold(part, "header:"+p.Timestamp.Header)
}

// check checks that the body has the brackets that it needs.
func (b borders) check(body []byte) *UnprovenError {
	if b.before && !bytes.HasPrefix(body, []byte("{")) && !bytes.HasPrefix(body, []byte("[")) ||
		b.after && !bytes.HasSuffix(bytes.TrimRight(body, "\r\n"), []byte("}")) && !bytes.HasSuffix(bytes.TrimRight(body, "\r\n"), []byte("]")) {
		return &UnprovenError{Malformed, "the body is not an object or array of JSON, so it is not certain where the signed part beside it ends"}
	}
	return nil
}

// checkURL checks that a URL that was signed as it arrived has only what a URL may have:
// what comes after it in the signed text does not.
func checkURL(url string) *UnprovenError {
	_, rest, _ := strings.Cut(url, "://")
	_, rest, _ = strings.Cut(rest, "/") // after the host
	if slices.ContainsFunc([]byte(rest), func(b byte) bool { return !inURL(b) }) {
		return &UnprovenError{Malformed, "the URL has a character that must be written with a percent sign in a URL"}
	}
	return nil
}
