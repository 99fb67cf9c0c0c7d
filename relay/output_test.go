package relay_test

import (
	"errors"
	"strings"
	"testing"

	"callback-relay/bodies"
	"callback-relay/relay"
)

func TestCheckOutput(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, good := range []string{
		`{}`, `null`, ` 1 `, `12345678901234567890123`, `{"a":1,"a":2}`, `"\ud800"`, `1e999`,
		`"` + strings.Repeat("[", 600) + `\"{"`, deep(bodies.MaxDepth), `"ä€😀"`,
	} {
		if err := relay.CheckOutput([]byte(good), relay.MaxOutputBytes); err != nil {
			t.Errorf("%.40s: %v", good, err)
		}
	}
	for _, c := range []struct {
		in     string
		offset int
	}{
		{``, 0},
		{`secret`, 0},
		{`{"a":}`, 5},
		{`{"a":1`, 5},
		{`{"a":1} x`, 8},
		{`"a` + "\xff" + `"`, 2},
		{"\xef\xbb\xbf{}", 0},
		{`NaN`, 0},
		{deep(bodies.MaxDepth + 1), bodies.MaxDepth},
		{`{"a":"\x"}`, 7},
	} {
		var invalid *bodies.InvalidError
		if err := relay.CheckOutput([]byte(c.in), relay.MaxOutputBytes); !errors.As(err, &invalid) {
			t.Errorf("%.40q: %v", c.in, err)
		} else if invalid.Offset != c.offset {
			t.Errorf("%.40q: wrong at %d, want %d (%v)", c.in, invalid.Offset, c.offset, err)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error quotes the body: %v", err)
		}
	}
}

// TestCheckLengths (row 84): JSON with a number or a name that is too long for Step
// Functions is refused with its offset, so that the link can still be used.
func TestCheckLengths(t *testing.T) {
	digits := strings.Repeat("7", relay.MaxNumberChars)
	name := strings.Repeat("n", relay.MaxNameChars)
	for _, good := range []string{
		digits, "-" + digits[1:], "[" + digits + "," + digits + "]", `{"a":0.` + digits[2:] + `}`, digits[:998] + "e9",
		`"` + digits + digits + `"`, `["\\",` + digits + `]`, `["\"` + digits + `9"]`,
		`{"` + name + `":1}`, `["` + name + name + `"]`, `{"a":"` + name + `n"}`,
		`{"` + strings.Repeat(`\u00e9`, relay.MaxNameChars/2) + `":1}`, `{"` + strings.Repeat(`é`, relay.MaxNameChars) + `":1}`,
	} {
		if err := relay.CheckOutput([]byte(good), relay.MaxOutputBytes); err != nil {
			t.Errorf("%.20s…: %v", good, err)
		}
	}
	for in, offset := range map[string]int{
		digits + "7":                0,
		"-" + digits:                0,
		` {"a" : 0.` + digits + `}`: 8,
		`["` + digits + `", ` + digits[:999] + `e+1]`: 1005,
		`{"a":1,"` + name + `n" : 2}`:                 7,
	} {
		var invalid *bodies.InvalidError
		if err := relay.CheckOutput([]byte(in), relay.MaxOutputBytes); !errors.As(err, &invalid) {
			t.Errorf("%.20s…: %v", in, err)
		} else if invalid.Offset != offset || !strings.Contains(err.Error(), "which Step Functions does not accept") {
			t.Errorf("%.20s…: wrong at %d, want %d (%v)", in, invalid.Offset, offset, err)
		}
	}
}

func TestCheckOutputLimit(t *testing.T) {
	text := `"` + strings.Repeat("x", 98) + `"`
	if err := relay.CheckOutput([]byte(text), 100); err != nil {
		t.Errorf("exactly the limit: %v", err)
	}
	var large *bodies.TooLargeError
	if err := relay.CheckOutput([]byte(text+" "), 100); !errors.As(err, &large) || large.Limit != 100 || large.Actual != 101 {
		t.Errorf("one byte more: %v", err)
	}
}
