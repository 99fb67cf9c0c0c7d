package forms

import (
	"bytes"
	"encoding/json"

	"callback-relay/bodies"
)

// checkMembers tells what is wrong with the names and numbers of valid JSON: names
// given twice, of which the last would count, and numbers that take too long to
// calculate with. nil is nothing.
func checkMembers(d *json.Decoder) error {
	token, err := d.Token()
	if n, ok := token.(json.Number); ok && !isShortNumber(n.String()) {
		return refuse("has a number of more than %d characters or with an exponent of more than 3 digits", maxNumberChars)
	}
	switch token {
	case json.Delim('{'):
		return bodies.EachMember(d, func(_ string, again bool) error {
			if again {
				return refuse("has an object with one name more than once")
			}
			return checkMembers(d)
		})
	case json.Delim('['):
		for d.More() {
			if err := checkMembers(d); err != nil {
				return err
			}
		}
		_, err = d.Token() // the bracket that closes it
	}
	return err
}

// members are those of a JSON object, in its order.
type members []member

type member struct {
	name  string
	value json.RawMessage
}

// membersOf tells the members of a JSON object, and false for anything else.
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

// get returns the value that has the name, nil for none.
func (m members) get(name string) json.RawMessage {
	for _, member := range m {
		if member.name == name {
			return member.value
		}
	}
	return nil
}

// text returns the text that has the name, and false where there is none.
func (m members) text(name string) (string, bool) {
	return textOf(m.get(name))
}

func textOf(value json.RawMessage) (text string, ok bool) {
	if len(value) == 0 || value[0] != '"' {
		return "", false
	}
	return text, json.Unmarshal(value, &text) == nil
}
