package forms

import (
	"encoding/json"
	"fmt"

	"callback-relay/bodies"
	"callback-relay/schemas"
)

// checkMembers reads a value, and returns an error for a name that is given twice in one
// object, where the last one would count, or for a number that takes too long to calculate
// with.
func checkMembers(c *bodies.Cursor) error {
	switch first := c.Next(); first {
	case '{':
		seen := map[string]bool{}
		return c.Members(func(quoted []byte) error {
			name := bodies.Unquote(quoted)
			if seen[name] {
				return &Mistake{"", "has an object in which a name is given more than once"}
			}
			seen[name] = true
			return checkMembers(c)
		})
	case '[':
		return c.Elements(func(int) error { return checkMembers(c) })
	case '"', 't', 'f', 'n':
		c.Token()
	default:
		if !schemas.IsShortNumber(string(c.Token())) {
			return &Mistake{"", fmt.Sprintf("has a number of more than %d characters or with an exponent of more than 3 digits", schemas.MaxNumberChars)}
		}
	}
	return nil
}

// members are the members of a JSON object, in order.
type members []member

type member struct {
	name  string
	value json.RawMessage
}

// membersOf returns the members of a JSON object, and false for other valid JSON.
func membersOf(text []byte) (members, bool) {
	c := bodies.NewCursor(text)
	if c.Next() != '{' {
		return nil, false
	}
	all := members{}
	_ = c.Members(func(quoted []byte) error { // which has no error of its own
		all = append(all, member{bodies.Unquote(quoted), c.Value()})
		return nil
	})
	return all, true
}

// get returns the value of a member, nil for none.
func (m members) get(name string) json.RawMessage {
	for _, member := range m {
		if member.name == name {
			return member.value
		}
	}
	return nil
}

// text returns the value of a member that is a string, and false if there is none.
func (m members) text(name string) (string, bool) {
	return textOf(m.get(name))
}

func textOf(value json.RawMessage) (text string, ok bool) {
	if len(value) == 0 || value[0] != '"' {
		return "", false
	}
	return text, json.Unmarshal(value, &text) == nil
}
