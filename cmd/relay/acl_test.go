package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"callback-relay/api"
	"callback-relay/config"
	"callback-relay/migrations"
	"callback-relay/relay"
	"callback-relay/stepfunctions/standin"
	"callback-relay/store"
	"callback-relay/store/redistest"
)

const aclPassword = "acl-password"

// TestRedisRights runs relays whose Redis user has the rights that SECURITY.md
// prints, and no others: nothing is refused, every granted right is used, and
// dangerous commands are refused.
func TestRedisRights(t *testing.T) {
	t.Parallel()
	if !redistest.Available(t) || !redistest.AvailableValkey(t) {
		t.Skip("the in-process Redis has no rights to check")
	}
	for _, test := range []struct {
		name       string
		durability string
		start      func(t *testing.T) redisServer
	}{
		{"standalone", "none", func(t *testing.T) redisServer { return standalone(redistest.Start(t)) }},
		{"with a replica", "wait:1", func(t *testing.T) redisServer {
			primary := redistest.Start(t)
			redistest.StartReplica(t, primary)
			return standalone(primary)
		}},
		{"with a file", "waitaof:1,0", func(t *testing.T) redisServer {
			return standalone(redistest.StartValkey(t, "--appendonly", "yes", "--appendfsync", "always"))
		}},
		{"cluster", "none", func(t *testing.T) redisServer {
			s := redistest.StartCluster(t)
			return redisServer{store.ModeCluster, s.URL, s.Kill}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := test.start(t)
			admin := redis.NewClient(&redis.Options{Addr: address(t, server.url)})
			t.Cleanup(func() { admin.Close() })
			// The lines are: for all, for a cluster, for WAITAOF.
			lines := aclLines(t)
			granted := grant(t, admin, lines[0])
			if server.mode == store.ModeCluster {
				granted = append(granted, grant(t, admin, lines[1])...)
			}
			if strings.HasPrefix(test.durability, "waitaof") {
				granted = append(granted, grant(t, admin, lines[2])...)
			}
			server.url = strings.Replace(server.url, "redis://", "redis://relay:"+aclPassword+"@", 1)
			w := newWorld(t, server, 0) // which migrates
			w.replicas = []*replica{w.start(func(s *config.Settings) { s.RedisDurability = test.durability })}
			useAll(w)
			wantNothingRefused(w, admin)
			wantAllUsed(w, admin, granted, test.durability)
			wantRefused(w)
		})
	}
}

func standalone(s *redistest.Server) redisServer {
	return redisServer{store.ModeStandalone, s.URL, s.Kill}
}

var aclLine = regexp.MustCompile(`(?m)^ACL SETUSER relay .*$`)

// aclLines returns the lines for redis-cli that SECURITY.md prints.
func aclLines(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile("../../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := aclLine.FindAllString(string(page), -1)
	if len(lines) != 3 {
		t.Fatalf("SECURITY.md has %d lines for the Redis user, want 3", len(lines))
	}
	return lines
}

// grant executes a line as redis-cli would, and returns the names of the
// commands it allows.
func grant(t *testing.T, admin *redis.Client, line string) []string {
	t.Helper()
	var args []any
	var commands []string
	for _, word := range strings.Fields(strings.ReplaceAll(line, "PASSWORD", aclPassword)) {
		args = append(args, word)
		if name, ok := strings.CutPrefix(word, "+"); ok {
			commands = append(commands, name)
		}
	}
	if err := admin.Do(t.Context(), args...).Err(); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return commands
}

// useAll does everything that a relay does with Redis.
func useAll(w *world) {
	w.Helper()
	r := w.replicas[0]
	if state, err := migrations.Status(w.Context(), r.redis); err != nil || len(state.Pending) > 0 {
		w.Errorf("migrations: %+v, %v", state, err)
	}
	answered, failed, ignored, cancelled := w.register(), w.register(shortLived), w.register(shortLived, ignoring), w.register()
	w.wantTaken(w.post(answered.Links["progress"].URL, ``), answered, api.StatusAlive, false)
	w.steps.Inject(standin.Fault{Kind: standin.ServerError}) // so that the outbox has to claim it
	w.wantTaken(w.post(answered.URL, `{}`), answered, api.StatusAccepted, false)
	w.untilState(answered, api.StateDelivered)
	w.wantTaken(w.post(answered.URL, `{}`), answered, api.StatusDelivered, true)
	if _, err := r.client.Cancel(w.Context(), cancelled.ID); err != nil {
		w.Errorf("cancel: %v", err)
	}
	w.untilState(failed, api.StateDelivered)
	w.untilState(ignored, api.StateExpired)
	list, err := r.client.List(w.Context(), clientQuery)
	if err != nil || len(list.Callbacks) != 4 {
		w.Errorf("list: %d callbacks, %v", len(list.Callbacks), err)
	}
	if n, err := migrations.Verify(w.Context(), r.redis, nil); err != nil || n != len(list.Callbacks) {
		w.Errorf("verify: %d callbacks, %v", n, err)
	}
	if status, body := w.private(r, "/readyz"); status != 200 {
		w.Errorf("readyz: %d %s", status, body)
	}
	w.register() // something is pending, whose deadline the census looks at
	_, err = r.store.Census(w.Context(), 0)
	w.must(err)

	brief := w.start(func(s *config.Settings) { s.Retention = "1ms" })
	gone := w.register()
	_, err = brief.client.Cancel(w.Context(), gone.ID)
	if err != nil && !isProblem(err, api.CodeNotFound) { // it is forgotten at once
		w.Errorf("cancel: %v", err)
	}
	w.eventually("it is trimmed", func() bool {
		_, err := brief.store.Trim(w.Context())
		w.must(err)
		return w.redis.ZScore(w.Context(), createdKey(w, gone), gone.ID).Err() == redis.Nil //nolint:errorlint // as it is
	})
	w.must(brief.stop())
	if log := brief.log.String() + r.log.String(); strings.Contains(log, "NOPERM") {
		w.Errorf("the log tells of a missing right:\n%s", log)
	}
}

// createdKey returns the Redis key of the list that a callback is in.
func createdKey(w *world, t task) string {
	w.Helper()
	id, err := relay.ParseCallbackID(t.ID)
	w.must(err)
	return fmt.Sprintf("relay:v1:{%02d}:created", id.Partition())
}

// wantNothingRefused checks that the server refused no command, key or channel,
// except what the client tells about itself, which is not needed.
func wantNothingRefused(w *world, admin *redis.Client) {
	w.Helper()
	refused, err := admin.ACLLog(w.Context(), 100).Result()
	w.must(err)
	for _, entry := range refused {
		if !strings.HasPrefix(entry.Object, "client|") && entry.Object != "client" {
			w.Errorf("refused %s %q %s, %s", entry.Reason, entry.Object, entry.Context, entry.Username)
		}
	}
}

// wantAllUsed checks that every command that is allowed was called.
func wantAllUsed(w *world, admin *redis.Client, granted []string, durability string) {
	w.Helper()
	stats, err := admin.Info(w.Context(), "commandstats").Result()
	w.must(err)
	waiting := []string{"wait", "pttl", "waitaof"} // of the durabilities
	for _, name := range granted {
		if durability == "none" && slices.Contains(waiting, name) || name == "wait" && strings.HasPrefix(durability, "waitaof") {
			continue
		}
		if !strings.Contains(stats, "cmdstat_"+name+":calls=") {
			w.Errorf("%s is allowed and never called", name)
		}
	}
}

// wantRefused checks commands that an intruder with the relay's password cannot use.
func wantRefused(w *world) {
	w.Helper()
	for _, command := range []string{
		"FLUSHALL", "FLUSHDB", "KEYS *", "CONFIG GET dir", "ACL LIST", "SCRIPT FLUSH", "SAVE", "SHUTDOWN", "SLOWLOG GET",
		"REPLICAOF NO ONE", "MODULE LIST", "CLIENT LIST", "DEL relay:schema", "RENAME relay:schema x", "GET other", "SET other x",
		"SUBSCRIBE relay:x", "FUNCTION LIST", "MIGRATE h 1 relay:schema 0 1", "RESTORE relay:x 0 x", "EVAL return{redis.call('GET','other')} 0",
	} {
		var args []any
		for _, word := range strings.Fields(command) {
			args = append(args, word)
		}
		node := redis.NewClient(&redis.Options{Addr: address(w.T, w.server.url), Username: "relay", Password: aclPassword, Protocol: 2})
		err := node.Do(context.Background(), args...).Err()
		node.Close()
		if !strings.Contains(fmt.Sprint(err), "NOPERM") && !strings.Contains(fmt.Sprint(err), "can't access") &&
			!strings.Contains(fmt.Sprint(err), "No permissions") {
			w.Errorf("%s: %v, want NOPERM", command, err)
		}
	}
}
