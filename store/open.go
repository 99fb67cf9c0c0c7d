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
	// The client writes lines of its own past our logger, one for each failing
	// dial. The errors it returns say the same.
	logging.Disable()
}

// The ways Redis can be run.
const (
	ModeStandalone = "standalone"
	ModeSentinel   = "sentinel"
	ModeCluster    = "cluster"
)

// Deadlines of one try of a command, and how often it is tried again. They are
// short, since a sender waits, and some of them for three seconds only.
const (
	dialTimeout    = 1 * time.Second
	commandTimeout = 1 * time.Second
	retries        = 1
)

// dials is how often one try of a command dials. The command itself is tried
// again, so more would only make a sender wait when Redis is away.
const dials = 1

// connections is the size of the pool: how many commands one process has under
// way at once. Further ones wait for a connection.
const connections = 64

// Open returns a client for the Redis that the URL names: redis:// or rediss://
// (TLS), with user and password if need be. In sentinel mode host and port are a
// Sentinel's, and the query has master_name and may have addr=host:port for
// more Sentinels; in cluster mode addr=host:port names more nodes. The query
// may also set the pool and the deadlines. The client connects when it is first
// used. Errors never show the URL.
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

// setDefaults fills in what the URL did not set.
func setDefaults(dial, read, write *time.Duration, pool *int) {
	*dial = cmp.Or(*dial, dialTimeout)
	*read = cmp.Or(*read, commandTimeout)
	*write = cmp.Or(*write, commandTimeout)
	*pool = cmp.Or(*pool, connections)
}

// errBadURL says what kind of URL is wanted. The parser's own text can quote
// the URL, and with it the password.
var errBadURL = errors.New("not a Redis URL: want redis://[user:password@]host:port/db, or rediss:// for TLS")
