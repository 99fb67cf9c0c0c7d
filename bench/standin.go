package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"callback-relay/stepfunctions/standin"
)

// roleStandIn makes this program the stand-in for Step Functions.
const roleStandIn = "stand-in"

// serveStandIn runs the stand-in until ctx ends.
func serveStandIn(ctx context.Context, out io.Writer) error {
	url, stop, err := standin.New(standin.Options{AcceptAny: true}).Listen("")
	if err != nil {
		return err
	}
	defer stop()
	fmt.Fprintln(out, url)
	<-ctx.Done()
	return nil
}

// effect is a line of the stand-in's ledger.
type effect struct {
	TaskToken string
	Action    standin.Action
	Output    string
	At        time.Time
}

// setLatency lets every call to Step Functions take at least this long from now on.
func setLatency(ctx context.Context, standIn string, latency time.Duration) error {
	return setFaults(ctx, standIn, fmt.Sprintf(`[{"kind":%q,"delay":%q}]`, standin.Slow, latency))
}

// setFaults replaces the standing faults; "[]" is none.
func setFaults(ctx context.Context, standIn, faults string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, standIn+"/_standin/faults", strings.NewReader(faults))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode != http.StatusNoContent {
		return fmt.Errorf("set faults: %s", response.Status)
	}
	return nil
}

// deliveryPatience is how long deliveries may take that are still under way.
const deliveryPatience = 2 * time.Minute

// awaitCalls waits until Step Functions has accepted n calls in all.
func awaitCalls(ctx context.Context, standIn string, n int) error {
	ctx, cancel := context.WithTimeout(ctx, deliveryPatience)
	defer cancel()
	for {
		calls, err := callsOf(ctx, standIn)
		if err != nil {
			return err
		}
		accepted := calls[standin.SendTaskSuccess]["ok"] + calls[standin.SendTaskFailure]["ok"]
		if accepted >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d tasks never got their outcome", n-accepted, n)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func callsOf(ctx context.Context, standIn string) (calls standin.Calls, err error) {
	err = get(ctx, standIn+"/_standin/stats", func(body io.Reader) error {
		return json.NewDecoder(body).Decode(&calls)
	})
	return calls, err
}

// readLedger checks that every task got its outcome byte for byte and exactly once,
// and nobody else got any. It returns the effects, oldest first. An expired task has
// an empty output.
func readLedger(ctx context.Context, standIn string, tasks []*task) (effects []effect, err error) {
	expected := make(map[string]string, len(tasks))
	for _, t := range tasks {
		expected[t.token] = t.output
	}
	err = get(ctx, standIn+"/_standin/ledger", func(body io.Reader) error {
		effects, err = compareLedger(body, expected)
		return err
	})
	return effects, err
}

// checkCalls checks that one call was made for each of n outcomes, and no others.
func checkCalls(ctx context.Context, standIn string, n int) error {
	calls, err := callsOf(ctx, standIn)
	if err != nil {
		return err
	}
	if calls.Total() != n {
		return fmt.Errorf("want %d calls to Step Functions, one for each outcome, got %v", n, calls)
	}
	return nil
}

// compareLedger reads a ledger against the expected outputs by task token.
func compareLedger(ledger io.Reader, missing map[string]string) (effects []effect, err error) {
	decoder := json.NewDecoder(ledger)
	for {
		var e effect
		err := decoder.Decode(&e)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read the ledger: %w", err)
		}
		want, known := missing[e.TaskToken]
		if !known {
			return nil, errors.New("the ledger has a task that was not answered, or one twice")
		}
		if e.Output != want {
			return nil, errors.New("the ledger has an output that was not posted")
		}
		delete(missing, e.TaskToken)
		effects = append(effects, e)
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("%d answers never reached Step Functions", len(missing))
	}
	return effects, nil
}

func get(ctx context.Context, url string, read func(io.Reader) error) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return read(response.Body)
}
