package migrations

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// How long a run waits for a Redis that is loading its data, and for one that does
// not answer or is between two primaries.
const (
	loadingPatience = 15 * time.Minute
	awayPatience    = 10 * time.Second
	lookPause       = 500 * time.Millisecond
)

// temporary are the errors of servers that will soon be ready.
var temporary = []string{"MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "READONLY", "BUSY"}

// untilReady waits until Redis answers. A migration job often starts together with
// its Redis, which loads its data first after a restart.
func (r *runner) untilReady(ctx context.Context) error {
	var since time.Time // when it began to wait for this reason
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

// waitFor returns why and for how long to wait after an error; "" for not at all.
func (r *runner) waitFor(err error) (why string, patience time.Duration) {
	switch {
	case err == nil:
		return "", 0
	case redis.HasErrorPrefix(err, "LOADING"):
		return "is loading its data", r.loading
	}
	for _, prefix := range temporary {
		if redis.HasErrorPrefix(err, prefix) {
			return "is not ready: " + prefix, r.away
		}
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return "cannot be reached", r.away
	}
	return "", 0
}
