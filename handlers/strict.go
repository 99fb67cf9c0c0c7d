package handlers

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"callback-relay/api"
	"callback-relay/bodies"
	"callback-relay/relay"
	"callback-relay/spelling"
)

// shapes says what a field must be, if its Go type does not say enough. * stands for the name
// of a link or an await.
var shapes = map[string]string{
	"tags":             "an object of texts, numbers or booleans",
	"tags.*":           "a text, a number, true or false",
	"links":            `an object of objects such as {"type":"webhook"}`,
	"links.*":          `an object such as {"type":"webhook"}`,
	"awaits":           `an object of objects such as {"sender":"stripe","key":"pi_3N"}`,
	"awaits.*":         `an object such as {"sender":"stripe","key":"pi_3N"}`,
	"awaits.*.sender":  "the name of a sender that has a hook in the relay's configuration file",
	"links.*.approver": anApprover,
	"approver":         anApprover, // of a link that is added
}

const anApprover = `a name, or an object such as {"name":"Dana Okafor","email":"dana@example.com"}`

// anyName returns a field with * for the name of the link or await in it.
func anyName(field string) string {
	parts := strings.SplitN(field, ".", 3)
	if len(parts) > 1 && (parts[0] == "links" || parts[0] == "awaits") {
		parts[1] = "*"
	}
	if strings.HasPrefix(field, "tags.") {
		return "tags.*"
	}
	return strings.Join(parts, ".")
}

// shape says what a field of the type must be.
func shape(field string, t reflect.Type) string {
	if known, ok := shapes[anyName(field)]; ok {
		return known
	}
	switch t.Kind() {
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map, reflect.Pointer:
		return "an object"
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	}
	return "a string"
}

// decodeStrictly decodes one JSON object. An unknown field is a mistake, since it is
// most likely misspelt, and so is a field that is given twice.
func decodeStrictly(body []byte, into any) error {
	if err := bodies.CheckJSON(body); err != nil {
		return err
	}
	if err := (checker{bodies.NewCursor(body)}).value(reflect.TypeOf(into), "body"); err != nil {
		return err
	}
	err := json.Unmarshal(body, into)
	if err == nil {
		return nil
	}
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
		// It is a number: all else that does not fit was found before, with its whole path.
		field := cmp.Or(wrong.Field, "body")
		return &relay.InvalidFieldError{Field: field, Problem: "must be " + shape(field, wrong.Type)}
	}
	// The only other error is a time that cannot be read.
	return &relay.InvalidFieldError{Field: "expiresAt", Problem: "must be an RFC 3339 time such as 2030-01-31T12:00:00Z"}
}

// checker reads valid JSON, and refuses what encoding/json would silently accept or
// change: names that match a field only in another case; names given twice, where
// the last would count; and half of a surrogate pair in a string, which would become
// U+FFFD.
type checker struct{ *bodies.Cursor }

// value reads one value that will be decoded into a t.
func (c checker) value(t reflect.Type, field string) error {
	first := c.Next()
	if t != reflect.TypeFor[json.RawMessage]() && !fits(first, t) {
		return &relay.InvalidFieldError{Field: field, Problem: "must be " + shape(field, t)}
	}
	switch {
	case t == reflect.TypeFor[json.RawMessage]():
		return c.raw(field)
	case first == '{':
		return c.object(t, field)
	case first == '[':
		var element reflect.Type
		if t != nil && t.Kind() == reflect.Slice {
			element = t.Elem()
		}
		return c.Elements(func(i int) error { return c.value(element, fmt.Sprintf("%s[%d]", field, i)) })
	case halfCharacter(c.Token()):
		return halved(field)
	}
	return nil
}

// tag stands for the value of a tag, which becomes a text.
type tag struct{}

// fits tells whether a value with this first byte can be decoded into a t. Numbers and
// texts with a form of their own are left to the decoder.
func fits(first byte, t reflect.Type) bool {
	if t == reflect.TypeFor[api.Tags]() {
		return first == '{' || first == 'n'
	}
	if t == reflect.TypeFor[api.Approver]() {
		return first == '"' || first == '{' || first == 'n'
	}
	if t == nil || first == 'n' || reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return true
	}
	if t == reflect.TypeFor[tag]() {
		return first == '"' || first == 't' || first == 'f' || isNumber(first)
	}
	switch t.Kind() {
	case reflect.Pointer:
		return fits(first, t.Elem())
	case reflect.Struct, reflect.Map:
		return first == '{'
	case reflect.Slice:
		return first == '['
	case reflect.String:
		return first == '"'
	case reflect.Bool:
		return first == 't' || first == 'f'
	case reflect.Int:
		return isNumber(first)
	}
	return true
}

// object reads the members of an object that will be decoded into a t.
func (c checker) object(t reflect.Type, field string) error {
	seen := map[string]bool{}
	return c.Members(func(quoted []byte) error {
		if halfCharacter(quoted) {
			return halved(field)
		}
		name := bodies.Unquote(quoted)
		of, at, err := member(t, field, name)
		if err != nil {
			return err
		}
		switch {
		case seen[name] && at == field:
			return &relay.InvalidFieldError{Field: at, Problem: "has a name that is given more than once"}
		case seen[name]:
			return &relay.InvalidFieldError{Field: at, Problem: "is given more than once"}
		}
		seen[name] = true
		return c.value(of, at)
	})
}

// raw reads a value that is passed on unchanged: an output, which is sent byte for
// byte, or texts that are decoded later.
func (c checker) raw(field string) error {
	raw := c.Value()
	if (strings.HasPrefix(field, "approval.") || anyName(field) == "awaits.*.key") && halfCharacter(raw) {
		return halved(field)
	}
	return nil
}

func halved(field string) error {
	return &relay.InvalidFieldError{Field: field, Problem: `has half of a surrogate pair, an escape from \ud800 to \udfff without its other half: ` +
		`for example \ud83d alone, where \ud83d\ude00 is a character`}
}

// halfCharacter tells whether valid JSON has an escape for one half of a surrogate
// pair without the other half.
func halfCharacter(text []byte) bool {
	unit := func(at int) (uint64, bool) {
		if at+6 > len(text) || text[at] != '\\' || text[at+1] != 'u' {
			return 0, false
		}
		n, err := strconv.ParseUint(string(text[at+2:at+6]), 16, 16)
		return n, err == nil
	}
	for at := 0; at < len(text); at++ {
		next := bytes.IndexByte(text[at:], '\\')
		if next < 0 {
			return false
		}
		at += next
		first, escaped := unit(at)
		switch {
		case !escaped:
			at++ // skip the escaped character
		case first < 0xd800 || first > 0xdfff:
			at += 5
		case first > 0xdbff: // the second half, first
			return true
		default:
			if second, ok := unit(at + 6); !ok || second < 0xdc00 || second > 0xdfff {
				return true
			}
			at += 11
		}
	}
	return false
}

// member returns the type of the named member of an object that will be decoded into
// a t, and the field name for reporting mistakes in it. The type is nil if t is not an
// object: the decoder reports that mistake.
func member(t reflect.Type, field, name string) (reflect.Type, string, error) {
	if t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == nil || t == reflect.TypeFor[time.Time]():
		return nil, field, nil
	case t == reflect.TypeFor[api.Tags]():
		if !plainTag.MatchString(name) {
			return reflect.TypeFor[tag](), field, nil
		}
		return reflect.TypeFor[tag](), field + "." + name, nil
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Struct:
		if !plainName.MatchString(name) {
			name = "[left out]"
		}
		return t.Elem(), field + "." + name, nil
	case t.Kind() == reflect.Map:
		return t.Elem(), field, nil
	case t.Kind() != reflect.Struct:
		return nil, field, nil
	}
	if of, known := members(t)[name]; known {
		return of, strings.TrimPrefix(field+"."+name, "body."), nil
	}
	at := strings.TrimPrefix(fmt.Sprintf("%s.%.64s", field, name), "body.")
	return nil, "", &relay.InvalidFieldError{Field: at, Problem: unknown(t, name)}
}

// plainName is the form of the names of links and awaits that errors show. Another name is a
// mistake, and may be a secret in the wrong place.
var plainName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,63}$`)

// plainTag is the form of the keys of tags that errors show.
var plainTag = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// unknown says what may be meant by a name that an object does not have.
func unknown(t reflect.Type, name string) string {
	link, await := reflect.TypeFor[api.LinkRequest](), reflect.TypeFor[api.AwaitRequest]()
	switch {
	case t == link && members(await)[name] != nil:
		return "belongs in awaits: a link has no " + name
	case t == await && members(link)[name] != nil:
		return "belongs in links: an await has no " + name
	}
	return "is not a known field" + spelling.DidYouMean(name, slices.Sorted(maps.Keys(members(t))))
}

// known are the members of each struct, once they were asked for.
var known sync.Map

// members returns the members of an object that will be decoded into a t, with their types.
func members(t reflect.Type) map[string]reflect.Type {
	if of, found := known.Load(t); found {
		return of.(map[string]reflect.Type)
	}
	of := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag != "" {
			of[tag] = f.Type
		}
	}
	known.Store(t, of)
	return of
}
