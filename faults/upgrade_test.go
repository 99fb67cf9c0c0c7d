package faults

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"callback-relay/api"
	"callback-relay/client"
	"callback-relay/stepfunctions/standin"
	"callback-relay/store/redistest"
)

// previousRelease is a file with the commits from which an upgrade to this one is
// possible, one a line: the previous release, and commits deployed after it. Making
// a release changes the file.
const previousRelease = "previous-release"

// previousCommits reads that file.
func previousCommits(t testing.TB) []string {
	t.Helper()
	content, err := os.ReadFile(previousRelease)
	must(t, err)
	return strings.Fields(string(content))
}

// knows reports whether a previous release announces a feature, such as +generations.
func knows(commit, feature string) bool {
	return exec.Command("git", "grep", "--quiet", feature, commit, "--", ":/store/*.go").Run() == nil
}

// buildPrevious builds an earlier release from git.
func buildPrevious(t testing.TB, commit string) (binary string) {
	t.Helper()
	if out, err := exec.Command("git", "cat-file", "-e", commit+"^{commit}").CombinedOutput(); err != nil {
		t.Fatalf("the previous release is commit %s (faults/%s), and git does not have it: %v\n%s"+
			"This test needs the whole history: git fetch --unshallow", commit, previousRelease, err, out)
	}
	dir := t.TempDir()
	source, packed := filepath.Join(dir, "source"), filepath.Join(dir, "source.tar")
	must(t, os.Mkdir(source, 0o700))
	for _, args := range [][]string{
		{"git", "-C", "..", "archive", "--output", packed, commit},
		{"tar", "-x", "-C", source, "-f", packed},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	binary = filepath.Join(dir, "relay")
	must(t, buildIn(source, binary))
	return binary
}

// TestUpgrade goes from the previous release to this one and back on one Redis.
// After this release's migration the old replicas still serve. Each release then
// delivers what the other accepted. Finally the fleet is rolled from one release to
// the other, and one replica back and forth, under load (row 68). A replica that has gone back
// refuses approvals that it does not know (row 121).
func TestUpgrade(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	for _, commit := range previousCommits(t) {
		t.Run("from "+commit[:7], func(t *testing.T) { upgrade(t, commit) })
	}
}

func upgrade(t *testing.T, commit string) {
	previous := buildPrevious(t, commit)
	// A release without generations does not know the new features for people either.
	generations, guards, awaits, migrated := knows(commit, "+generations"), knows(commit, "+guards"), knows(commit, "+awaits"), knows(commit, "+keyspace")
	f := newFleet(t, setup{binary: previous, redisURL: redistest.Start(t, aof...).URL, replicas: 2})
	before := f.directed(f.replicas[0], 6, func(i int, c *caller) {
		if i%2 == 0 {
			c.send(0, i%2)
		}
	})
	var people []registered
	if !generations {
		people = f.peopleBefore(f.replicas[0])
	}
	approval := f.approvalBefore(f.replicas[0])
	if !migrated {
		f.migrationWaits(2)
	}
	for _, r := range f.replicas {
		f.untilReady(r) // else the migration does not wait for them: decision 25
	}
	// It stores trace contexts with its callbacks; the spans go nowhere.
	fresh := f.addOf(relayBinary, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:9")
	f.untilReady(fresh)
	for i, h := range before {
		c := newLoad(f, 1, 1).client(h, rng(1, 1))
		c.bodies = h.bodies
		if told := f.postOnce(c, 0, 2); told.status != http.StatusOK || told.duplicate != (i%2 == 0) {
			t.Errorf("what the previous release made, at this one: %+v", told)
		}
	}
	f.judged("before and after the upgrade", before)
	if !generations {
		f.peopleAfter(f.replicas[0], fresh, people)
	}
	f.approvalAfter(fresh, approval)
	approvals := knows(commit, "+approvals2")
	if !approvals {
		f.approvalsWait(fresh)
	}
	f.deliverEachOthers(0, 2)
	f.deliverEachOthers(2, 0)
	if !generations {
		f.peopleMeanwhile(f.replicas[0], fresh)
	}
	if guards {
		f.guardedMeanwhile(f.replicas[0], fresh, knows(commit, "+guards2"))
	}
	early := hookEvent(rng(1, 1), "pi_upgrade", "paid")
	if !awaits {
		f.awaitsWait(early)
	}

	s := newScenario("rolling upgrade and back, three replicas", *seedFlag, f)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var loading sync.WaitGroup
	loading.Go(func() { s.load.run(ctx) })
	for _, step := range []struct {
		replica int
		binary  string
		name    string
	}{
		{0, relayBinary, "upgrade"}, {2, previous, "rollback"}, {1, relayBinary, "upgrade"}, {2, relayBinary, "upgrade"},
	} {
		begun := s.load.begun.Load()
		eventually(t, "both releases have work", func() bool { return s.load.begun.Load() > begun+2*loadRate })
		s.count(step.name + ": SIGTERM, the other binary")
		s.replicas[step.replica].roll(step.binary)
		f.untilReady(s.replicas[step.replica])
	}
	stop()
	loading.Wait()
	s.conclude().report(t)
	if !generations {
		f.linksOfThisRelease(s.replicas[2], previous)
	}
	if !approvals {
		status := http.StatusServiceUnavailable
		if !generations {
			status = http.StatusNotFound // to all links, until it is upgraded again
		}
		f.approvalsAreClosed(fresh, s.replicas[2], previous, status)
	}
	f.guardedAfterwards(fresh)
	if !awaits {
		f.awaitsAfterwards(early)
	}
	if !migrated {
		f.migratesAfterwards(fresh)
	}
	if told := f.operate(relayBinary, "migrate", "verify"); !strings.Contains(told, "all correct") {
		t.Errorf("verify: %s", told)
	}
}

// migrationWaits runs this release's migration while replicas of the previous one
// are live: it says so, and changes nothing.
func (f *fleet) migrationWaits(older int) {
	f.Helper()
	eventually(f, "the old replicas have announced themselves", func() bool {
		told := f.operate(relayBinary, "migrate", "up")
		return strings.Contains(told, "run relay migrate up again after the rollout") && strings.Count(told, ", ") >= older-1
	})
	if told := f.operate(relayBinary, "migrate", "status"); !strings.Contains(told, "keyspace version 1") {
		f.Errorf("migrated under the previous release: %s", told)
	}
}

// migratesAfterwards runs the migration when every replica has this release. Before
// and after it, a list by a final state has all callbacks in that state.
func (f *fleet) migratesAfterwards(r *replica) {
	f.Helper()
	list := func(state string) map[string]bool {
		ids := map[string]bool{}
		for cb, err := range f.client(r).All(context.Background(), client.Query{State: state, Limit: 100}) {
			must(f, err)
			if state != "" || cb.State != api.StatePending && cb.State != api.StateAnswered {
				ids[cb.ID] = true
			}
		}
		return ids
	}
	finals := []string{api.StateDelivered, api.StateRefused, api.StateExpired, api.StateCancelled}
	listed := func() map[string]bool {
		ids := map[string]bool{}
		for _, state := range finals {
			maps.Copy(ids, list(state))
		}
		return ids
	}
	warns := func() bool {
		_, body, err := f.private(r, "/readyz")
		return err == nil && strings.Contains(body, "migration 2 has not run")
	}
	ended := list("")
	if before := listed(); len(ended) == 0 || !maps.Equal(before, ended) {
		f.Errorf("before the migration %d of %d callbacks that have ended are listed by their states", len(before), len(ended))
	}
	if !warns() {
		f.Error("readyz does not warn that a migration has not run")
	}
	if told := f.operate(relayBinary, "migrate", "up", "--wait=1m"); !strings.Contains(told, "done, 1 applied") {
		f.Errorf("after the rollout: %s", told)
	}
	eventually(f, "the replica has noticed", func() bool { return !warns() })
	if after := listed(); !maps.Equal(after, ended) {
		f.Errorf("after the migration %d of %d callbacks that have ended are listed by their states", len(after), len(ended))
	}
}

// deliverEachOthers lets one replica accept answers that it cannot deliver, and
// stops it: the other replica, of another release, delivers them.
func (f *fleet) deliverEachOthers(taker, deliverer int) {
	f.Helper()
	f.steps.SetFault(standin.Fault{Kind: standin.Throttle})
	cases := f.directed(f.replicas[deliverer], 5, func(_ int, c *caller) {
		if told := f.postOnce(c, 0, taker); told.status != http.StatusOK || told.word != api.StatusAccepted {
			f.Errorf("an answer that cannot be delivered now: %+v", told)
		}
	})
	for i, r := range f.replicas {
		if i != deliverer {
			must(f, r.terminate())
		}
	}
	f.steps.SetFault()
	for _, h := range cases {
		f.untilState(f.replicas[deliverer], h.callback.ID, api.StateDelivered)
	}
	for i, r := range f.replicas {
		if i != deliverer {
			r.start()
		}
	}
	f.judged(fmt.Sprintf("taken by replica %d, delivered by replica %d", taker, deliverer), cases)
}

func isStatus(err error, status int) bool {
	var refusal *client.Error
	return errors.As(err, &refusal) && refusal.StatusCode == status
}
