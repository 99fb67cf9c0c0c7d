package main

import (
	"encoding/base64"
	"strings"
	"testing"

	"callback-relay/api"
	"callback-relay/config"
	"callback-relay/stepfunctions/standin"
)

// TestRotationRollsThrough runs replicas with the same two master keys in different
// orders, as in the middle of a rotation: links from either work at both, and a task
// has one callback wherever it is registered (row 69).
func TestRotationRollsThrough(t *testing.T) {
	onEachRedis(t, func(t *testing.T, r redisServer) {
		w := newWorld(t, r, 0)
		newKey := "k2:" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("n", 32)))
		for _, ring := range []string{masterKey + "," + newKey, newKey + "," + masterKey} {
			w.replicas = append(w.replicas, w.start(func(s *config.Settings) { s.Keys = config.Secret(ring) }))
		}
		for made := range w.replicas {
			maker, other := w.replicas[made], w.replicas[1-made]
			request := api.CreateRequest{
				TaskToken: w.steps.NewTask(standin.TaskOptions{}),
				Links: map[string]api.LinkRequest{
					"default": {Type: api.LinkWebhook}, "progress": {Type: api.LinkHeartbeat},
				},
			}
			cb, created, err := maker.client.Create(t.Context(), request)
			if err != nil || !created {
				t.Fatalf("register: created %v, %v", created, err)
			}
			again, created, err := other.client.Create(t.Context(), request)
			w.must(err)
			if created || again.ID != cb.ID || again.URL != cb.URL || again.Links["progress"] != cb.Links["progress"] {
				t.Errorf("made at %d, registered at the other: created %v, %+v; want %+v", made, created, again, cb)
			}

			task := task{cb, request.TaskToken}
			for _, at := range w.replicas {
				w.wantTaken(w.send(at, call{link: cb.Links["progress"].URL}), task, api.StatusAlive, false)
			}
			w.wantTaken(w.send(other, call{link: cb.URL, body: strings.NewReader(`{}`)}), task, api.StatusDelivered, false)
			w.wantTaken(w.send(maker, call{link: cb.URL, body: strings.NewReader(`{}`)}), task, api.StatusDelivered, true)
			w.wantOutput(task, `{}`)
		}
	})
}
