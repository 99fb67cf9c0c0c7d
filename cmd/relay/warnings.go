package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"callback-relay/api"
)

// Checks that may fail while the relay is ready. The relay cannot see the whole
// cause from here, and not being ready would help nobody.
const (
	checkPublicURL = "public-url" // the public URL leads to this relay
	checkAWS       = "aws"        // there are credentials, and Step Functions can be reached
	checkMigration = "migration"  // no migration still has to be run

	checkConfigFile = "config-file" // the configuration file, as it is now, has no mistake
	checkSenders    = "senders"     // the configuration file has all senders that posts come from
)

var warningChecks = []string{checkAWS, checkConfigFile, checkMigration, checkPublicURL, checkSenders}

// How often these checks run. The first failure is not reported, and the check is
// repeated soon: right after an installation nothing routes to the relay yet.
const (
	lookOutsideEvery = 10 * time.Minute
	lookAgainIn      = time.Minute
	lookAgainSoon    = 5 * time.Second
	lookOutsideFor   = 20 * time.Second // at most
)

// warnings are the results of the last checks.
type warnings struct {
	mu    sync.Mutex
	found map[string]string // reason by check
}

// all returns the warnings for /readyz.
func (w *warnings) all() []api.Warning {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []api.Warning
	for _, check := range warningChecks {
		if reason, ok := w.found[check]; ok {
			all = append(all, api.Warning{Check: check, Reason: reason})
		}
	}
	return all
}

// set records the result of a check, and reports whether it has changed.
func (w *warnings) set(check string, err error) (changed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, before := w.found[check]
	switch {
	case err == nil:
		delete(w.found, check)
	default:
		if w.found == nil {
			w.found = map[string]string{}
		}
		w.found[check] = err.Error()
	}
	return before != (err != nil)
}

// lookOutside checks the relay's surroundings, rarely, until ctx ends.
func (n *node) lookOutside(ctx context.Context) {
	var looks sync.WaitGroup
	looks.Go(func() { n.lookAt(ctx, checkAWS, n.sender.Reach) })
	looks.Go(func() { n.lookAt(ctx, checkPublicURL, n.publicURL.reach) })
	looks.Wait()
}

// lookAt repeats one check, and reports its results. A check without a result
// changes nothing.
func (n *node) lookAt(ctx context.Context, check string, look func(context.Context) error) {
	for failed := 0; ctx.Err() == nil; {
		looking, cancel := context.WithTimeout(ctx, lookOutsideFor)
		err := look(looking)
		cancel()
		if ctx.Err() != nil {
			return
		}
		pause := lookOutsideEvery
		switch failed++; {
		case errors.Is(err, errNotKnown): // what was known still holds
			failed--
			pause = lookAgainIn
		case err == nil:
			failed = 0
			n.warn(check, nil)
		case failed == 1:
			pause = lookAgainSoon
		default:
			pause = lookAgainIn
			n.warn(check, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// warn records the result of a check, and logs it if it has changed.
func (n *node) warn(check string, err error) {
	changed := n.warnings.set(check, err)
	n.metrics.Warning(check, err != nil)
	switch {
	case changed && err != nil:
		n.logger.Warn("check failed", "check", check, "reason", err.Error())
	case changed:
		n.logger.Info("check passes again", "check", check)
	}
}
