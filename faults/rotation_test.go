package faults

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"callback-relay/api"
	"callback-relay/stepfunctions/standin"
	"callback-relay/store/redistest"
)

// newKey replaces oldKey.
const newKey = "k2:bm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm4="

// TestRotation replaces the master key of a running fleet as docs/procedures.md says,
// by rolling restarts under load. What was made and sealed with the old key still
// works; new callbacks have the new key; and a key that was removed too early can
// be put back (row 69).
func TestRotation(t *testing.T) {
	t.Parallel()
	if !redistest.Available(t) {
		return
	}
	server := redistest.Start(t, aof...)
	f := newFleet(t, setup{redisURL: server.URL, replicas: 2, hooks: true})
	redis := server.Client()
	var early []*caller
	waiting := f.directed(f.replicas[0], 6, func(_ int, c *caller) { early = append(early, c) })
	// Accepted and not delivered: they are sealed with the old key, and wait.
	f.steps.SetFault(standin.Fault{Kind: standin.Throttle})
	sealed := f.directed(f.replicas[1], 4, func(_ int, c *caller) { c.send(0, c.anyReplica()) })
	f.steps.SetFault()

	s := newScenario("master key rotated, two replicas", *seedFlag, f)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var loading sync.WaitGroup
	loading.Go(func() { s.load.run(ctx) })
	for _, ring := range []string{oldKey + "," + newKey, newKey + "," + oldKey} {
		for _, r := range f.replicas {
			begun := s.load.begun.Load()
			eventually(t, "both rings have work", func() bool { return s.load.begun.Load() > begun+loadRate })
			s.count("SIGTERM, another ring of keys")
			r.roll(relayBinary, "RELAY_KEYS="+ring)
			f.untilReady(r)
		}
	}
	stop()
	loading.Wait()
	s.conclude().report(t)

	for i, c := range early[:3] {
		// Its link works, and so does its registration, which a workflow may repeat.
		again, created, err := f.client(f.replicas[i%2]).Create(t.Context(), api.CreateRequest{TaskToken: c.taskToken})
		if err != nil || created || again.URL != c.callback.URL {
			t.Errorf("registered again: created %v, %v, the same link: %v", created, err, again.URL == c.callback.URL)
		}
		if told := f.postOnce(c, 0, i%2); told.word != api.StatusDelivered {
			t.Errorf("a link of the old key: %+v", told)
		}
	}
	f.judged("links of the old key", waiting[:3])
	f.judged("answers sealed with the old key", sealed)

	_, fresh := f.registerAt(f.replicas[0])
	key := callbackKey(t, fresh.ID)
	if seal := redis.HGet(t.Context(), key, "taskToken").Val(); !strings.HasPrefix(seal, "k2:") {
		t.Errorf("a new callback is sealed as %.3s…", seal)
	}

	for _, r := range f.replicas {
		r.roll(relayBinary, "RELAY_KEYS="+newKey)
	}
	if told, err := f.post(t.Context(), f.replicas[0], fresh.URL, []byte(`{}`)); err != nil || told.word != api.StatusDelivered {
		t.Errorf("a link of the new key alone: %+v, %v", told, err)
	}
	if told := f.postOnce(early[3], 0, 1); told.status != http.StatusNotFound {
		t.Errorf("a link whose key is gone: %+v", told)
	}
	early[3].events = nil // that 404 was our doing
	for _, r := range f.replicas {
		r.roll(relayBinary, "RELAY_KEYS="+newKey+","+oldKey)
	}
	for i, c := range early[3:] {
		if told := f.postOnce(c, 0, i%2); told.word != api.StatusDelivered {
			t.Errorf("a link whose key was put back: %+v", told)
		}
	}
	f.judged("the old key put back", waiting[3:])
}
