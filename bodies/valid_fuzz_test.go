package bodies_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"callback-relay/bodies"
)

// FuzzCheckJSON compares what is accepted with encoding/json, which allows deeper nesting.
func FuzzCheckJSON(f *testing.F) {
	for _, text := range []string{
		``, ` `, `{}`, `[]`, `{ }`, `[ ]`, `null`, `true`, `false`, `tru`, `nulls`, `"`, `""`, `"a`, `"\`, `"\"`, `"\u12`, `"\u12aF"`, `"\u12ag"`, `"\x"`,
		`"\"\\\/\b\f\n\r\t"`, "\"\x1f\"", "\"\x7f\"", "\"a longer text with a tab\t in it\"", `"é"`, `"longer text, é, and more"`, `"12345678"`, `"1234567\"90"`,
		`0`, `-0`, `00`, `01`, `-`, `+1`, `1.`, `.1`, `1.5`, `1e`, `1e5`, `1E+5`, `1e-`, `1.5e-05`, `-a`, `1 2`, `1,`,
		`{"a":1}`, `{"a":1,}`, `{"a"}`, `{"a":}`, `{a:1}`, `{"a":1 "b":2}`, `{"a":1,"b":[{},[],null]}`, `{"a":1]`, `[1,]`, `[,1]`, `[1 2]`, `[1}`, `{,}`, "\t\r\n [ 1 , \"b\" ]\n",
		"\ufeff{}", "{}\x00", strings.Repeat("[", 512) + strings.Repeat("]", 512), strings.Repeat(`{"a":`, 512) + "1" + strings.Repeat("}", 512),
		strings.Repeat("[", 513) + strings.Repeat("]", 513), strings.Repeat("[", 512) + "{}" + strings.Repeat("]", 512), strings.Repeat("[", 600),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		want := json.Valid(text) && utf8.Valid(text) && depth(text) <= bodies.MaxDepth
		if err := bodies.CheckJSON(text); (err == nil) != want {
			t.Errorf("%q: %v, but acceptable is %t", text, err, want)
		}
	})
}

// TestEveryByte puts each byte at each place of texts that have every kind of token, and
// compares with encoding/json.
func TestEveryByte(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`"\u00aF"`, `"\n\\ab"`, `"twelve bytes"`, `-10.25e+30`, `[true,false,null]`, `{"a":[{}],"b":""}`, ` [ ] `,
	} {
		for at := range text {
			for b := range 256 {
				changed := []byte(text)
				changed[at] = byte(b)
				want := json.Valid(changed) && utf8.Valid(changed)
				if err := bodies.CheckJSON(changed); (err == nil) != want {
					t.Errorf("%q: %v, but acceptable is %t", changed, err, want)
				}
			}
		}
	}
}

// depth returns how deep valid JSON nests.
func depth(text []byte) (most int) {
	d := json.NewDecoder(strings.NewReader(string(text)))
	for now := 0; ; {
		token, err := d.Token()
		if err != nil {
			return most
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			now++
			most = max(most, now)
		case json.Delim('}'), json.Delim(']'):
			now--
		}
	}
}
