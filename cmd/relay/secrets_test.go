package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"callback-relay/api"
	"callback-relay/stepfunctions/standin"
)

// TestSecretsStayInside follows a task token, a payload and a link through all
// that a relay writes. Everything is logged, at the level debug.
func TestSecretsStayInside(t *testing.T) {
	onEachRedis(t, func(t *testing.T, r redisServer) {
		w := newWorld(t, r, 2)
		const payload = `{"canary":"payload-4711-canary"}`
		task := w.register(func(r *api.CreateRequest) {
			r.TaskToken = "task-token-4711-canary"
			w.steps.Register(r.TaskToken)
		})
		secrets := []string{task.token, "payload-4711-canary", testAPIKey, strings.TrimPrefix(masterKey, "k1:")}
		for _, link := range task.Links {
			secrets = append(secrets, linkKey(link.URL))
		}
		var seen []string // by senders

		note := func(got answer) { seen = append(seen, got.body, fmt.Sprint(got.header)) }
		w.steps.Inject(standin.Fault{Kind: standin.ServerError}) // for the heartbeat
		note(w.post(task.Links["progress"].URL, payload))
		note(w.post(task.URL, payload[1:]))
		note(w.send(w.next(), call{link: task.URL, contentType: "image/png", body: strings.NewReader(payload)}))
		note(w.post(task.URL+"/", payload))
		note(w.send(w.next(), call{method: "GET", link: task.URL + "?" + linkKey(task.URL)}))
		request := api.CreateRequest{TaskToken: task.token, OnExpiry: "payload-4711-canary"}
		if _, _, err := w.next().client.Create(t.Context(), request); err == nil {
			t.Error("a bad registration was accepted")
		} else {
			seen = append(seen, err.Error())
		}
		stored := func(field string) {
			t.Helper()
			dump := w.dump()
			wantNoSecret(t, "redis", dump, secrets)
			if !strings.Contains(dump, " "+field+"=") {
				t.Errorf("redis holds no %s:\n%s", field, dump)
			}
		}
		stored("taskToken")

		// An answer that waits for its delivery is stored, too.
		w.steps.SetFault(standin.Fault{Kind: standin.Refuse, Code: "AccessDeniedException", Message: "not for " + task.token + payload})
		w.replicas = append(w.replicas, w.start(hasty))
		note(w.send(w.replicas[2], call{link: task.URL, body: strings.NewReader(payload)}))
		w.eventually("an attempt was refused", func() bool { return w.get(task).Delivery.LastError == "AccessDeniedException" })
		note(w.post(task.URL, `"other"`))
		stored("outcome")
		for _, r := range w.replicas {
			wantNoSecret(t, "the log", r.log.String(), secrets)
			_, metrics := w.private(r, "/metrics")
			wantNoSecret(t, "the metrics", metrics, secrets)
			if !strings.Contains(r.log.String(), task.ID) {
				t.Error("the log does not name the callback")
			}
		}
		for _, text := range seen {
			wantNoSecret(t, "an answer", text, secrets)
		}
	})
}

// wantNoSecret checks that a text holds none of the secrets, however they are
// written.
func wantNoSecret(t *testing.T, where, text string, secrets []string) {
	t.Helper()
	lower := strings.ToLower(text)
	for _, secret := range secrets {
		for _, form := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprint([]byte(secret))} {
			if at := strings.Index(lower, strings.ToLower(form)); at >= 0 {
				t.Errorf("%s holds %q: …%q…", where, form, text[max(at-200, 0):min(at+200, len(text))])
			}
		}
	}
}

// dump returns every key of Redis with what it holds.
func (w *world) dump() string {
	w.Helper()
	var out bytes.Buffer
	each := func(ctx context.Context, node *redis.Client) error {
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
	}
	if cluster, ok := w.redis.(*redis.ClusterClient); ok {
		w.must(cluster.ForEachMaster(w.Context(), each))
	} else {
		w.must(each(w.Context(), w.redis.(*redis.Client)))
	}
	return out.String()
}
