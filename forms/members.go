package forms

import (
	"bytes"
	"encoding/json"
	"fmt"

	"callback-relay/bodies"
	"callback-relay/schemas"
)

// checkMembers returns an error for valid JSON with a name that is given twice in one
// object, where the last one would count, or with a number that takes too long to
// calculate with.
func checkMembers(d *json.Decoder) error {
	token, err := d.Token()
	if n, ok := token.(json.Number); ok && !schemas.IsShortNumber(n.String()) {
		return &Mistake{"", fmt.Sprintf("has a number of more than %d characters or with an exponent of more than 3 digits", schemas.MaxNumberChars)}
	}
	switch token {
	case json.Delim('{'):
		return bodies.EachMember(d, func(_ string, again bool) error {
			if again {
				return &Mistake{"", "has an object in which a name is given more than once"}
			}
			return checkMembers(d)
		})
	case json.Delim('['):
		for d.More() {
			if err := checkMembers(d); err != nil {
				return err
			}
		}
		_, err = d.Token() // the closing bracket
	}
	return err
}

// members are the members of a JSON object, in order.
type members []member

type member struct {
	name  string
	value json.RawMessage
}

// membersOf returns the members of a JSON object, and false for anything else.
func membersOf(text []byte) (members, bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return nil, false
	}
	all := members{}
	err := bodies.EachMember(d, func(name string, _ bool) error {
		var value json.RawMessage
		err := d.Decode(&value)
		all = append(all, member{name, value})
		return err
	})
	if err != nil {
		return nil, false
	}
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
