package durations_test

import (
	"testing"
	"time"

	"callback-relay/durations"
)

func TestFormat(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0s": 0, "1ms": time.Millisecond, "90ms": 90 * time.Millisecond, "1s": time.Second, "10s": 10 * time.Second, "5m": 5 * time.Minute,
		"1m30s": 90 * time.Second, "10m": 10 * time.Minute, "1h": time.Hour, "1h30m": 90 * time.Minute, "1h0m1s": time.Hour + time.Second,
		"24h": 24 * time.Hour, "100h": 100 * time.Hour, "8760h": 365 * 24 * time.Hour, "-15m": -15 * time.Minute, "1h0m0.5s": time.Hour + time.Second/2,
	} {
		got := durations.Format(d)
		if again, err := durations.Parse(got); got != want || err != nil || again != d {
			t.Errorf("%v is %q, read as %v (%v); want %q", d, got, again, err, want)
		}
	}
}
