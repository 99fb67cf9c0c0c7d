package bodies

import (
	"errors"
	"net/http"
	"regexp"
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
		mediaType, rest, _ := strings.Cut(value[:min(len(value), maxTypeBytes)], ";")
		if before, _, several := strings.Cut(mediaType, ","); several {
			mediaType, rest = before, ""
		}
		if k.mediaType = cleanType(mediaType); k.mediaType == "" {
			continue
		}
		params := parameters(rest)
		k.charset, k.boundary = params["charset"], params["boundary"]
		break
	}
	for _, coding := range strings.Split(strings.Join(h.Values("Content-Encoding"), ","), ",") {
		coding = strings.ToLower(strings.Trim(coding, " \t\"'"))
		switch {
		case slices.Contains(plainEncodings, coding), aType.MatchString(coding): // a media type in the wrong place
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

// maxTypeBytes is how much of a Content-Type is read. That of a part of a form
// can be as long as the form.
const maxTypeBytes = 1 << 10

// aType is what a media type looks like.
var aType = regexp.MustCompile(`^[a-z]+/[a-z0-9.+-]+$`)

// blanksAroundSlash are no part of a media type, and some write them.
var blanksAroundSlash = regexp.MustCompile(`\s*/\s*`)

// cleanType returns a media type in lower case, without quotes, and without what
// stands behind a blank where a semicolon was forgotten.
func cleanType(mediaType string) string {
	mediaType = strings.ToLower(strings.Trim(mediaType, " \t\"'"))
	first, _, _ := strings.Cut(blanksAroundSlash.ReplaceAllString(mediaType, "/"), " ")
	return first
}

// MediaType returns the media type in lower case, or "" where none was given.
func (k Kind) MediaType() string { return k.mediaType }

// parameters reads what stands behind a media type: names in lower case, and
// values without their quotes. The first of several with one name counts.
func parameters(text string) map[string]string {
	params := map[string]string{}
	for text != "" {
		end := strings.IndexAny(text, `;"`)
		if end >= 0 && text[end] == '"' { // a semicolon in quotes separates nothing
			_, behind, _ := strings.Cut(text[end+1:], `"`)
			end = strings.IndexByte(behind, ';')
			if end >= 0 {
				end += len(text) - len(behind)
			}
		}
		param := text
		if text = ""; end >= 0 {
			param, text = param[:end], param[end+1:]
		}
		name, value, found := strings.Cut(param, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if _, twice := params[name]; !found || twice {
			continue
		}
		if quoted, isQuoted := strings.CutPrefix(strings.TrimSpace(value), `"`); isQuoted {
			params[name], _, _ = strings.Cut(quoted, `"`)
		} else {
			params[name] = strings.Trim(value, " \t'")
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

// jsonSubtype are the names of JSON: json, x-json, amz-json-1.1, cloudevents+json.
var jsonSubtype = regexp.MustCompile(`(^|[.+-])json(request|-[0-9.]+)?$`)

func (k Kind) family() family {
	_, subtype, hasSlash := strings.Cut(k.mediaType, "/")
	if !hasSlash {
		subtype = k.mediaType
	}
	switch {
	case k.mediaType == "":
		return textual
	case jsonSubtype.MatchString(subtype):
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

// growth returns how much memory it takes at most, in bytes and besides the body,
// to convert a body of n bytes into an output of at most limit.
func (k Kind) growth(n, limit int) int {
	growth := 0
	if name := nameOf(k.charset); name != "" && name != "utf-8" || k.family() != jsonText {
		growth += min(3*n, limit) // the text in UTF-8; its charset may be named in it
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
	text, err := decode(body, limit, k.charset, declaredInXML(body))
	if err != nil {
		invalid := (*InvalidError)(nil)
		if k.family() == unknown && errors.As(err, &invalid) && invalid.Problem == notUTF8 {
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
	return asString(text, limit)
}

// asString returns a text as a JSON string of at most limit bytes.
func asString(text []byte, limit int) ([]byte, error) {
	if size := quotedLen(string(text)); size > limit {
		return nil, &TooLargeError{Limit: limit, Actual: size}
	}
	return quote(string(text)), nil
}
