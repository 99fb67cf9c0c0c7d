package durations_test

import (
	"strings"
	"testing"
	"time"

	"callback-relay/durations"
)

// A duration is either a Go duration or whole days, and is parsed exactly.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"7d", "0d", "90m", "1h30m", "-1d", "+1d", "65535d", "65536d", "106752d", "1.5d", "1dd", "d", "", "1d1h", " 1d", "1_0d", "-5m", "1e3s", "９d", "2562048h"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := durations.Parse(text)
		days, isDays := strings.CutSuffix(text, "d")
		switch {
		case err != nil:
			if d != 0 {
				t.Errorf("%q: %v, and yet %v", text, err, d)
			}
		case !isDays:
			if want, err := time.ParseDuration(text); err != nil || d != want {
				t.Errorf("%q is %v, want %v", text, d, want)
			}
		default:
			if strings.Trim(days, "0123456789") != "" || days == "" {
				t.Fatalf("%q is taken for days", text)
			}
			if hours, err := time.ParseDuration(strings.TrimLeft(days, "0") + "h"); err == nil && d != 24*hours {
				t.Errorf("%q is %v", text, d)
			}
			if d < 0 || d%(24*time.Hour) != 0 {
				t.Errorf("%q is %v", text, d)
			}
		}
	})
}
