package migrations

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"time"
)

// errLost ends a run that could not renew its lock in time.
var errLost = errors.New("the lock for migrations was lost; run relay migrate up again")

// newHolder returns a unique name for this run that people can read.
func newHolder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return fmt.Sprintf("%s, process %d, run %s", host, os.Getpid(), rand.Text()[:8])
}

// acquire waits until this run has the lock, and keeps it until release is
// called. The context that it returns ends when the lock is lost.
func (r *runner) acquire(ctx context.Context) (held context.Context, release func(), err error) {
	for {
		other, err := r.hold(ctx)
		if err != nil {
			return nil, nil, err
		}
		if other == "" {
			break
		}
		r.report(Progress{Step: "waiting for " + other})
		if err := pause(ctx, r.expiry/6); err != nil {
			return nil, nil, err
		}
	}
	held, lose := context.WithCancelCause(ctx)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		r.renew(held, lose, stop)
	}()
	return held, func() {
		close(stop)
		<-stopped
		lose(nil)
		// Release it even if ctx has ended. If this fails, the lock expires.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.expiry)
		defer cancel()
		_ = unlockScript.Run(ctx, r.client, []string{migratorKey}, r.holder).Err()
	}, nil
}

// renew keeps the lock until stop is closed, and calls lose when it is gone.
func (r *runner) renew(ctx context.Context, lose context.CancelCauseFunc, stop <-chan struct{}) {
	tick := time.NewTicker(r.expiry / 3)
	defer tick.Stop()
	for renewed := time.Now(); ; {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		other, err := r.hold(ctx)
		switch {
		case err == nil && other == "":
			renewed = time.Now()
		case err == nil, time.Since(renewed) > r.expiry:
			lose(errLost)
			return
		}
	}
}

// hold takes the lock or renews it. If another run has the lock, it returns that
// run's name.
func (r *runner) hold(ctx context.Context) (other string, err error) {
	reply, err := lockScript.Run(ctx, r.client, []string{migratorKey}, r.holder, r.expiry.Milliseconds()).StringSlice()
	if err != nil {
		return "", fmt.Errorf("take %s: %w", migratorKey, err)
	}
	if len(reply) == 2 {
		return reply[1], nil
	}
	return "", nil
}

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
