package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"callback-relay/api"
	"callback-relay/client"
	"callback-relay/relay"
	"callback-relay/stepfunctions/standin"
)

var clientQuery = client.Query{Limit: 100}

// links returns the links of a registered task.
func links(c canary) map[string]api.LinkRequest {
	asked := map[string]api.LinkRequest{}
	for name, link := range c.Links {
		asked[name] = api.LinkRequest{Type: link.Type}
	}
	return asked
}

// unreadable puts damaged and misplaced values into Redis, as somebody with access
// to it can (row 69): errors do not show them, and a value moved elsewhere cannot be
// decrypted.
func unreadable(h *hunt) {
	from, to := h.register(), h.register()
	stolen := h.redis.HGet(h.Context(), h.key(from), "taskToken").Val()
	h.must(h.redis.HSet(h.Context(), h.key(to), "taskToken", stolen).Err())
	h.wantProblem(h.note(h.post(to.Links["progress"].URL, to.payload)), api.CodeUnavailable)
	h.wantTaken(h.note(h.send(h.serve(nil, hasty), call{link: to.URL, body: strings.NewReader(to.payload)})), to.task, api.StatusAccepted, false)
	h.eventually("it is found that the task token does not open", func() bool {
		return h.get(to.task).Delivery.LastError == "sealed"
	})
	h.wantNothing(to.task)
	h.wantNothing(from.task)

	broken := h.register()
	h.must(h.redis.HSet(h.Context(), h.key(broken), "registration", "1 2 {").Err())
	if _, err := h.next().client.Get(h.Context(), broken.ID); !isProblem(err, api.CodeUnavailable) {
		h.Errorf("get: %v, want %s", err, api.CodeUnavailable)
	}
	h.must(h.redis.Del(h.Context(), h.key(broken)).Err())
}

// key returns the Redis key of a callback, as docs/keyspace.md has it.
func (h *hunt) key(c canary) string {
	h.Helper()
	id, err := relay.ParseCallbackID(c.ID)
	h.must(err)
	return fmt.Sprintf("relay:v1:{%02d}:cb:%s", id.Partition(), id)
}

// redisAtRest searches everything that Redis holds, logged and wrote to disk, with
// callbacks that wait for an answer or for delivery.
func redisAtRest(h *hunt) {
	pending, answered := h.register(), h.register()
	h.steps.SetFault(standin.Fault{Kind: standin.Refuse, Code: "AccessDeniedException", Message: answered.token + answered.payload})
	hurried := h.serve(nil, hasty)
	got := h.note(h.send(hurried, call{link: answered.URL, body: strings.NewReader(answered.payload)}))
	h.wantTaken(got, answered.task, api.StatusAccepted, false)
	h.eventually("an attempt was refused", func() bool {
		return h.get(answered.task).Delivery.LastError == "AccessDeniedException"
	})
	dump := h.dump()
	h.search("redis", dump)
	for _, want := range []string{" taskToken=", " outcome=", pending.ID, answered.ID} {
		if !strings.Contains(dump, want) {
			h.Errorf("redis holds no %s:\n%s", want, dump)
		}
	}
	h.eachNode(func(ctx context.Context, node *redis.Client) error {
		node = node.WithTimeout(time.Minute) // saving may take long where the disk is busy
		dir, err := node.ConfigGet(ctx, "dir").Result()
		if err != nil {
			h.Logf("in-process Redis: no files, no slow log (%v)", err)
			return nil
		}
		h.must(node.Save(ctx).Err())
		h.searchFiles(dir["dir"], answered.ID)
		return h.searchSlowLog(ctx, node)
	})
}

// searchFiles searches everything that a redis-server wrote: the dump, the
// append-only files and, in a cluster, its node file.
func (h *hunt) searchFiles(dir, id string) {
	h.Helper()
	withID := map[string]bool{}
	h.must(filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		h.search("file "+entry.Name(), string(content))
		if bytes.Contains(content, []byte(id)) && bytes.Contains(content, []byte("taskToken")) {
			withID[filepath.Ext(path)] = true
		}
		return err
	}))
	for _, kind := range []string{".rdb", ".aof"} {
		if !withID[kind] {
			h.Errorf("no %s file holds the callback", kind)
		}
	}
}

// searchSlowLog searches the commands that a redis-server found slow: all.
func (h *hunt) searchSlowLog(ctx context.Context, node *redis.Client) error {
	entries, err := node.SlowLogGet(ctx, -1).Result()
	var log strings.Builder
	seen := map[string]bool{} // most are repeated twice a second
	for _, entry := range entries {
		if line := fmt.Sprintln(entry.Args, entry.ClientName); !seen[line] {
			seen[line] = true
			log.WriteString(line)
		}
	}
	h.search("the slow log", log.String())
	for _, command := range []string{"evalsha", "hmget"} {
		if !strings.Contains(strings.ToLower(log.String()), "["+command+" ") {
			h.Errorf("%d entries in the slow log, none is of %s", len(entries), command)
		}
	}
	return err
}

// withoutRedis repeats requests of every kind while Redis is unavailable (row 9).
func withoutRedis(h *hunt) {
	c := h.register()
	id := c.ID
	h.server.kill()
	h.wantProblem(h.note(h.post(c.URL, c.payload)), api.CodeUnavailable)
	h.wantProblem(h.note(h.post(c.Links["progress"].URL, c.payload)), api.CodeUnavailable)
	for _, r := range h.replicas {
		_, _, create := r.client.Create(h.Context(), api.CreateRequest{TaskToken: c.token})
		_, get := r.client.Get(h.Context(), id)
		_, cancel := r.client.Cancel(h.Context(), id)
		_, list := r.client.List(h.Context(), clientQuery)
		for _, err := range []error{create, get, cancel, list} {
			if !isProblem(err, api.CodeUnavailable) {
				h.Errorf("%v, want %s", err, api.CodeUnavailable)
			} else {
				h.search("the client's error", err.Error())
			}
		}
		_, readiness := h.private(r, "/readyz")
		h.search("readiness", readiness)
	}
}

// dump returns every key of Redis with its value.
func (w *world) dump() string {
	w.Helper()
	var out bytes.Buffer
	w.eachNode(func(ctx context.Context, node *redis.Client) error {
		keys, err := node.Keys(ctx, "*").Result()
		for _, key := range keys {
			fmt.Fprintf(&out, "\n%s", key)
			kind := node.Type(ctx, key).Val()
			switch kind {
			case "string":
				fmt.Fprintf(&out, " %s", node.Get(ctx, key).Val())
			case "hash":
				for field, value := range node.HGetAll(ctx, key).Val() {
					fmt.Fprintf(&out, " %s=%s", field, value)
				}
			case "zset":
				fmt.Fprintf(&out, " %s", node.ZRange(ctx, key, 0, -1).Val())
			case "none": // expired meanwhile
			default:
				w.Errorf("key %s is a %s, which this test does not read", key, kind)
			}
		}
		return err
	})
	return out.String()
}

// eachNode calls a function for every node that holds data.
func (w *world) eachNode(do func(context.Context, *redis.Client) error) {
	w.Helper()
	if cluster, ok := w.redis.(*redis.ClusterClient); ok {
		w.must(cluster.ForEachMaster(w.Context(), do))
	} else {
		w.must(do(w.Context(), w.redis.(*redis.Client)))
	}
}
