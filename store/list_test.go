package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
	"callback-relay/store"
)

func testList(t *testing.T, r *redisUnderTest) {
	const n = 120
	var want []relay.CallbackID // newest first
	for i := range n {
		cb := r.register(relay.TaskToken(fmt.Sprint("task", i)), func(reg *relay.Registration) {
			reg.Tags = map[string]string{"n": fmt.Sprint(i % 3)}
		})
		// Many callbacks of the same millisecond, as in a burst.
		created := float64(1_000_000 + i/50)
		r.must(r.client.ZAdd(t.Context(), r.set(cb, "created"), redis.Z{Score: created, Member: string(cb.ID)}).Err())
		want = append(want, cb.ID)
		if i%4 == 0 {
			r.answer(cb, `1`)
		}
	}
	slices.Reverse(want)
	for start := 0; start < n; { // within one millisecond partitions take turns
		end := start
		for end < n && (n-1-end)/50 == (n-1-start)/50 {
			end++
		}
		slices.SortFunc(want[start:end], byTurns)
		slices.Reverse(want[start:end])
		start = end
	}
	for _, limit := range []int{1, 7, 50, 100} {
		if diff := cmp.Diff(want, r.listAll(relay.Query{Limit: limit})); diff != "" {
			t.Errorf("in pages of %d (-want +got):\n%s", limit, diff)
		}
	}
	if got := r.listAll(relay.Query{Limit: 10, State: relay.StateAnswered}); len(got) != n/4 {
		t.Errorf("%d answered, want %d", len(got), n/4)
	}
	if got := r.listAll(relay.Query{Limit: 10, TagKey: "n", TagValue: "2"}); len(got) != n/3 {
		t.Errorf("%d tagged n:2, want %d", len(got), n/3)
	}
	if got := r.listAll(relay.Query{Limit: 10, TagKey: "m"}); len(got) != 0 {
		t.Errorf("%d tagged m, want none", len(got))
	}
}

// listAll follows the cursors to the end.
func (r *redisUnderTest) listAll(q relay.Query) []relay.CallbackID {
	r.t.Helper()
	var ids []relay.CallbackID
	for {
		page, err := r.List(r.t.Context(), q)
		r.must(err)
		if len(page.Callbacks) > q.Limit {
			r.t.Fatalf("a page of %d, asked for %d", len(page.Callbacks), q.Limit)
		}
		for _, cb := range page.Callbacks {
			ids = append(ids, cb.ID)
		}
		if page.Next == "" {
			return ids
		}
		q.Cursor = page.Next
	}
}

// seedCallbacks stores callbacks as the scripts would, without running them. The
// states take turns. All times of a callback are equal, and grow by one millisecond
// every few callbacks.
func (r *redisUnderTest) seedCallbacks(n, sameTime int, tags func(int) string) {
	r.t.Helper()
	ctx, far := r.t.Context(), time.Now().Add(time.Hour).UnixMilli()
	for from := 0; from < n; from += 500 {
		_, err := r.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i := from; i < min(n, from+500); i++ {
				state := relay.States[i%len(relay.States)]
				id, at := r.keys.Identify(relay.TaskToken(fmt.Sprint("seed", i)))[0].ID, far+int64(i/sameTime)
				cb := relay.Callback{ID: id}
				p.HSet(ctx, r.key(cb), "state", string(state), "registration", fmt.Sprintf(
					`%d %d {"links":[["default","webhook"]],"tags":{"t":"%s"},"onExpiry":"fail","expires":"","key":"k1"}`, at, at, tags(i)))
				set := string(state)
				switch state {
				case relay.StatePending:
					set = "deadline"
				case relay.StateAnswered:
					set = "due"
				}
				member := redis.Z{Score: float64(at), Member: string(id)}
				p.ZAdd(ctx, r.set(cb, "created"), member)
				p.ZAdd(ctx, r.set(cb, set), member)
			}
			return nil
		})
		r.must(err)
	}
}

// listed returns those callbacks of seedCallbacks that a list by state shows.
func (r *redisUnderTest) listed(n, sameTime int, state relay.State) (want []relay.CallbackID) {
	type at struct {
		time int
		id   relay.CallbackID
	}
	var all []at
	for i := range n {
		if state == "" || relay.States[i%len(relay.States)] == state {
			all = append(all, at{i / sameTime, r.keys.Identify(relay.TaskToken(fmt.Sprint("seed", i)))[0].ID})
		}
	}
	slices.SortFunc(all, func(a, b at) int {
		if a.time != b.time {
			return a.time - b.time
		}
		return byTurns(a.id, b.id)
	})
	if state != relay.StatePending && state != relay.StateAnswered {
		slices.Reverse(all)
	}
	for _, a := range all {
		want = append(want, a.id)
	}
	return want
}

// byTurns orders callbacks of one time as lists do: partitions take turns.
func byTurns(a, b relay.CallbackID) int {
	if a.In(0) != b.In(0) {
		return strings.Compare(string(a.In(0)), string(b.In(0)))
	}
	return a.Partition() - b.Partition()
}

func oneTag(int) string { return "x" }

// everyState is each state, and "" for all states.
var everyState = append([]relay.State{""}, relay.States...)

// Waiting callbacks are listed with the next one first, and ended callbacks with
// the latest first, in pages of any size.
func testListByState(t *testing.T, r *redisUnderTest) {
	const n, sameTime = 600, 7
	r.seedCallbacks(n, sameTime, oneTag)
	for _, state := range everyState {
		want := r.listed(n, sameTime, state)
		for _, limit := range []int{9, 64, 100} {
			if diff := cmp.Diff(want, r.listAll(relay.Query{Limit: limit, State: state})); diff != "" {
				t.Errorf("%q in pages of %d (-want +got):\n%s", state, limit, diff)
			}
		}
	}
}

// Many callbacks with the same deadline, such as midnight, do not make pages more
// expensive.
func testListOfEqualTimes(t *testing.T, r *redisUnderTest) {
	const n = 1_500
	r.seedCallbacks(n, n, oneTag)
	_, err := r.List(t.Context(), relay.Query{Limit: 1}) // looks at the keyspace, and loads the script
	r.must(err)
	for _, state := range []relay.State{"", relay.StatePending, relay.StateCancelled} {
		q, count := relay.Query{Limit: 100, State: state}, &reads{}
		var got []relay.CallbackID
		r.client.AddHook(count)
		for {
			*count = reads{}
			page, err := r.List(t.Context(), q)
			r.must(err)
			for _, cb := range page.Callbacks {
				got = append(got, cb.ID)
			}
			r.cheap(state, *count)
			if q.Cursor = page.Next; q.Cursor == "" {
				break
			}
		}
		if diff := cmp.Diff(r.listed(n, n, state), got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", state, diff)
		}
	}
}

// cheap checks the cost of one page of a hundred callbacks.
func (r *redisUnderTest) cheap(state relay.State, c reads) {
	r.t.Helper()
	if c.trips > 4 || c.members > 200 || c.hashes > 100 {
		r.t.Errorf("a page of %q took %d round trips, %d members and %d callbacks; want at most 4, 200 and 100", state, c.trips, c.members, c.hashes)
	}
}

// The cost of a page does not depend on its state or its place in the list.
func testListCost(t *testing.T, r *redisUnderTest) {
	r.seedCallbacks(12_000, 40, oneTag)
	var told timings
	r.Store = store.New(r.client, store.Options{Keys: r.keys, Lease: lease, Retention: retention, Metrics: &told})
	count := &reads{}
	r.client.AddHook(count)
	_, err := r.List(t.Context(), relay.Query{Limit: 1}) // looks at the keyspace, and loads the script
	r.must(err)
	for _, state := range everyState {
		q := relay.Query{Limit: 100, State: state}
		for range 5 {
			r.Check(t.Context()) // reads the marker, on a slow machine too
			*count = reads{}
			told.take()
			page, err := r.List(t.Context(), q)
			if err != nil || len(page.Callbacks) != 100 || page.Examined != 100 {
				t.Fatalf("%q: a page of %d, %d examined, %v", state, len(page.Callbacks), page.Examined, err)
			}
			r.cheap(state, *count)
			if trips := told.take(); len(trips) > 4 {
				t.Errorf("%q: round trips %q", state, trips)
			}
			q.Cursor = page.Next
		}
	}
}

// A cursor is valid only for the list that returned it.
func testListCursors(t *testing.T, r *redisUnderTest) {
	r.seedCallbacks(60, 1, oneTag)
	refused := func(q relay.Query) {
		t.Helper()
		var field *relay.InvalidFieldError
		if _, err := r.List(t.Context(), q); !errors.As(err, &field) || field.Field != "cursor" {
			t.Errorf("%+v: %v", q, err)
		}
	}
	cursors := map[relay.State]string{}
	for _, state := range everyState {
		page, err := r.List(t.Context(), relay.Query{Limit: 5, State: state})
		r.must(err)
		cursors[state] = page.Next
		for _, bad := range []string{"x", "12", "12-short", "-", string(state) + "-12-short", page.Next + "-", "x" + page.Next} {
			refused(relay.Query{Limit: 5, State: state, Cursor: bad})
		}
	}
	for _, state := range everyState {
		for of, cursor := range cursors {
			if of == "" && state.Final() {
				continue // the list began while callbacks in that state were searched for
			}
			if of != state {
				refused(relay.Query{Limit: 5, State: state, Cursor: cursor})
			}
		}
	}
}

// Before the migration, callbacks that ended before the upgrade are in no set of
// their state, so lists search for them. A list that began before the end of the
// migration continues to do so.
func testListWhileMigrating(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	const n = 300
	r.seedCallbacks(n, 1, oneTag)
	for _, marker := range []string{"1", "1>2"} {
		r.must(r.client.Set(ctx, "relay:schema", marker, 0).Err())
		r.useKeys(r.keys)
		for _, state := range everyState {
			want := r.listed(n, 1, state)
			if state.Final() {
				// As the previous release left them.
				for _, id := range want {
					r.must(r.client.ZRem(ctx, r.set(relay.Callback{ID: id}, string(state)), string(id)).Err())
				}
			}
			if diff := cmp.Diff(want, r.listAll(relay.Query{Limit: 20, State: state})); diff != "" {
				t.Errorf("marker %s, %q (-want +got):\n%s", marker, state, diff)
			}
		}
	}
	first, err := r.List(ctx, relay.Query{Limit: 20, State: relay.StateDelivered})
	r.must(err)
	r.must(r.client.Set(ctx, "relay:schema", "2", 0).Err())
	r.useKeys(r.keys)
	rest := r.listAll(relay.Query{Limit: 20, State: relay.StateDelivered, Cursor: first.Next})
	if len(first.Callbacks)+len(rest) != n/len(relay.States) {
		t.Errorf("%d before the migration ended and %d after it, want %d together", len(first.Callbacks), len(rest), n/len(relay.States))
	}
}

// A replica that has not noticed yet that the migration ended goes on with a list
// that another one has begun.
func testListBesideAReplicaBehind(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	const n = 300
	r.seedCallbacks(n, 1, oneTag)
	behind := store.New(r.client, store.Options{Keys: r.keys, Lease: lease, Retention: retention})
	r.must(r.client.Set(ctx, "relay:schema", "1>2", 0).Err())
	q := relay.Query{Limit: 20, State: relay.StateDelivered}
	_, err := behind.List(ctx, q) // reads the marker, which counts for a while
	r.must(err)
	r.must(r.client.Set(ctx, "relay:schema", "2", 0).Err())
	first, err := r.List(ctx, q)
	r.must(err)
	q.Cursor = first.Next
	second, err := behind.List(ctx, q)
	r.must(err)
	var got []relay.CallbackID
	for _, cb := range append(first.Callbacks, second.Callbacks...) {
		got = append(got, cb.ID)
	}
	if diff := cmp.Diff(r.listed(n, 1, relay.StateDelivered)[:2*q.Limit], got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A list by a final state says how far it has come by when callbacks ended, which
// is never in the future.
func testListTellsWhenCallbacksEnded(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	cb := r.register("task")
	before := time.Now().Add(-time.Minute)
	_, err := r.Cancel(ctx, cb.ID)
	r.must(err)
	page, err := r.List(ctx, relay.Query{Limit: 10, State: relay.StateCancelled})
	r.must(err)
	if at := page.ExaminedTo; page.Examined != 1 || at.Before(before) || at.After(time.Now().Add(time.Minute)) {
		t.Errorf("looked at %d, as far as %v; it ended now", page.Examined, at)
	}
}

// Where callbacks spread over few partitions, or very unevenly, a page takes a
// few more round trips, and still does not read many times what it shows.
func testListUnevenly(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	_, err := r.List(ctx, relay.Query{Limit: 1}) // looks at the keyspace, and loads the script
	r.must(err)
	for name, size := range map[string]func(partition int) int{
		"one partition":     func(p int) int { return 300 * max(0, 1-p) },
		"ten partitions":    func(p int) int { return 100 * max(0, min(1, 10-p)) },
		"ten, and crumbs":   func(p int) int { return 1 + 100*max(0, min(1, 10-p)) },
		"each half as many": func(p int) int { return 400 >> p },
	} {
		all := 0
		for partition := range relay.Partitions {
			r.must(r.client.Del(ctx, fmt.Sprintf("relay:v1:{%02d}:created", partition)).Err())
			_, err := r.client.Pipelined(ctx, func(p redis.Pipeliner) error {
				for i := range size(partition) {
					all++
					cb := relay.Callback{ID: r.keys.Identify(relay.TaskToken(fmt.Sprint(partition, "-", i)))[0].ID.In(partition)}
					p.HSet(ctx, r.key(cb), "state", "pending", "registration", `1 2 {"links":[["default","webhook"]]}`)
					p.ZAdd(ctx, r.set(cb, "created"), redis.Z{Score: float64(i), Member: string(cb.ID)})
				}
				return nil
			})
			if size(partition) > 0 {
				r.must(err)
			}
		}
		count := &reads{}
		r.client.AddHook(count)
		q, listed := relay.Query{Limit: 100}, 0
		for {
			*count = reads{}
			page, err := r.List(ctx, q)
			r.must(err)
			if count.trips > 5 || count.members > 5*q.Limit {
				t.Errorf("%s: a page took %d round trips and read %d members", name, count.trips, count.members)
			}
			listed += len(page.Callbacks)
			if q.Cursor = page.Next; q.Cursor == "" {
				break
			}
		}
		if listed != all {
			t.Errorf("%s: %d listed of %d", name, listed, all)
		}
	}
}

// A page by a rare tag may be short, and says how far it has searched.
func testListByTagIsBounded(t *testing.T, r *redisUnderTest) {
	const n, most = 2_600, 1000
	r.seedCallbacks(n, 1, func(i int) string {
		if i == 3 {
			return "rare"
		}
		return "x"
	})
	newest := r.listed(n, 1, "")
	q := relay.Query{Limit: 5, TagKey: "t", TagValue: "rare"}
	for examined := 0; ; {
		count := &reads{}
		r.client.AddHook(count)
		page, err := r.List(t.Context(), q)
		r.must(err)
		if page.Examined > most || count.hashes > most {
			t.Errorf("a page examined %d callbacks and read %d", page.Examined, count.hashes)
		}
		examined += page.Examined
		last, err := r.Get(t.Context(), newest[examined-1])
		r.must(err)
		if !page.ExaminedTo.Equal(last.CreatedAt) {
			t.Errorf("after %d callbacks: examined to %v, want %v", examined, page.ExaminedTo, last.CreatedAt)
		}
		if q.Cursor = page.Next; q.Cursor != "" {
			if len(page.Callbacks) != 0 {
				t.Errorf("%d found among the first %d", len(page.Callbacks), examined)
			}
			continue
		}
		if examined != n || len(page.Callbacks) != 1 {
			t.Errorf("%d examined, %d on the last page", examined, len(page.Callbacks))
		}
		return
	}
}
