package faults

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"callback-relay/api"
	"callback-relay/stepfunctions/standin"
	"callback-relay/store/redistest"
)

// backups are the two ways to back up Redis: its settings, how the backup is made,
// and which part of its folder it is.
var backups = []struct {
	name  string
	args  []string
	files string
	make  func(*testing.T, *redis.Client)
}{
	{"snapshot", nil, "dump.rdb", func(t *testing.T, r *redis.Client) {
		must(t, r.Save(t.Context()).Err())
	}},
	{"append-only file", aof, "appendonlydir", func(t *testing.T, r *redis.Client) {
		// Otherwise a rewrite could replace the files while they are copied.
		must(t, r.ConfigSet(t.Context(), "auto-aof-rewrite-percentage", "0").Err())
	}},
}

// TestRestore restores an older backup as docs/procedures.md says: nobody is served
// until the operator confirms the data. Then everything in the backup works;
// answers delivered after the backup are sent again and have no second effect; and
// callbacks registered after it exist again when their workflows repeat the
// registration (row 62).
func TestRestore(t *testing.T) {
	t.Parallel()
	if !redistest.Available(t) {
		return
	}
	for _, backup := range backups {
		t.Run(backup.name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t, backup.args...)
			f := newFleet(t, setup{redisURL: server.URL, replicas: 2, settings: []string{"RELAY_ANSWER_WAIT=5s"}})
			ctx := t.Context()
			var c []*caller
			cases := f.directed(f.replicas[0], 6, func(_ int, one *caller) { c = append(c, one) })
			delivered, accepted, pending, later, cancelled, forgotten := c[0], c[1], c[2], c[3], c[4], c[5]
			f.postOnce(delivered, 0, 0)
			f.steps.Inject(standin.Fault{Kind: standin.CommitThenDrop, TaskToken: accepted.taskToken})
			f.steps.Inject(standin.Fault{Kind: standin.Hang, TaskToken: accepted.taskToken})
			f.postOnce(accepted, 0, 1) // unclear, and on its way again
			f.callsUntil(cases[1:2], 1)

			dir := configured(t, server.Client(), "dir")
			backup.make(t, server.Client())
			kept := filepath.Join(t.TempDir(), backup.files)
			copyAll(t, filepath.Join(dir, backup.files), kept)
			f.steps.Release()
			f.untilState(f.replicas[0], accepted.callback.ID, api.StateDelivered)
			f.postOnce(later, 0, 0)
			_, err := f.client(f.replicas[1]).Cancel(ctx, cancelled.callback.ID)
			must(t, err)
			lostToken, lost := f.registerAt(f.replicas[1])
			f.steps.SetFault(standin.Fault{Kind: standin.Throttle})
			if told := f.postOnce(forgotten, 0, 0); told.word != api.StatusAccepted {
				t.Errorf("an answer that cannot be delivered now: %+v", told)
			}

			// The relays stop, Redis gets the backup, and nobody is served yet.
			for _, r := range f.replicas {
				must(t, r.terminate())
			}
			f.steps.SetFault()
			server.Kill()
			must(t, os.RemoveAll(filepath.Join(dir, backup.files)))
			copyAll(t, kept, filepath.Join(dir, backup.files))
			server.Restart()
			must(t, server.Client().Del(ctx, "relay:schema").Err())
			for _, r := range f.replicas {
				r.start()
			}
			f.untilNotReady()
			for _, one := range []*caller{delivered, pending, later} {
				if told := f.postOnce(one, 0, 0); told.status != http.StatusServiceUnavailable {
					t.Errorf("before the operator confirmed, a sender got %+v", told)
				}
			}
			f.migrate()
			if told := f.operate(relayBinary, "migrate", "verify"); !strings.Contains(told, "6 callbacks, all correct") {
				t.Errorf("verify: %s", told)
			}
			for _, r := range f.replicas {
				f.untilReady(r)
			}

			if told := f.postOnce(delivered, 0, 0); told.status != http.StatusOK || !told.duplicate {
				t.Errorf("what was delivered before the backup, again: %+v", told)
			}
			if told := f.postOnce(pending, 0, 1); told.word != api.StatusDelivered {
				t.Errorf("what waited all the time: %+v", told)
			}
			// It is sent again, and Step Functions refuses it: an attempt before the
			// backup may have succeeded.
			f.untilState(f.replicas[0], accepted.callback.ID, api.StateDelivered)
			if got := f.get(f.replicas[0], accepted.callback.ID); got.Delivery.Confirmed == nil || *got.Delivery.Confirmed {
				t.Error("what had no clear result before the backup is confirmed")
			}
			// The backup has no attempt of this one's delivery.
			if told := f.postOnce(later, 0, 1); told.status != http.StatusGone || told.word != api.CodeTaskClosed.Short() {
				t.Errorf("what was delivered after the backup, again: %+v", told)
			}
			if got := f.get(f.replicas[0], cancelled.callback.ID); got.State != api.StatePending {
				t.Errorf("what was cancelled after the backup is %s", got.State)
			}
			// Only the sender knows of this one's answer.
			if told := f.postOnce(forgotten, 0, 0); told.word != api.StatusDelivered || told.duplicate {
				t.Errorf("what was accepted after the backup, again: %+v", told)
			}
			f.wantOneEffect(delivered, accepted, pending, later, forgotten)

			if told, err := f.post(ctx, f.replicas[0], lost.URL, []byte(`{}`)); err != nil || told.status != http.StatusNotFound {
				t.Errorf("what was registered after the backup: %+v, %v", told, err)
			}
			again, created, err := f.client(f.replicas[0]).Create(ctx, api.CreateRequest{TaskToken: lostToken})
			if err != nil || !created || again.URL == lost.URL {
				t.Errorf("registered again: created %v, %v, the same link: %v", created, err, again.URL == lost.URL)
			}
			if told, err := f.post(ctx, f.replicas[1], lost.URL, []byte(`{}`)); err != nil || told.status != http.StatusNotFound {
				t.Errorf("its link of old: %+v, %v", told, err)
			}
			if told, err := f.post(ctx, f.replicas[1], again.URL, []byte(`{}`)); err != nil || told.word != api.StatusDelivered {
				t.Errorf("its new link: %+v, %v", told, err)
			}
		})
	}
}

// untilNotReady waits until every replica says that it needs the operator.
func (f *fleet) untilNotReady() {
	f.Helper()
	for _, r := range f.replicas {
		eventually(f, "the replica says why it is not ready", func() bool {
			status, body, err := f.private(r, "/readyz")
			return err == nil && status == http.StatusServiceUnavailable && strings.Contains(body, "relay migrate up")
		})
	}
}

// wantOneEffect checks that each task got its sender's answer exactly once.
func (f *fleet) wantOneEffect(callers ...*caller) {
	f.Helper()
	for _, c := range callers {
		n := 0
		for _, e := range f.steps.Effects() {
			if e.TaskToken == c.taskToken {
				n++
				if string(e.Output) != string(c.bodies[0]) {
					f.Errorf("callback %s took effect with other bytes", c.callback.ID)
				}
			}
		}
		if n != 1 {
			f.Errorf("callback %s has %d effects, want 1", c.callback.ID, n)
		}
	}
}

func configured(t *testing.T, r *redis.Client, name string) string {
	t.Helper()
	values, err := r.ConfigGet(context.Background(), name).Result()
	must(t, err)
	return values[name]
}

// copyAll copies a file, or a folder with its content.
func copyAll(t *testing.T, from, to string) {
	t.Helper()
	info, err := os.Stat(from)
	must(t, err)
	if info.IsDir() {
		must(t, os.CopyFS(to, os.DirFS(from)))
		return
	}
	content, err := os.ReadFile(from)
	must(t, err)
	must(t, os.WriteFile(to, content, 0o600))
}
