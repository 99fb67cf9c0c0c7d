package faults

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"callback-relay/api"
	"callback-relay/relay"
	"callback-relay/stepfunctions/standin"
	"callback-relay/store/redistest"
)

// migrated is how many callbacks wait in TestMigration, and answered how many of
// these are answered afterwards.
const (
	migrated = 100_000
	answered = 300
)

// formThree is the end of every registration in version 3, which exists only in
// this test. Relays of both versions can read either form.
const formThree = `,"form":3}`

// nextRelease are the edits that turn this release into one with migration 3: it
// registers in the new form, rewrites callbacks in the old form, and works with
// both.
var nextRelease = []edit{
	{"store/keys.go", `schemaMarkers = []string{"1", "1>2", schemaLatest}`, `schemaMarkers = []string{"2", "2>3", schemaLatest}`},
	{"store/keys.go", `const schemaLatest = "2"`, `const schemaLatest = "3"`},
	{"store/scripts/create.lua", "' ' .. ARGV[6])", "' ' .. string.sub(ARGV[6], 1, -2) .. '" + formThree + "')"},
	{"migrations/migrations.go", "Rewrite: script(\"rewrite2\"), Check: script(\"check2\"),\n\t},", "Rewrite: script(\"rewrite2\"), Check: script(\"check2\"),\n\t}," + `
	{Number: 3, Name: "registrations say their form", Rewrite: script("rewrite3"), Check: script("check3")},`},
	{"migrations/rewrite3.lua", "", `
local old = redis.call('HGET', KEYS[1], 'registration')
if not old or string.find(old, '` + formThree + `', 1, true) then return {'same'} end
redis.call('HSET', KEYS[1], 'registration', string.sub(old, 1, -2) .. '` + formThree + `')
return {'changed'}`},
	{"migrations/check3.lua", "", `
local text = redis.call('HGET', KEYS[1], 'registration')
if text and not string.find(text, '` + formThree + `', 1, true) then return {'wrong', 'is in the old form'} end
return {'ok'}`},
}

// TestMigration rewrites 100,000 callbacks while a fleet is under load. The run is
// killed half way, and another run continues. The migration does not begin while a
// known live relay does not know the new version; an unknown one stops serving
// before anything is changed. Relays that know the version serve all the time.
// Nothing is lost (row 68).
func TestMigration(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	next := filepath.Join(t.TempDir(), "relay")
	must(t, build(next, "-overlay", overlay(t, nextRelease)))
	server := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "everysec")
	f := newFleet(t, setup{redisURL: server.URL, replicas: 1})
	old := f.replicas[0]
	f.addOf(next)
	f.addOf(next)
	waiting := f.seed(server.Client(), migrated)

	s := newScenario("100,000 callbacks rewritten, the run killed half way, three replicas", *seedFlag, f)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var loading sync.WaitGroup
	loading.Go(func() { s.load.run(ctx) })
	eventually(t, "requests are under way", func() bool { return s.load.working.Load() > 5 })

	if plan := f.operate(next, "migrate", "up", "--dry-run"); !strings.Contains(plan, "would apply 3:") {
		t.Errorf("the plan: %s", plan)
	}
	if told := f.operate(next, "migrate", "up"); !strings.Contains(told, "migration 3 waits until no replica of an older release runs any more") {
		t.Errorf("beside a replica that does not know it: %s", told)
	}
	f.untilReady(old)
	done := f.killHalfWay(server.Client(), next)
	s.count("migration: kill -9, run again")
	if status := f.operate(next, "migrate", "status"); !strings.Contains(status, fmt.Sprintf("; %d of ", done)) {
		t.Errorf("status after %d callbacks: %s", done, status)
	}
	f.wantAside(old)
	for _, r := range f.replicas[1:] {
		f.untilReady(r)
	}
	began := time.Now()
	log := f.operate(next, "migrate", "up")
	t.Logf("%d of %d callbacks when it was killed; the rest in %s:\n%s", done, migrated, time.Since(began).Round(time.Millisecond), log)
	if !strings.Contains(log, "done, 1 applied") || strings.Contains(log, "until every replica has noticed") {
		t.Error("the second run did not continue where the first stopped")
	}
	if told := f.operate(next, "migrate", "verify"); !strings.Contains(told, "all correct") {
		t.Errorf("verify: %s", told)
	}
	f.wantAside(old)
	old.roll(next)
	stop()
	loading.Wait()

	f.wantRewritten(server.Client(), waiting)
	s.load.histories = append(s.load.histories, f.answerSome(s.load, waiting)...)
	s.conclude().report(t)
}

// wantAside checks that a replica does not serve, and says why.
func (f *fleet) wantAside(r *replica) {
	f.Helper()
	eventually(f, "the old replica steps aside", func() bool {
		status, body, err := f.private(r, "/readyz")
		return err == nil && status == http.StatusServiceUnavailable && strings.Contains(body, "this release knows 1,")
	})
	if _, _, err := f.tryRegister(r); err == nil || !strings.Contains(err.Error(), "503") {
		f.Errorf("a replica that does not know the layout registers: %v", err)
	}
}

// seeded is a callback before the migration.
type seeded struct {
	id           relay.CallbackID
	taskToken    string
	registration string
}

// seed registers callbacks with the relay's own script, but a thousand in one round
// trip.
func (f *fleet) seed(r *redis.Client, n int) []seeded {
	f.Helper()
	ctx := context.Background()
	prelude, err := os.ReadFile("../store/scripts/prelude.lua")
	must(f, err)
	source, err := os.ReadFile("../store/scripts/create.lua")
	must(f, err)
	create := redis.NewScript(string(prelude) + "\n" + string(source))
	must(f, create.Load(ctx, r).Err())
	_, model := f.register()
	keys, err := relay.ParseKeyRing(oldKey)
	must(f, err)
	registration, err := r.HGet(ctx, callbackKey(f, model.ID), "registration").Result()
	must(f, err)
	spec := strings.SplitN(registration, " ", 3)[2]
	all := make([]seeded, n)
	for from := 0; from < n; from += 1000 {
		replies, err := r.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i := from; i < min(n, from+1000); i++ {
				token := f.steps.NewTask(standin.TaskOptions{})
				id := keys.Identify(relay.TaskToken(token))[0].ID
				all[i] = seeded{id: id, taskToken: token}
				create.EvalSha(ctx, p, []string{partitionKey(id, "cb:"+string(id)), partitionKey(id, "deadline"), partitionKey(id, "created")},
					string(id), "pending", "in", 24*time.Hour.Milliseconds(), 24*time.Hour.Milliseconds(), spec,
					keys.Seal(id, "taskToken", []byte(token)), "", "", "", "", "")
			}
			return nil
		})
		must(f, err)
		for i, reply := range replies {
			made, err := reply.(*redis.Cmd).StringSlice()
			must(f, err)
			all[from+i].registration = made[3] + " " + made[5] + " " + spec // values come after their names
		}
	}
	return all
}

func partitionKey(id relay.CallbackID, rest string) string {
	return "relay:v1:" + partitionTag(id.Partition()) + ":" + rest
}

// callbackKey is the key of a callback.
func callbackKey(t testing.TB, id string) string {
	t.Helper()
	parsed, err := relay.ParseCallbackID(id)
	must(t, err)
	return partitionKey(parsed, "cb:"+id)
}

// killHalfWay starts the migration, beside a replica that it does not know of, and
// kills it when about half is done. It returns how many callbacks the run had
// recorded.
func (f *fleet) killHalfWay(r *redis.Client, binary string) (done int) {
	f.Helper()
	ctx := context.Background()
	var names []string
	for _, name := range r.ZRange(ctx, "relay:v1:replicas", 0, -1).Val() {
		if strings.Contains(name, "+keyspace2") {
			names = append(names, name)
		}
	}
	cmd := f.command(binary, "migrate", "up", "--wait=30s")
	must(f, cmd.Start())
	begun := func() bool { return r.Get(ctx, "relay:schema").Val() == "2>3" }
	eventually(f, "the migration has begun", func() bool {
		for _, name := range names { // it announces itself again and again
			must(f, r.ZRem(ctx, "relay:v1:replicas", name).Err())
		}
		return begun()
	})
	noted := func() int {
		n, _ := strconv.Atoi(r.HGet(ctx, "relay:migration:{relay:schema}", "done").Val())
		return n
	}
	eventually(f, "half of the callbacks are rewritten", func() bool { return noted() > migrated/2 })
	must(f, cmd.Process.Signal(syscall.SIGKILL))
	_ = cmd.Wait() // it was killed
	if done = noted(); done < migrated/4 || done > migrated*9/10 {
		f.Errorf("killed after %d of %d callbacks", done, migrated)
	}
	return done
}

// wantRewritten checks that each callback is unchanged, except for the new form.
func (f *fleet) wantRewritten(r *redis.Client, all []seeded) {
	f.Helper()
	ctx := context.Background()
	keys, err := relay.ParseKeyRing(oldKey)
	must(f, err)
	wrong := 0
	for from := 0; from < len(all); from += 1000 {
		page := all[from:min(len(all), from+1000)]
		replies, err := r.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, c := range page {
				p.HMGet(ctx, partitionKey(c.id, "cb:"+string(c.id)), "state", "registration", "taskToken")
			}
			return nil
		})
		must(f, err)
		for i, reply := range replies {
			c, got := page[i], reply.(*redis.SliceCmd).Val()
			sealed, _ := got[2].(string)
			token, err := keys.Open(c.id, "taskToken", []byte(sealed))
			if got[0] != "pending" || got[1] != strings.TrimSuffix(c.registration, "}")+formThree || err != nil || string(token) != c.taskToken {
				if wrong++; wrong <= 3 {
					f.Errorf("callback %s is %v %q, its task token: %v", c.id, got[0], got[1], err)
				}
			}
		}
	}
	if wrong > 0 {
		f.Errorf("%d of %d callbacks are not what they were", wrong, len(all))
	}
}

// answerSome registers some of the tasks again, which finds their callbacks, and
// answers each.
func (f *fleet) answerSome(l *load, all []seeded) []*history {
	f.Helper()
	histories := make([]*history, answered)
	for i := range histories {
		h := &history{kind: kindOne, taskToken: all[i*len(all)/answered].taskToken}
		c := l.client(h, rng(l.seed, 2<<32+uint64(i)))
		c.bodies = [][]byte{payload(c.rnd), payload(c.rnd)}
		cb, created, err := f.client(f.replicas[i%len(f.replicas)]).Create(context.Background(), api.CreateRequest{TaskToken: h.taskToken})
		if err != nil || created {
			f.Fatalf("registered again: created %v, %v", created, err)
		}
		h.callback, h.deadline = cb, cb.ExpiresAt
		c.send(0, c.anyReplica())
		histories[i] = h
	}
	return histories
}
