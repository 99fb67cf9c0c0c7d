package store

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

func init() {
	// The client bypasses our logger and writes a line for each failed dial. The
	// errors that it returns say the same.
	logging.Disable()
}

// The ways to run Redis.
const (
	ModeStandalone = "standalone"
	ModeSentinel   = "sentinel"
	ModeCluster    = "cluster"
)

// The deadlines of one try of a command, and how often the command is tried again.
// They are short because senders wait, some of them for only three seconds.
const (
	dialTimeout    = 1 * time.Second
	commandTimeout = 1 * time.Second
	retries        = 1
)

// dials is how often one try of a command dials. The command itself is tried
// again, so more dials would only make senders wait while Redis is unavailable.
const dials = 1

// connections is the size of the pool, which is how many commands one process can
// have under way. Further commands wait for a connection.
const connections = 64

// Open returns a client for the Redis at the URL: redis:// or rediss:// (TLS), with
// user and password if needed. In sentinel mode, host and port are a Sentinel's,
// and the query must have master_name and may have addr=host:port for more
// Sentinels. In cluster mode, addr=host:port names more nodes. The query may also
// set the pool size and the deadlines. The client connects when it is first used.
// Errors never show the URL.
func Open(mode, url string) (redis.UniversalClient, error) {
	switch mode {
	case ModeStandalone:
		o, err := redis.ParseURL(url)
		if err != nil {
			return nil, errBadURL
		}
		o.ContextTimeoutEnabled, o.DialerRetries, o.MaxRetries = true, dials, cmp.Or(o.MaxRetries, retries)
		setDefaults(&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout, &o.PoolSize)
		return redis.NewClient(o), nil
	case ModeSentinel:
		o, err := redis.ParseFailoverURL(url)
		if err != nil {
			return nil, errBadURL
		}
		if o.MasterName == "" {
			return nil, errors.New("sentinel mode needs master_name in the URL: redis://sentinel:26379/0?master_name=mymaster")
		}
		o.ContextTimeoutEnabled, o.DialerRetries, o.MaxRetries = true, dials, cmp.Or(o.MaxRetries, retries)
		setDefaults(&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout, &o.PoolSize)
		return redis.NewFailoverClient(o), nil
	case ModeCluster:
		o, err := redis.ParseClusterURL(url)
		if err != nil {
			return nil, errBadURL
		}
		o.ContextTimeoutEnabled, o.DialerRetries = true, dials
		setDefaults(&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout, &o.PoolSize)
		return redis.NewClusterClient(o), nil
	}
	return nil, fmt.Errorf("mode %q: want %s, %s or %s", mode, ModeStandalone, ModeSentinel, ModeCluster)
}

// setDefaults sets what the URL does not.
func setDefaults(dial, read, write *time.Duration, pool *int) {
	*dial = cmp.Or(*dial, dialTimeout)
	*read = cmp.Or(*read, commandTimeout)
	*write = cmp.Or(*write, commandTimeout)
	*pool = cmp.Or(*pool, connections)
}

// errBadURL says what the URL should look like. It replaces the parser's own error,
// which can quote the URL and so the password.
var errBadURL = errors.New("not a Redis URL: want redis://[user:password@]host:port/db, or rediss:// for TLS")
