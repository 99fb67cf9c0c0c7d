package handlers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"callback-relay/relay"
)

// kind is how a body becomes an output, by its media type.
type kind struct {
	convert func(body []byte, params map[string]string) (relay.Payload, error)
	params  map[string]string
}

// charsets are UTF-8 by its names, the second of which is common and wrong, and
// what UTF-8 includes.
var charsets = []string{"", "utf-8", "utf8", "us-ascii"}

// parseKind reads a Content-Type. Without one a body is treated as text, which
// includes JSON.
func parseKind(contentType string) (kind, error) {
	if contentType == "" {
		return kind{convert: textOutput}, nil
	}
	mediaType, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return kind{}, &unsupportedError{"the Content-Type cannot be read: want for example application/json"}
	}
	if charset := strings.ToLower(params["charset"]); !slices.Contains(charsets, charset) {
		return kind{}, &unsupportedError{"the charset is not supported: send UTF-8"}
	}
	_, subtype, _ := strings.Cut(mediaType, "/")
	switch {
	case subtype == "json" || strings.HasSuffix(subtype, "+json"):
		return kind{jsonOutput, params}, nil
	case subtype == "xml" || strings.HasSuffix(subtype, "+xml"):
		return kind{stringOutput, params}, nil
	case mediaType == "application/x-www-form-urlencoded":
		return kind{formOutput, params}, nil
	case mediaType == "multipart/form-data":
		if params["boundary"] == "" {
			return kind{}, &unsupportedError{"the Content-Type of a multipart form needs a boundary"}
		}
		return kind{multipartOutput, params}, nil
	case strings.HasPrefix(mediaType, "text/"):
		return kind{textOutput, params}, nil
	}
	return kind{}, &unsupportedError{"the Content-Type is not supported: send JSON, text, a form or XML"}
}

// byteOrderMark is what some senders put in front of UTF-8.
var byteOrderMark = []byte("\xef\xbb\xbf")

// output converts a body. An empty one is an empty object, of whatever kind it
// says it is.
func (k kind) output(body []byte) (relay.Payload, error) {
	body = bytes.TrimPrefix(body, byteOrderMark)
	if len(body) == 0 {
		return relay.Payload("{}"), nil
	}
	return k.convert(body, k.params)
}

// jsonOutput passes JSON on byte for byte: decoding and encoding it would
// change big numbers. Package relay checks it.
func jsonOutput(body []byte, _ map[string]string) (relay.Payload, error) {
	return body, nil
}

// textOutput passes text on as JSON where it is JSON, as many senders label
// theirs wrongly, and else as a JSON string.
func textOutput(body []byte, params map[string]string) (relay.Payload, error) {
	if relay.CheckJSON(body) == nil {
		return body, nil
	}
	return stringOutput(body, params)
}

// stringOutput passes text on as a JSON string, unread.
func stringOutput(body []byte, _ map[string]string) (relay.Payload, error) {
	if !utf8.Valid(body) {
		return nil, relay.CheckJSON(body) // which says where
	}
	return quote(string(body)), nil
}

// formOutput passes a form on as an object. A form that is really a JSON
// object or array is taken for that: no form begins with a bare bracket, and
// "curl -d" labels everything as a form.
func formOutput(body []byte, _ map[string]string) (relay.Payload, error) {
	start := bytes.TrimLeft(body, " \t\r\n")
	if len(start) > 0 && (start[0] == '{' || start[0] == '[') && relay.CheckJSON(body) == nil {
		return body, nil
	}
	var fields form
	at := 0
	for pair := range strings.SplitSeq(string(body), "&") {
		key, value, _ := strings.Cut(pair, "=")
		k, keyErr := url.QueryUnescape(key)
		v, valueErr := url.QueryUnescape(value)
		if keyErr != nil || valueErr != nil || !utf8.ValidString(k) || !utf8.ValidString(v) {
			return nil, &relay.InvalidBodyError{Offset: at, Problem: "not a valid form"}
		}
		if pair != "" {
			if !fields.add(k, v) {
				return nil, tooManyFields(at)
			}
		}
		at += len(pair) + len("&")
	}
	return fields.output(), nil
}

// multipartOutput passes the fields of a multipart form on as an object. Files
// are refused: a task's output has no room for them.
func multipartOutput(body []byte, params map[string]string) (relay.Payload, error) {
	source := bytes.NewReader(body)
	parts := multipart.NewReader(source, params["boundary"])
	invalid := func() error {
		return &relay.InvalidBodyError{Offset: len(body) - source.Len(), Problem: "not a valid multipart form"}
	}
	// Cut short between two parts, a form ends like a whole one for the reader.
	if !bytes.Contains(body, []byte("--"+params["boundary"]+"--")) {
		return nil, &relay.InvalidBodyError{Offset: len(body), Problem: "a multipart form without its end"}
	}
	var fields form
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF { //nolint:errorlint // wrapped, it means an end that came too early
			return fields.output(), nil
		}
		if err != nil {
			return nil, invalid()
		}
		if part.FileName() != "" {
			return nil, &unsupportedError{"files are not accepted: send the form's fields only"}
		}
		value, err := io.ReadAll(part)
		if err != nil || !utf8.Valid(value) || !utf8.ValidString(part.FormName()) {
			return nil, invalid()
		}
		if !fields.add(part.FormName(), string(value)) {
			return nil, tooManyFields(len(body) - source.Len())
		}
	}
}

// maxFields bounds how many fields a form may have, counting each time that one
// comes: many short fields take far more memory than their bytes.
const maxFields = 1000

func tooManyFields(at int) error {
	return &relay.InvalidBodyError{Offset: at, Problem: fmt.Sprintf("a form of more than %d fields", maxFields)}
}

// form has the fields of a form, in the order of their first appearance.
type form struct {
	names  []string
	values map[string][]string
	count  int
}

// add adds a field, and reports whether there was room for it.
func (f *form) add(name, value string) bool {
	if f.count++; f.count > maxFields {
		return false
	}
	if f.values == nil {
		f.values = map[string][]string{}
	}
	if _, seen := f.values[name]; !seen {
		f.names = append(f.names, name)
	}
	f.values[name] = append(f.values[name], value)
	return true
}

// output writes the fields as a JSON object: a string for a field that came
// once, an array of strings for one that came more often.
func (f *form) output() relay.Payload {
	out := []byte("{")
	for i, name := range f.names {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, quote(name)...)
		out = append(out, ':')
		values := f.values[name]
		if len(values) == 1 {
			out = append(out, quote(values[0])...)
			continue
		}
		separator := byte('[')
		for _, value := range values {
			out = append(out, separator)
			out = append(out, quote(value)...)
			separator = ','
		}
		out = append(out, ']')
	}
	return append(out, '}')
}

// quote writes valid UTF-8 as a JSON string, without the escapes for HTML that
// would make it six times as long.
func quote(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // a string
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
