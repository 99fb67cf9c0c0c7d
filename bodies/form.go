package bodies

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"callback-relay/names"
)

// formJSON converts a URL-encoded form into an object. A body that is not really a form
// is converted as what it really is, since "curl -d" labels everything as a form.
func (k Kind) formJSON(body []byte, limit int) ([]byte, error) {
	if text, err := decode(body, limit, k.charset); err == nil {
		body = text
	}
	if len(body) == 0 {
		return []byte(emptyObject), nil
	}
	switch {
	case isMarkup(body):
		text, err := decode(body, limit, k.charset, declaredInXML(body))
		if err != nil {
			return nil, err
		}
		return asString(text, limit)
	case meantAsJSON(body):
		return jsonInForm(body)
	case !bytes.ContainsAny(body, "=&") && isLiteral(body):
		return body, nil
	}
	fields, err := ParseForm(body)
	if err != nil {
		return nil, err
	}
	return fields.object(k.charset, limit)
}

// isMarkup tells whether a form begins like XML or HTML, as no real form does.
func isMarkup(body []byte) bool {
	return len(body) > 2 && body[0] == '<' && (body[1] == '?' || body[1] == '!' || body[1]|0x20 >= 'a' && body[1]|0x20 <= 'z')
}

// isLiteral tells whether a form is a JSON value of one word: a number, true,
// false, null, or a string.
func isLiteral(body []byte) bool {
	return bytes.IndexByte([]byte(`"-0123456789tfn`), body[0]) >= 0 && CheckJSON(body) == nil
}

// opening are quotation marks that a shell or a word processor may have left in front
// of JSON.
var opening = []string{`"`, "'", "`", "‘", "“", "’", "”", "„", "«"}

// isBlank tells whether a character is invisible.
func isBlank(r rune) bool { return unicode.IsSpace(r) || names.Invisible(r) }

// meantAsJSON tells whether a form begins like JSON, with a brace or bracket, as no real
// form does.
func meantAsJSON(body []byte) bool {
	start := strings.TrimLeftFunc(unescape(body[:min(len(body), 300)]), isBlank)
	for _, mark := range opening {
		if rest, quoted := strings.CutPrefix(start, mark); quoted {
			start = strings.TrimLeftFunc(rest, isBlank)
			break
		}
	}
	return strings.HasPrefix(start, "{") || strings.HasPrefix(start, "[")
}

// jsonInForm returns JSON that was sent as a form, either unchanged or as the name of a
// field without a value; some clients escape this name, and add an equals sign.
// Anything else that begins like JSON is an error: treating it as a form would complete
// the task with nonsense.
func jsonInForm(body []byte) ([]byte, error) {
	wrong := CheckJSON(body)
	if wrong == nil {
		return body, nil
	}
	for _, text := range [][]byte{body, []byte(unescape(body))} {
		text = bytes.TrimFunc(text, isBlank)
		for _, text := range [][]byte{text, bytes.TrimSuffix(text, []byte("="))} {
			if CheckJSON(text) == nil {
				return text, nil
			}
		}
	}
	invalid := (*InvalidError)(nil)
	if errors.As(wrong, &invalid) && invalid.Problem == "not one JSON value" {
		invalid.Problem = "not one JSON value, although it begins with a brace or bracket"
	}
	return nil, wrong
}

// MaxFields bounds how many fields a form may have. Repeated fields count each time.
// Many short fields take far more memory than their bytes.
const MaxFields = 1000

func tooManyFields(at int) error {
	return &InvalidError{Offset: at, Problem: fmt.Sprintf("a form of more than %d fields", MaxFields)}
}

// Form has the fields of a form in their original order. Their bytes may be in any
// charset.
type Form []Field

// Field is one field of a form.
type Field struct {
	Name, Value string

	charset string // the field's own charset, or ""
	json    []byte // the JSON that replaces a file, or nil
	at      int    // the offset in the body at which the field begins
}

// ParseForm splits a URL-encoded form into its fields. It keeps a percent sign that does
// not begin an escape, as browsers do. If there are more than [MaxFields], the error is
// an [*InvalidError].
func ParseForm(body []byte) (Form, error) {
	var fields Form
	at := 0
	for pair := range bytes.SplitSeq(body, []byte("&")) {
		if len(pair) > 0 {
			if len(fields) == MaxFields {
				return nil, tooManyFields(at)
			}
			name, value, _ := bytes.Cut(pair, []byte("="))
			fields = append(fields, Field{Name: unescape(name), Value: unescape(value), at: at})
		}
		at += len(pair) + len("&")
	}
	return fields, nil
}

// unescape decodes the escapes in a form, and leaves invalid escapes unchanged.
func unescape(text []byte) string {
	var out strings.Builder
	out.Grow(len(text))
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case b == '+':
			out.WriteByte(' ')
		case b == '%' && i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]):
			out.WriteByte(hexValue(text[i+1])<<4 | hexValue(text[i+2]))
			i += 2
		default:
			out.WriteByte(b)
		}
	}
	return out.String()
}

func isHex(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'f' || 'A' <= b && b <= 'F'
}

func hexValue(b byte) byte {
	if b <= '9' {
		return b - '0'
	}
	return b&^0x20 - 'A' + 10
}

// object writes the fields as a JSON object of at most limit bytes, in the order of
// their first appearance. A field becomes a string, or an array of strings if it is
// repeated.
func (f Form) object(charset string, limit int) ([]byte, error) {
	var names []string
	values := map[string][]Field{}
	labels := f.labels()
	size := len("{}")
	for _, field := range f {
		field, err := field.decode(max(limit-size, 0), field.charset, labels[field.Name], charset, labels[""])
		if large := (*TooLargeError)(nil); errors.As(err, &large) {
			return nil, &TooLargeError{Limit: limit}
		}
		if err != nil {
			return nil, err
		}
		if values[field.Name] == nil {
			names = append(names, field.Name)
			size += quotedLen(field.Name) + len(":,")
		}
		values[field.Name] = append(values[field.Name], field)
		size += field.size()
	}
	for _, all := range values {
		if len(all) > 1 {
			size += len("[]") + len(all) - 1
		}
	}
	if size -= min(len(names), len(",")); size > limit { // no comma after the last one
		return nil, &TooLargeError{Limit: limit, Actual: size}
	}
	out := append(make([]byte, 0, size), '{')
	for i, name := range names {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(out, quote(name)...), ':')
		if all := values[name]; len(all) == 1 {
			out = all[0].append(out)
		} else {
			out = append(out, '[')
			for j, field := range all {
				if j > 0 {
					out = append(out, ',')
				}
				out = field.append(out)
			}
			out = append(out, ']')
		}
	}
	return append(out, '}'), nil
}

// size returns the length of the field's value in JSON, in bytes.
func (f Field) size() int {
	if f.json != nil {
		return len(f.json)
	}
	return quotedLen(f.Value)
}

// append appends the field's value in JSON.
func (f Field) append(out []byte) []byte {
	if f.json != nil {
		return append(out, f.json...)
	}
	return append(out, quote(f.Value)...)
}

// decode returns the field in UTF-8.
func (f Field) decode(limit int, labels ...string) (Field, error) {
	label := choose(labels)
	for _, text := range []*string{&f.Name, &f.Value} {
		if utf8.ValidString(*text) && label == "" {
			continue
		}
		decoded, err := decode([]byte(*text), limit, label)
		if err != nil {
			return Field{}, f.located(err)
		}
		*text = string(decoded)
	}
	return f, nil
}

// located sets the offset of an error to the beginning of the field, since an offset
// within the field would count decoded bytes.
func (f Field) located(err error) error {
	if invalid := (*InvalidError)(nil); errors.As(err, &invalid) {
		invalid.Offset = f.at
	}
	return err
}

// labels returns the charsets that a form declares in its own fields, by the name of the
// field that they apply to. SendGrid does this in "charsets". A charset for all fields
// has the name "": browsers send it in "_charset_", and PayPal in "charset".
func (f Form) labels() map[string]string {
	labels := map[string]string{}
	for _, field := range f {
		switch field.Name {
		case "charsets":
			var byField map[string]string
			if json.Unmarshal([]byte(field.Value), &byField) == nil {
				for name, label := range byField {
					labels[name] = label
				}
			}
		case "_charset_", "charset":
			if lookUp(field.Value) != nil && labels[""] == "" {
				labels[""] = field.Value
			}
		}
	}
	return labels
}
