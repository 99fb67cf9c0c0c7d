package bodies

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// Kind is what a sender says about a body: its compression, its media type and its
// charset. The zero value is plain text without a declared charset.
type Kind struct {
	mediaType string // lower case, without parameters; "" if there is none
	charset   string // as the sender wrote it; "" if there is none
	boundary  string // of a multipart form
	encodings []string
}

// KindOf reads Content-Type and Content-Encoding. The media type ends at the first
// semicolon or comma. Parameters that cannot be read are ignored, since many senders
// write malformed ones.
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

// maxTypeBytes is how much of a Content-Type is read. In a part of a multipart form, it
// can be as long as the whole form.
const maxTypeBytes = 1 << 10

// aType matches a media type.
var aType = regexp.MustCompile(`^[a-z]+/[a-z0-9.+-]+$`)

// blanksAroundSlash are not allowed in a media type, but some senders write them.
var blanksAroundSlash = regexp.MustCompile(`\s*/\s*`)

// cleanType returns a media type in lower case and without quotes. It drops everything
// after a blank, where a semicolon is probably missing.
func cleanType(mediaType string) string {
	mediaType = strings.ToLower(strings.Trim(mediaType, " \t\"'"))
	if !strings.ContainsAny(mediaType, " \t\r\n\f") {
		return mediaType
	}
	first, _, _ := strings.Cut(blanksAroundSlash.ReplaceAllString(mediaType, "/"), " ")
	return first
}

// MediaType returns the media type in lower case, or "" if there is none.
func (k Kind) MediaType() string { return k.mediaType }

// parameters reads the parameters after a media type: names in lower case, and values
// without quotes. If a name is repeated, the first one counts.
func parameters(text string) map[string]string {
	if text == "" {
		return nil
	}
	params := map[string]string{}
	for text != "" {
		end := strings.IndexAny(text, `;"`)
		if end >= 0 && text[end] == '"' { // a semicolon in quotes is not a separator
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

// family groups media types by how their bodies are converted.
type family int

const (
	textual   family = iota // text, or without a type
	jsonText                // must be JSON
	xmlText                 // always a string
	form                    // URL-encoded
	multiform               // multipart/form-data
	unknown                 // accepted only if it is text
)

// jsonSubtype matches subtypes that mean JSON: json, x-json, amz-json-1.1,
// cloudevents+json.
var jsonSubtype = regexp.MustCompile(`(^|[.+-])json(request|-[0-9.]+)?$`)

func (k Kind) family() family {
	_, subtype, hasSlash := strings.Cut(k.mediaType, "/")
	if !hasSlash {
		subtype = k.mediaType
	}
	switch {
	case k.mediaType == "":
		return textual
	case subtype == "json" || jsonSubtype.MatchString(subtype):
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

// MaxBytes returns how many bytes an uncompressed body of the kind may have if its
// output may have limit bytes. Escapes make a form up to three times as long as its
// contents, a multipart form has headers and files that are left out, and UTF-16 takes
// two bytes for a character of one byte in UTF-8.
func (k Kind) MaxBytes(limit int) int {
	switch {
	case k.family() == form || k.family() == multiform:
		return 3 * limit
	case isUTF16(k.charset):
		return 2*limit + len("\xff\xfe")
	}
	return limit
}

// growth returns the most memory in bytes, in addition to the body, for converting a
// body of n bytes into an output of at most limit bytes.
func (k Kind) growth(n, limit int) int {
	growth := 0
	if name := nameOf(k.charset); name != "" && name != "utf-8" || k.family() != jsonText {
		growth += min(3*n, limit) // the text in UTF-8; its charset may be declared inside
	}
	if k.family() != jsonText {
		growth += n + min(len(`\u0000`)*n+len(`""`), limit) // the fields of a form; the output
	}
	return growth
}

// emptyObject is the output for an empty body of any kind.
const emptyObject = "{}"

// JSON converts an uncompressed body of the kind to one JSON value of at most limit
// bytes. But a body that is labelled as JSON is only converted to UTF-8 without a byte
// order mark: the caller must check that it is JSON. The errors are [*InvalidError],
// [*UnsupportedError] and [*TooLargeError].
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
		return text, nil // many senders label JSON wrongly
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
