package schemas

import "testing"

// A text that is longer than the length counted for a pattern is not matched at all, since
// that cost was not counted.
func TestPatternsAreNotMatchedAgainstMore(t *testing.T) {
	p, err := compilePattern("^ä*$", map[string]int{"^ä*$": 5})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"": true, "äääää": true, "ääääää": false, "x": false} {
		if p.MatchString(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}
