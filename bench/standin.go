package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

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

// checkLedger checks that Step Functions received every posted output byte for
// byte, in exactly one call each, and nothing else.
func checkLedger(ctx context.Context, standIn string, tasks []*task) error {
	missing := make(map[string]string, len(tasks))
	for _, t := range tasks {
		missing[t.token] = t.output
	}
	err := get(ctx, standIn+"/_standin/ledger", func(body io.Reader) error {
		return compareLedger(body, missing)
	})
	if err != nil {
		return err
	}
	return get(ctx, standIn+"/_standin/stats", func(body io.Reader) error {
		var calls standin.Calls
		if err := json.NewDecoder(body).Decode(&calls); err != nil {
			return err
		}
		if ok := calls[standin.SendTaskSuccess]["ok"]; ok != len(tasks) || calls.Total() != ok {
			return fmt.Errorf("want %d successful calls to Step Functions and no others, got %v", len(tasks), calls)
		}
		return nil
	})
}

// compareLedger reads a ledger against the expected outputs by task token.
func compareLedger(ledger io.Reader, missing map[string]string) error {
	decoder := json.NewDecoder(ledger)
	for {
		var effect struct{ TaskToken, Output string }
		err := decoder.Decode(&effect)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read the ledger: %w", err)
		}
		want, known := missing[effect.TaskToken]
		if !known {
			return errors.New("the ledger has a task that was not answered, or one twice")
		}
		if effect.Output != want {
			return errors.New("the ledger has an output that was not posted")
		}
		delete(missing, effect.TaskToken)
	}
	if len(missing) > 0 {
		return fmt.Errorf("%d answers never reached Step Functions", len(missing))
	}
	return nil
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
