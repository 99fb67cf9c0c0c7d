package handlers

import (
	"encoding/json"
	"strings"

	"callback-relay/bodies"
	"callback-relay/relay"
)

// readDetails reads the details of an approval in their order, which encoding/json would
// lose in a map.
func readDetails(object json.RawMessage) ([]relay.Detail, error) {
	if object == nil {
		return nil, nil
	}
	c := bodies.NewCursor(object)
	if c.Next() != '{' {
		return nil, wrongDetails("approval.details", `must be an object such as {"Service": "billing"}`)
	}
	var details []relay.Detail
	seen := map[string]bool{}
	err := c.Members(func(quoted []byte) error {
		d := relay.Detail{Name: bodies.Unquote(quoted)}
		if seen[d.Name] {
			return wrongDetails(d.Field(), "is given more than once")
		}
		seen[d.Name] = true
		var err error
		switch first := c.Next(); {
		case first == '"':
			d.Value = bodies.Unquote(c.Token())
		case first == '{':
			d.Value, d.URL, err = readLinked(c, d.Field())
		case isNumber(first):
			d.Value = string(c.Token()) // with its digits as they are written
		case first == 't', first == 'f':
			d.Value, d.Boolean = string(c.Token()), true
		default:
			err = wrongDetails(d.Field(), `must be a text, a number, true or false, or an object such as {"text": "Ticket 42", "url": "https://example.com/42"}`)
		}
		details = append(details, d)
		return err
	})
	return details, err
}

// readLinked reads a value with the members text and url, which are both required.
func readLinked(c *bodies.Cursor, field string) (text, url string, err error) {
	given := map[string]string{}
	err = c.Members(func(quoted []byte) error {
		name := bodies.Unquote(quoted)
		_, twice := given[name]
		switch {
		case name != "text" && name != "url":
			return wrongDetails(field, "must have no other members than text and url")
		case twice:
			return wrongDetails(field+"."+name, "is given more than once")
		case c.Next() != '"':
			return wrongDetails(field+"."+name, "must be a string")
		}
		given[name] = bodies.Unquote(c.Token())
		return nil
	})
	if err == nil && (strings.TrimSpace(given["text"]) == "" || given["url"] == "") {
		err = wrongDetails(field, `must have both text and url, such as {"text": "Ticket 42", "url": "https://example.com/42"}`)
	}
	return given["text"], given["url"], err
}

func wrongDetails(field, problem string) error {
	return &relay.InvalidFieldError{Field: field, Problem: problem}
}

// isNumber tells whether a JSON value with this first byte is a number.
func isNumber(first byte) bool { return first == '-' || first >= '0' && first <= '9' }
