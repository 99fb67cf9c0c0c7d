package forms

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// checkMembers tells what is wrong with the names and numbers of valid JSON: names
// given twice, of which the last would count, and numbers that take too long to
// calculate with. "" is nothing.
func checkMembers(d *json.Decoder) (problem string) {
	token, _ := d.Token() // of JSON that was checked
	if n, ok := token.(json.Number); ok && !isShortNumber(n.String()) {
		return fmt.Sprintf("has a number of more than %d characters or with an exponent of more than 3 digits", maxNumberChars)
	}
	if token != json.Delim('{') && token != json.Delim('[') {
		return ""
	}
	seen := map[string]bool{}
	for d.More() {
		if token == json.Delim('{') {
			key, _ := d.Token()
			name := fmt.Sprint(key)
			if seen[name] {
				return "has an object with one name more than once"
			}
			seen[name] = true
		}
		if problem := checkMembers(d); problem != "" {
			return problem
		}
	}
	_, _ = d.Token() // the end of it
	return ""
}

// members are those of a JSON object, in its order.
type members []struct {
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
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, false
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, false
		}
		all = append(all, struct {
			name  string
			value json.RawMessage
		}{fmt.Sprint(key), value})
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
