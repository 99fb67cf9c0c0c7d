package relay

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"callback-relay/hyperlinks"
	"callback-relay/names"
)

// Detail is one line of what people decide about.
//
// In JSON it is a pair of name and value. The third element of others is the URL, or the
// boolean. The previous release reads the first two only, and shows the value as a text.
type Detail struct {
	Name, Value string
	URL         string // the value links to it: https, mailto or tel; "" for none
	Boolean     bool   // the value is "true" or "false", to be shown in the reader's language
}

// MarshalJSON implements [json.Marshaler].
func (d Detail) MarshalJSON() ([]byte, error) {
	elements := []any{d.Name, d.Value}
	switch {
	case d.URL != "":
		elements = append(elements, d.URL)
	case d.Boolean:
		elements = append(elements, d.Value == "true")
	}
	return json.Marshal(elements)
}

// UnmarshalJSON implements [json.Unmarshaler].
func (d *Detail) UnmarshalJSON(text []byte) error {
	var elements []any
	if err := json.Unmarshal(text, &elements); err != nil {
		return err
	}
	if len(elements) < 2 {
		return errors.New("a detail is not a pair of name and value")
	}
	name, named := elements[0].(string)
	value, valued := elements[1].(string)
	if !named || !valued {
		return errors.New("the name and the value of a detail are not texts")
	}
	*d = Detail{Name: name, Value: value}
	if len(elements) > 2 {
		d.URL, _ = elements[2].(string)
		_, d.Boolean = elements[2].(bool)
	}
	return nil
}

// Field is the path of the detail in a registration, for errors. It has no name that
// cannot be the name of a detail, which may be a secret in the wrong place.
func (d Detail) Field() string {
	const all = "approval.details"
	if utf8.RuneCountInString(d.Name) > MaxDetailNameChars || names.Blank(d.Name) || strings.ContainsFunc(d.Name, unicode.IsControl) {
		return all
	}
	return all + "." + d.Name
}

func (m *mistakes) checkDetails(details []Detail) {
	if len(details) > MaxDetails {
		m.add("approval.details", "has %d entries, but at most %d are allowed", len(details), MaxDetails)
	}
	for _, d := range details {
		if strings.TrimSpace(d.Name) == "" {
			m.add("approval.details", "has an empty name: give each detail a name, such as Version")
		}
		m.text(d.Field(), d.Name, MaxDetailNameChars)
		m.text(d.Field(), d.Value, MaxDetailValueChars)
		if d.URL != "" {
			m.text(d.Field()+".url", d.URL, MaxRedirectChars)
			if _, ok := hyperlinks.Parse(d.URL); !ok {
				m.add(d.Field()+".url", "must be an https URL without a user name, a mailto URL of one address, with at most a subject and a body, or a tel URL, "+
					"such as https://example.com/42, mailto:kim@example.com or tel:+49301234567")
			}
		}
	}
}
