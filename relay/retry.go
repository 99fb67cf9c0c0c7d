package relay

import "time"

// The retry schedule. The first retry starts 200 ms after the attempt on average.
// No retry waits longer than a minute, so that workflows continue soon after Step
// Functions is back.
const (
	retryBase     = 400 * time.Millisecond
	throttledBase = 1 * time.Second
	retryMax      = 60 * time.Second
	// operatorMin keeps faults that only an operator can fix from using up calls.
	operatorMin = 30 * time.Second
)

// RetryIn returns how long to wait after the given attempt (1 is the first) failed
// with the given class. The wait is exponential with full jitter: uniform between
// zero and the attempt's ceiling, which spreads the retries of a backlog best.
// Throttling has a higher ceiling at first. Faults that need an operator wait 30 to
// 60 s from the start. random is uniform in [0, 1).
func RetryIn(class SendClass, attempt int, random float64) time.Duration {
	if class == SendNeedsOperator {
		return operatorMin + time.Duration(random*float64(retryMax-operatorMin))
	}
	ceiling := retryBase
	if class == SendThrottled {
		ceiling = throttledBase
	}
	for range attempt - 1 {
		if ceiling *= 2; ceiling >= retryMax {
			ceiling = retryMax
			break
		}
	}
	return time.Duration(random * float64(ceiling))
}

// GiveUpAfter is how long after its registration a callback is given up: no task
// can still be waiting for it, since AWS ends every standard execution after one
// year. The extra day is a margin.
const GiveUpAfter = 366 * 24 * time.Hour
