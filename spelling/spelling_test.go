package spelling_test

import (
	"strings"
	"testing"

	"callback-relay/spelling"
)

func TestDidYouMean(t *testing.T) {
	known := []string{"sender", "key", "do", "outcomes", "otherwise", "expiresIn", "expiresAt", "links", "x"}
	for word, want := range map[string]string{
		"outcome": "outcomes", "Outcomes": "outcomes", "outcmoes": "outcomes", "EXPIRESIN": "expiresIn",
		"expires": "expiresIn or expiresAt", "keys": "key", "kye": "", "d": "do", "dont": "", "link": "links", "lniks": "links", "other": "otherwise", "y": "", "X": "x",
		"canary": "", "type": "", "": "", "o": "do, outcomes or otherwise",
		strings.Repeat("outcome", 1000): "", "ééé": "",
	} {
		got := spelling.DidYouMean(word, known)
		if want != "" {
			want = "; did you mean " + want + "?"
		}
		if got != want {
			t.Errorf("%.20q: %q, want %q", word, got, want)
		}
	}
}
