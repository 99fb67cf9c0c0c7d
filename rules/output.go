package rules

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"callback-relay/bodies"
)

const (
	maxOutputMembers = 20
	// maxOutputBytes bounds an object whose members overlap in the body. It is above
	// what Step Functions takes, so that the relay judges all outputs alike.
	maxOutputBytes = 1 << 20

	maxErrorChars = 256    // of SendTaskFailure
	maxCauseChars = 32_768 // likewise
)

// output is what a success gives the task.
type output struct {
	whole   pointer // the one value; nil if there are members
	members []outputMember
}

type outputMember struct {
	name []byte // in quotes, as the registration wrote it
	from pointer
	text string // of the pointer
}

// parseOutput parses an output: a JSON Pointer, or an object of them. The error
// continues a sentence.
func parseOutput(raw json.RawMessage) (*output, error) {
	raw = bytes.TrimSpace(raw)
	if text, isText := textOf(raw); isText {
		from, err := parsePointer(text)
		return &output{whole: from, members: []outputMember{{text: text, from: from}}}, err
	}
	shape := errors.New(`must be a JSON Pointer such as "/data", or an object of them such as {"id": "/data/id"}`)
	if len(raw) == 0 || raw[0] != '{' || bodies.CheckJSON(raw) != nil {
		return nil, shape
	}
	out, c, seen := &output{}, bodies.NewCursor(raw), map[string]bool{}
	err := c.Members(func(quoted []byte) error {
		name := bodies.Unquote(quoted)
		text, isText := textOf(c.Value())
		from, err := parsePointer(text)
		switch {
		case !isText:
			return shape
		case err != nil:
			return fmt.Errorf("has a member %.64q that %w", name, err)
		case seen[name]:
			return fmt.Errorf("has the member %.64q more than once", name)
		}
		seen[name] = true
		out.members = append(out.members, outputMember{quoted, from, text})
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(out.members) > maxOutputMembers {
		return nil, fmt.Errorf("has %d members, but at most %d are allowed", len(out.members), maxOutputMembers)
	}
	return out, nil
}

// cut makes the output from the bytes of a body.
func (o *output) cut(body []byte) ([]byte, error) {
	values, size := make([][]byte, len(o.members)), len("{}")
	for i, member := range o.members {
		value, found := member.from.cut(body)
		if !found {
			return nil, &failure{ReasonPointer, fmt.Sprintf("output: the body has nothing at %q", member.text)}
		}
		values[i] = value
		size += len(member.name) + len(value) + len(":,")
	}
	if o.whole != nil {
		return values[0], nil
	}
	if size > maxOutputBytes {
		return nil, &failure{ReasonOutput, fmt.Sprintf("output: would have more than %d bytes", maxOutputBytes)}
	}
	built := append(make([]byte, 0, size), '{')
	for i, member := range o.members {
		if i > 0 {
			built = append(built, ',')
		}
		built = append(append(append(built, member.name...), ':'), values[i]...)
	}
	return append(built, '}'), nil
}

// text is what a failure tells: a fixed text, or the text at a pointer.
type text struct {
	fixed string
	from  pointer // nil for a fixed text
}

// parseText parses an error or a cause. The error continues a sentence.
func parseText(given string, most int) (text, error) {
	if given == "" || given[0] != '/' {
		if n := utf8.RuneCountInString(given); n > most {
			return text{}, fmt.Errorf("has %d characters, but at most %d are allowed", n, most)
		}
		return text{fixed: given}, nil
	}
	from, err := parsePointer(given)
	return text{fixed: given, from: from}, err
}

// cut returns the text, of at most so many characters; false if there is none. A value that is
// not a text becomes its JSON.
func (t text) cut(body []byte, most int) (string, bool) {
	if t.from == nil {
		return t.fixed, true
	}
	raw, found := t.from.cut(body)
	if !found || string(raw) == "null" {
		return "", false
	}
	value, isText := textOf(raw)
	if !isText {
		value = string(raw)
	}
	return firstChars(value, most), true
}

func firstChars(value string, most int) string {
	if len(value) <= most {
		return value
	}
	n := 0
	for at := range value {
		if n == most {
			return value[:at]
		}
		n++
	}
	return value
}

// textOf decodes a JSON text; false for any other value.
func textOf(raw []byte) (text string, ok bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	return text, json.Unmarshal(raw, &text) == nil
}
