package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
)

func testList(t *testing.T, r *redisUnderTest) {
	const n = 120
	var want []relay.CallbackID // newest first
	for i := range n {
		cb := r.register(relay.TaskToken(fmt.Sprint("task", i)), func(reg *relay.Registration) {
			reg.Tags = map[string]string{"n": fmt.Sprint(i % 3)}
		})
		// Many of the same millisecond, as a burst makes them.
		created := float64(1_000_000 + i/50)
		r.must(r.client.ZAdd(t.Context(), r.set(cb, "created"), redis.Z{Score: created, Member: string(cb.ID)}).Err())
		want = append(want, cb.ID)
		if i%4 == 0 {
			r.answer(cb, `1`)
		}
	}
	slices.Reverse(want)
	for start := 0; start < n; { // within one millisecond the order is by id
		end := start
		for end < n && (n-1-end)/50 == (n-1-start)/50 {
			end++
		}
		slices.Sort(want[start:end])
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

func testListRefusesAForeignCursor(t *testing.T, r *redisUnderTest) {
	for _, cursor := range []string{"x", "12", "12-short", "-"} {
		var field *relay.InvalidFieldError
		if _, err := r.List(t.Context(), relay.Query{Limit: 5, Cursor: cursor}); !errors.As(err, &field) || field.Field != "cursor" {
			t.Errorf("%q: %v", cursor, err)
		}
	}
}

// A filter that matches nothing must not cost a round of all partitions for
// each callback.
func testListIsCheap(t *testing.T, r *redisUnderTest) {
	for i := range 150 {
		r.register(relay.TaskToken(fmt.Sprint("task", i)))
	}
	count := &counter{}
	r.client.AddHook(count)
	page, err := r.List(t.Context(), relay.Query{Limit: 1, State: relay.StateRefused})
	if err != nil || len(page.Callbacks) != 0 || page.Next != "" {
		t.Errorf("%+v, %v", page, err)
	}
	if count.commands > 600 {
		t.Errorf("%d commands to look at 150 callbacks", count.commands)
	}
}
