package migrations

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"callback-relay/store/redistest"
)

// onEachServer runs a test against an empty miniredis and an empty
// redis-server.
func onEachServer(t *testing.T, test func(*testing.T, redis.UniversalClient)) {
	t.Helper()
	t.Run("miniredis", func(t *testing.T) {
		test(t, connect(t, &redis.Options{Addr: miniredis.RunT(t).Addr()}))
	})
	if !redistest.Available(t) {
		return
	}
	t.Run("redis-server", func(t *testing.T) {
		test(t, connect(t, &redis.Options{Addr: redistest.Start(t).Addr}))
	})
}

func connect(t *testing.T, options *redis.Options) redis.UniversalClient {
	t.Helper()
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

var errAway = errors.New("no server")

// noServer is a dialer that finds nobody.
func noServer(context.Context, string, string) (net.Conn, error) { return nil, errAway }
