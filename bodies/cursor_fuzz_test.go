package bodies_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"callback-relay/bodies"
)

// FuzzCursor compares a cursor with the decoder of encoding/json. Of text that is not JSON it
// only has to end.
func FuzzCursor(f *testing.F) {
	for _, text := range []string{
		`{}`, `[]`, `""`, ` {"a" : [1, -2.5e3,true,false,null, {"b\"\\": "\u00e9\\"}] , "a":"x" } `, `"\\\\\""`, `[[[]],{"":{}}]`, `12`,
		"\"\\\"", `{"a"`, `[1 2`, `}`, `{"a":}`, `"`, `\`, "\"\\", `{"a" "b"}`, `[,]`, "",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got := tokens(text)
		walked := walk(bodies.NewCursor(text), 0)
		if bodies.CheckJSON(text) != nil {
			return
		}
		if want := decoded(t, text); got != want || walked != want {
			t.Errorf("%q: tokens\n%s\nwalked\n%s\nwant\n%s", text, got, walked, want)
		}
		if value := bodies.NewCursor(text).Value(); !bytes.Equal(value, bytes.Trim(text, " \t\r\n")) {
			t.Errorf("%q: value %q", text, value)
		}
	})
}

// tokens returns one line for each token of a text.
func tokens(text []byte) string {
	var b strings.Builder
	c := bodies.NewCursor(text)
	for token := c.Token(); token != nil; token = c.Token() {
		fmt.Fprintf(&b, "%s\n", plain(token))
	}
	return b.String()
}

// walk returns the same as tokens, by way of what an object and a list have.
func walk(c *bodies.Cursor, depth int) string {
	var b strings.Builder
	switch first := c.Next(); {
	case first == '{' && depth < bodies.MaxDepth:
		b.WriteString("{\n")
		_ = c.Members(func(name []byte) error {
			fmt.Fprintf(&b, "%s\n%s", bodies.Encode(bodies.Unquote(name)), walk(c, depth+1))
			return nil
		})
		b.WriteString("}\n")
	case first == '[' && depth < bodies.MaxDepth:
		b.WriteString("[\n")
		_ = c.Elements(func(int) error {
			b.WriteString(walk(c, depth+1))
			return nil
		})
		b.WriteString("]\n")
	default:
		fmt.Fprintf(&b, "%s\n", plain(c.Token()))
	}
	return b.String()
}

// decoded returns the tokens of valid JSON as encoding/json sees them.
func decoded(t *testing.T, text []byte) string {
	var b strings.Builder
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return b.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		if name, isText := token.(string); isText {
			token = string(bodies.Encode(name))
		}
		if token == nil {
			token = "null"
		}
		fmt.Fprintf(&b, "%v\n", token)
	}
}

// plain returns a token with its string written in one way.
func plain(token []byte) string {
	var text string
	if len(token) > 0 && token[0] == '"' && json.Unmarshal(token, &text) == nil {
		return string(bodies.Encode(text))
	}
	return string(token)
}

// TestCursorStops: an error of the caller ends the walk.
func TestCursorStops(t *testing.T) {
	t.Parallel()
	stop := errors.New("stop")
	for _, text := range []string{`{"a":1,"b":2}`, `[1,2]`} {
		c, calls := bodies.NewCursor([]byte(text)), 0
		each := func() error { calls++; return stop }
		var err error
		if c.Next() == '{' {
			err = c.Members(func([]byte) error { return each() })
		} else {
			err = c.Elements(func(int) error { return each() })
		}
		if !errors.Is(err, stop) || calls != 1 {
			t.Errorf("%s: %v after %d calls", text, err, calls)
		}
	}
}

// TestCursorTellsNames: a string is a name if a colon follows.
func TestCursorTellsNames(t *testing.T) {
	t.Parallel()
	c := bodies.NewCursor([]byte("{\"name\" \t\r\n: \"text:\"}"))
	c.Token()
	if name := c.Token(); !c.Named() {
		t.Errorf("%s is no name", name)
	}
	if text := c.Token(); c.Named() || c.Offset() != len("{\"name\" \t\r\n: \"text:\"") {
		t.Errorf("%s is a name, up to %d", text, c.Offset())
	}
}
