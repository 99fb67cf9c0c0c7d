package relay_test

import (
	"testing"
	"time"

	"callback-relay/relay"
)

const almostOne = 0.999999999

func TestRetryIn(t *testing.T) {
	for _, c := range []struct {
		class   relay.SendClass
		attempt int
		least   time.Duration // with random = 0
		mean    time.Duration // with random = 0.5
	}{
		{relay.SendUnclear, 1, 0, 200 * time.Millisecond},
		{relay.SendUnclear, 2, 0, 400 * time.Millisecond},
		{relay.SendNotExecuted, 5, 0, 3200 * time.Millisecond},
		{relay.SendUnclear, 9, 0, 30 * time.Second},
		{relay.SendUnclear, 1_000_000, 0, 30 * time.Second},
		{relay.SendThrottled, 1, 0, 500 * time.Millisecond},
		{relay.SendThrottled, 3, 0, 2 * time.Second},
		{relay.SendThrottled, 60, 0, 30 * time.Second},
		{relay.SendNeedsOperator, 1, 30 * time.Second, 45 * time.Second},
		{relay.SendNeedsOperator, 50, 30 * time.Second, 45 * time.Second},
	} {
		if got := relay.RetryIn(c.class, c.attempt, 0); got != c.least {
			t.Errorf("%s after attempt %d: at least %v, want %v", c.class, c.attempt, got, c.least)
		}
		if got := relay.RetryIn(c.class, c.attempt, 0.5); got != c.mean {
			t.Errorf("%s after attempt %d: on average %v, want %v", c.class, c.attempt, got, c.mean)
		}
		if got := relay.RetryIn(c.class, c.attempt, almostOne); got > time.Minute {
			t.Errorf("%s after attempt %d: at most %v, want a minute or less", c.class, c.attempt, got)
		}
	}
}
