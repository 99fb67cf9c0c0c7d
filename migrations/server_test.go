package migrations

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"callback-relay/store/redistest"
)

// onEachServer runs a test against an empty miniredis, an empty redis-server
// and an empty cluster of one node, which is strict about slots.
func onEachServer(t *testing.T, test func(*testing.T, redis.UniversalClient)) {
	t.Helper()
	t.Parallel()
	t.Run("miniredis", func(t *testing.T) {
		t.Parallel()
		test(t, connect(t, &redis.Options{Addr: miniredis.RunT(t).Addr()}))
	})
	if !redistest.Available(t) {
		return
	}
	t.Run("redis-server", func(t *testing.T) {
		t.Parallel()
		test(t, connect(t, &redis.Options{Addr: redistest.Start(t).Addr}))
	})
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{redistest.StartCluster(t).Addr}})
		t.Cleanup(func() { _ = client.Close() })
		test(t, client)
	})
}

// realServer returns a client of a redis-server, or nil if none is installed.
func realServer(t *testing.T) redis.UniversalClient {
	t.Helper()
	t.Parallel()
	if !redistest.Available(t) {
		return nil
	}
	return connect(t, &redis.Options{Addr: redistest.Start(t).Addr})
}

func connect(t *testing.T, options *redis.Options) redis.UniversalClient {
	t.Helper()
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

var errAway = errors.New("no server")

// noServer is a dialer that always fails.
func noServer(context.Context, string, string) (net.Conn, error) { return nil, errAway }

// second is a migration that counts how often it rewrites a callback.
var second = Migration{
	Number: 2, Name: "for tests",
	Rewrite: redis.NewScript(`
		if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HEXISTS', KEYS[1], 'rewritten') == 1 then return {'same'} end
		redis.call('HINCRBY', KEYS[1], 'rewritten', 1)
		return {'changed'}`),
	Check: redis.NewScript(`
		if redis.call('EXISTS', KEYS[1]) == 1 and redis.call('HEXISTS', KEYS[1], 'rewritten') == 0 then
			return {'wrong', 'is not rewritten'}
		end
		return {'ok'}`),
	CleanUp: func(ctx context.Context, client redis.UniversalClient) error {
		return client.Incr(ctx, cleanedKey).Err()
	},
}

// cleanedKey counts how often it cleaned up.
const cleanedKey = "relay:test:cleaned"

// seed makes a keyspace of version 1 with callbacks in all partitions, many of
// which were registered in the same millisecond.
func seed(t *testing.T, client redis.UniversalClient, n int) {
	t.Helper()
	if err := client.Set(t.Context(), schemaKey, "1", 0).Err(); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		partition := i % partitions
		if i < pageSize+pageSize/2 {
			partition = 7 // more than a page
		}
		add(t, client, fmt.Sprintf("%02d", partition), fmt.Sprintf("callback%d", i), 1000+i/300)
	}
}

// add registers a callback, as far as migrations can tell.
func add(t *testing.T, client redis.UniversalClient, partition, id string, created int) {
	t.Helper()
	ctx, prefix := t.Context(), "relay:v1:{"+partition+"}:"
	_, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.HSet(ctx, prefix+"cb:"+id, "state", "pending", "registration", "1 2 {}", "taskToken", "x")
		p.ZAdd(ctx, prefix+"deadline", redis.Z{Score: 9e12, Member: id})
		p.ZAdd(ctx, prefix+"created", redis.Z{Score: float64(created), Member: id})
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
