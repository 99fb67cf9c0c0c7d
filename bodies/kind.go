package bodies

import (
	"net/http"
	"slices"
	"strings"
)

// Kind is what a sender says of a body: how it is packed, what it is, in which
// charset. The zero value is plain text of no declared charset.
type Kind struct {
	mediaType string // lower case, without parameters; "" where none was given
	charset   string // as it was named; "" where none was
	boundary  string // of a multipart form
	encodings []string
}

// KindOf reads Content-Type and Content-Encoding. The media type is what stands
// before the first semicolon or comma, and parameters that cannot be read are
// left out: many senders write odd ones, and mean nothing by it.
func KindOf(h http.Header) Kind {
	var k Kind
	for _, value := range h.Values("Content-Type") {
		mediaType, rest, _ := strings.Cut(value, ";")
		if before, _, several := strings.Cut(mediaType, ","); several {
			mediaType, rest = before, ""
		}
		if k.mediaType = strings.ToLower(strings.TrimSpace(mediaType)); k.mediaType == "" {
			continue
		}
		params := parameters(rest)
		k.charset, k.boundary = params["charset"], params["boundary"]
		break
	}
	for _, coding := range strings.Split(strings.Join(h.Values("Content-Encoding"), ","), ",") {
		coding = strings.ToLower(strings.TrimSpace(coding))
		switch {
		case slices.Contains(plainEncodings, coding):
		case lookUp(coding) != nil: // a charset in the wrong place
			if k.charset == "" {
				k.charset = coding
			}
		default:
			k.encodings = append(k.encodings, coding)
		}
	}
	return k
}

// MediaType returns the media type in lower case, or "" where none was given.
func (k Kind) MediaType() string { return k.mediaType }

// parameters reads what stands behind a media type: names in lower case, and
// values without their quotes. The first of several with one name counts.
func parameters(text string) map[string]string {
	params := map[string]string{}
	for text != "" {
		name, value, found := strings.Cut(text, "=")
		if end := strings.IndexByte(name, ';'); end >= 0 || !found { // a name alone
			_, text, _ = strings.Cut(text, ";")
			continue
		}
		value = strings.TrimLeft(value, " \t")
		if quoted, isQuoted := strings.CutPrefix(value, `"`); isQuoted {
			value, text, _ = strings.Cut(quoted, `"`)
			_, text, _ = strings.Cut(text, ";")
		} else {
			value, text, _ = strings.Cut(value, ";")
			value = strings.Trim(value, " \t'")
		}
		name = strings.ToLower(strings.TrimSpace(name))
		if _, twice := params[name]; !twice {
			params[name] = value
		}
	}
	return params
}

// family is how bodies of some media types are converted.
type family int

const (
	textual   family = iota // text by its type, or of no type
	jsonText                // must be JSON
	xmlText                 // always a string
	form                    // URL-encoded
	multiform               // multipart/form-data
	unknown                 // text, if it happens to be
)

// jsonTypes are what JSON is called besides everything that ends in "+json".
var jsonTypes = []string{"json", "x-json", "jsonrequest", "vnd.json"}

func (k Kind) family() family {
	_, subtype, hasSlash := strings.Cut(k.mediaType, "/")
	if !hasSlash {
		subtype = k.mediaType
	}
	switch {
	case k.mediaType == "":
		return textual
	case slices.Contains(jsonTypes, subtype) || strings.HasSuffix(subtype, "+json"):
		return jsonText
	case subtype == "xml" || strings.HasSuffix(subtype, "+xml"):
		return xmlText
	case subtype == "x-www-form-urlencoded":
		return form
	case k.mediaType == "multipart/form-data":
		return multiform
	case strings.HasPrefix(k.mediaType, "text/"):
		return textual
	}
	return unknown
}

// MaxBytes returns how many bytes a body of the kind may have, unpacked, where
// what it becomes may have limit bytes. Percent signs make a form up to three
// times as long as what it says, a multipart form has headers and files that are
// left out, and UTF-16 takes two bytes for a letter of one.
func (k Kind) MaxBytes(limit int) int {
	switch {
	case k.family() == form || k.family() == multiform:
		return 3 * limit
	case isUTF16(k.charset):
		return 2*limit + len("\xff\xfe")
	}
	return limit
}

// Growth returns how much memory it takes at most, in bytes and besides the body,
// to convert a body of n bytes into an output of at most limit.
func (k Kind) Growth(n, limit int) int {
	growth := 0
	if name := nameOf(k.charset); name != "" && name != "utf-8" {
		growth += min(3*n, limit) // the text in UTF-8
	}
	if k.family() != jsonText {
		growth += n + min(len(`\u0000`)*n+len(`""`), limit) // the fields of a form; the output
	}
	return growth
}

// emptyObject is what an empty body becomes, of whatever kind it says it is.
const emptyObject = "{}"

// JSON returns what a body of the kind, unpacked, becomes: at most limit bytes.
// The result is one JSON value, except that a body which is called JSON is
// returned as it is, byte order mark and charset aside: whoever uses it checks
// it. The errors are [*InvalidError], [*UnsupportedError] and [*TooLargeError].
func (k Kind) JSON(body []byte, limit int) ([]byte, error) {
	switch k.family() {
	case form:
		return k.formJSON(body, limit)
	case multiform:
		return k.multipartJSON(body, limit)
	}
	label := k.charset
	if label == "" && k.family() == xmlText {
		label = declaredInXML(body)
	}
	text, err := decode(body, label, limit)
	if err != nil {
		if k.family() == unknown && label == "" {
			return nil, &UnsupportedError{"the Content-Type is not supported, and the body is not text in UTF-8: send JSON, text, a form or XML"}
		}
		return nil, err
	}
	switch {
	case len(text) == 0:
		return []byte(emptyObject), nil
	case k.family() == jsonText:
		return text, nil
	case k.family() != xmlText && CheckJSON(text) == nil:
		return text, nil // many senders label theirs wrongly
	}
	if size := quotedLen(string(text)); size > limit {
		return nil, &TooLargeError{Limit: limit, Actual: size}
	}
	return quote(string(text)), nil
}
