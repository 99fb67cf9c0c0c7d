package migrations

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// How long a run waits for a Redis that says itself that it will be there, and
// for one that says nothing, or that is between two primaries.
const (
	loadingPatience = 15 * time.Minute
	awayPatience    = 10 * time.Second
	lookPause       = 500 * time.Millisecond
)

// passing are the answers of servers that will soon do what they are asked.
var passing = []string{"MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "READONLY", "BUSY"}

// untilReady waits until Redis can be asked: a job often starts with the Redis
// that it is for, and after a restart that loads its data first.
func (r *runner) untilReady(ctx context.Context) error {
	var since time.Time // when what it waits for began
	for waited := ""; ; {
		_, err := get(ctx, r.client, schemaKey, "")
		why, patience := r.waitFor(err)
		if why == "" {
			return err
		}
		if why != waited {
			r.report(Progress{Step: "waiting for redis, which " + why})
			waited, since = why, time.Now()
		}
		if time.Since(since) > patience {
			return fmt.Errorf("waited %s: %w", patience, err)
		}
		if err := pause(ctx, lookPause); err != nil {
			return err
		}
	}
}

// waitFor says what may be waited for, and for how long; "" for nothing.
func (r *runner) waitFor(err error) (why string, patience time.Duration) {
	switch {
	case err == nil:
		return "", 0
	case redis.HasErrorPrefix(err, "LOADING"):
		return "is loading its data", r.loading
	}
	for _, prefix := range passing {
		if redis.HasErrorPrefix(err, prefix) {
			return "is not ready: " + prefix, r.away
		}
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return "cannot be reached", r.away
	}
	return "", 0
}
