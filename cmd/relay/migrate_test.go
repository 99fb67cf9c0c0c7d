package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"callback-relay/api"
	"callback-relay/client"
	"callback-relay/config"
)

// TestMigrationIsStillToCome: a replica serves while a migration is missing,
// and warns of it; relay migrate up leaves it alone while an older replica is
// there, and is not an error (row 68).
func TestMigrationIsStillToCome(t *testing.T) {
	onEachRedis(t, func(t *testing.T, server redisServer) {
		w := newWorld(t, server, 1)
		ctx, r := t.Context(), w.replicas[0]
		cancelled := w.register()
		_, err := r.client.Cancel(ctx, cancelled.ID)
		w.must(err)
		// As the release before this one has left it.
		w.must(w.redis.Set(ctx, "relay:schema", "1", 0).Err())
		for _, key := range w.redis.Keys(ctx, "relay:v1:*:cancelled").Val() {
			w.must(w.redis.Del(ctx, key).Err())
		}
		warns := func(want bool) {
			t.Helper()
			w.eventually("/readyz is right about the migration", func() bool {
				status, body := w.private(r, "/readyz")
				return status == 200 && strings.Contains(body, "migration 2 has not run: run relay migrate up; until then, callbacks that an older release ended are not counted, lists search for them, and their ids stay in Redis") == want
			})
		}
		listed := func() {
			t.Helper()
			page, err := r.client.List(ctx, client.Query{State: api.StateCancelled})
			if err != nil || len(page.Callbacks) != 1 || page.Examined != 1 || page.ExaminedTo == nil {
				t.Errorf("cancelled callbacks: %+v, %v", page, err)
			}
		}
		warns(true)
		listed()

		old := redis.Z{Score: float64(time.Now().UnixMilli()), Member: "OLD+generations"}
		w.must(w.redis.ZAdd(ctx, "relay:v1:replicas", old).Err())
		up := func(wait time.Duration, dryRun bool) string {
			t.Helper()
			var out bytes.Buffer
			c := migrateUpCommand{Wait: wait, DryRun: dryRun, RedisSettings: config.RedisSettings{RedisURL: config.Secret(server.url), RedisMode: server.mode}}
			w.must(c.Run(ctx, terminal{out: &out, err: &out}))
			return out.String()
		}
		if told := up(0, true); !strings.Contains(told, "would wait: migration 2 waits until no replica of an older release runs any more; alive: OLD+generations") ||
			!strings.Contains(told, "0 to apply, nothing was changed") {
			t.Errorf("previewed beside an older replica: %s", told)
		}
		if told := up(0, false); !strings.Contains(told, "alive: OLD+generations") || !strings.Contains(told, "run relay migrate up again after the rollout") {
			t.Errorf("beside an older replica: %s", told)
		}
		warns(true)
		go w.redis.ZRem(ctx, "relay:v1:replicas", old.Member)
		if told := up(time.Minute, false); !strings.Contains(told, "done, 1 applied") {
			t.Errorf("after it has stopped: %s", told)
		}
		warns(false)
		listed()
	})
}
