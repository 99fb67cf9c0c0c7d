package durations

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Parse reads a Go duration such as "90m" or "1h30m", or whole days such as "7d": 24 hours
// each, at most 65,535.
func Parse(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, fmt.Errorf("duration: %q before d is not a number of days", days)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	return time.ParseDuration(s)
}

// Format writes a duration as short as people do: "15m", not "15m0s". [Parse] reads it.
func Format(d time.Duration) string {
	text := d.String()
	if short, ok := strings.CutSuffix(text, "m0s"); ok {
		text = short + "m"
	}
	if short, ok := strings.CutSuffix(text, "h0m"); ok {
		text = short + "h"
	}
	return text
}
