package relay

import "time"

// The retry schedule. The first retry comes 200 ms after the attempt on
// average; none waits longer than a minute, which bounds how stale a workflow
// can be once Step Functions is back.
const (
	retryBase     = 400 * time.Millisecond
	throttledBase = 1 * time.Second
	retryMax      = 60 * time.Second
	// mendMin keeps a fault that only an operator can end from costing calls.
	mendMin = 30 * time.Second
)

// RetryIn returns how long to wait after the given attempt (1 is the first)
// ended in the given class. It is exponential with full jitter: uniform between
// zero and the attempt's ceiling, which spreads a backlog's retries best.
// Throttling has a ceiling of its own that starts higher; faults of the
// operator's wait 30 to 60 s from the start. random is uniform in [0, 1).
func RetryIn(class SendClass, attempt int, random float64) time.Duration {
	if class == SendNeedsOperator {
		return mendMin + time.Duration(random*float64(retryMax-mendMin))
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

// GiveUpAfter is how long after registration no task can still be waiting:
// AWS ends every standard execution after one year. The rest of the leap year
// is margin.
const GiveUpAfter = 366 * 24 * time.Hour
