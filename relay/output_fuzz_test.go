package relay_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"callback-relay/bodies"
	"callback-relay/relay"
)

var bodyMistake = regexp.MustCompile(`^the body is (not valid UTF-8|nested deeper than 512 levels|not one JSON value) \(at byte \d+\)$`)

// Row 27: a text passes if it is one JSON value in UTF-8 that is not nested too deeply,
// and only then. An error contains the offset and quotes nothing.
func FuzzCheckOutput(f *testing.F) {
	for _, text := range []string{
		`{}`, `{"a":[1,2.50,-0,1e999,true,null,"\ud800"]}`, ` [ ] `, `"é"`, `{"a":1,"a":2}`, `1 2`, `NaN`, ``, ` `, `{"a":1,}`,
		"\"\xff\"", "\"\xc0\xaf\"", "\ufeff{}", `"[[[["`, `"\"[["`, `"a`, `{"a":"b`, `01`, `"` + "\x00" + `"`, "]", `[}`,
		strings.Repeat("[", 512) + strings.Repeat("]", 512), strings.Repeat("[", 513) + strings.Repeat("]", 513),
		strings.Repeat(`{"a":`, 513) + "1" + strings.Repeat("}", 513),
	} {
		f.Add([]byte(text))
	}
	const limit = 4000
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		err := relay.CheckOutput(text, limit)
		if !bytes.Equal(before, text) {
			t.Error("the bytes were changed")
		}
		large, invalid := (*bodies.TooLargeError)(nil), (*bodies.InvalidError)(nil)
		switch {
		case len(text) > limit:
			if !errors.As(err, &large) || large.Actual != len(text) || large.Limit != limit {
				t.Errorf("%d bytes: %v", len(text), err)
			}
		case !utf8.Valid(text) || !json.Valid(text) || depth(text) > bodies.MaxDepth:
			if !errors.As(err, &invalid) {
				t.Fatalf("%q passes: %v", text, err)
			}
			if invalid.Offset < 0 || invalid.Offset > len(text) {
				t.Errorf("offset %d of %d", invalid.Offset, len(text))
			}
			if !bodyMistake.MatchString(err.Error()) {
				t.Errorf("the error may quote the body: %q", err)
			}
			// The encoding is valid up to the reported offset.
			if strings.Contains(invalid.Problem, "UTF-8") && !utf8.Valid(text[:invalid.Offset]) {
				t.Errorf("the first bad byte is before %d", invalid.Offset)
			}
		case err != nil:
			t.Errorf("%q is refused: %v", text, err)
		}
	})
}

// depth tells how deep valid JSON nests, as the standard decoder sees it.
func depth(text []byte) int {
	d := json.NewDecoder(bytes.NewReader(text))
	now, most := 0, 0
	for {
		token, err := d.Token()
		if err != nil {
			return most
		}
		switch token {
		case json.Delim('['), json.Delim('{'):
			now++
			most = max(most, now)
		case json.Delim(']'), json.Delim('}'):
			now--
		}
	}
}
