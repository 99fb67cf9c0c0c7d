package handlers_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"callback-relay/api"
)

// awaiting returns the ids of those who wait for a key.
func (n *node) awaiting(await string) []string {
	n.t.Helper()
	var list api.CallbackList
	got := n.call("GET", "/v1/callbacks?await="+url.QueryEscape(await), "")
	got.is(http.StatusOK)
	got.decode(&list)
	ids := []string{}
	for _, cb := range list.Callbacks {
		ids = append(ids, cb.ID)
	}
	if list.Examined != len(ids) || list.NextCursor != "" || (list.ExaminedTo == nil) != (len(ids) == 0) {
		n.t.Errorf("page: %+v", list)
	}
	return ids
}

// The other filters apply to those who wait for a key.
func TestFiltersOfThoseWhoWait(t *testing.T) {
	n := start(t, withHooks(t))
	var want []string
	for i := range 7 {
		k := n.register("awaits", `{"paid":`+paid(`"k"`)+`}`, "expiresIn", fmt.Sprintf(`"%dh"`, 1+i/2), "tags", fmt.Sprintf(`{"even":"%v"}`, i%2 == 0))
		want = append(want, k.ID)
	}
	slices.Sort(want) // those with equal deadlines may come in any order
	pages := func(query string) (ids []string, pages int) {
		t.Helper()
		for cursor := ""; ; pages++ {
			var list api.CallbackList
			got := n.call("GET", "/v1/callbacks?await=pay:k"+query+cursor, "")
			got.is(http.StatusOK)
			got.decode(&list)
			for _, cb := range list.Callbacks {
				ids = append(ids, cb.ID)
			}
			if cursor = "&cursor=" + list.NextCursor; list.NextCursor == "" {
				slices.Sort(ids)
				return ids, pages + 1
			}
		}
	}
	for query, most := range map[string]int{"": 1, "&limit=7": 1, "&limit=6": 2, "&limit=1": 7, "&state=pending&limit=3": 3} {
		if got, n := pages(query); !slices.Equal(got, want) || n != most {
			t.Errorf("%s: %d callbacks on %d pages, want %d on %d", query, len(got), n, len(want), most)
		}
	}
	for query, most := range map[string]int{"&tag=even:true": 4, "&tag=even:true&limit=3": 4, "&tag=even:false&limit=1": 3, "&tag=odd:true": 0, "&state=answered": 0} {
		if got, _ := pages(query); len(got) != most {
			t.Errorf("%s: %d callbacks, want %d", query, len(got), most)
		}
	}
}

// Those who wait for a key are found by one look-up, however many callbacks there are.
func TestListOfThoseWhoWait(t *testing.T) {
	n := start(t, withHooks(t))
	late := n.register("awaits", `{"paid":`+paid(`"arn:aws:s3:::a b/é"`)+`}`, "expiresIn", `"2h"`)
	soon := n.register("awaits", `{"a":`+paid(`"arn:aws:s3:::a b/é"`)+`,"b":`+paid(`"arn:aws:s3:::a b/é"`)+`}`, "expiresIn", `"1h"`)
	for range 30 {
		n.register()
	}
	asked := n.redis.CommandCount()
	if got := n.awaiting("pay:arn:aws:s3:::a b/é"); !slices.Equal(got, []string{soon.ID, late.ID}) {
		t.Errorf("%q wait, want %q", got, []string{soon.ID, late.ID})
	}
	if asked = n.redis.CommandCount() - asked; asked > 8 {
		t.Errorf("%d commands to Redis", asked)
	}
	for _, nobody := range []string{"pay:arn", "open:arn:aws:s3:::a b/é", "pay:arn:aws:s3:::a b/é:", "own:k", "nobody:k"} {
		if got := n.awaiting(nobody); len(got) != 0 {
			t.Errorf("%s: %q", nobody, got)
		}
	}
	long := strings.Repeat("k", 1024)
	k := n.register("awaits", `{"paid":`+paid(quoted(long))+`}`)
	if got := n.awaiting("pay:" + long); !slices.Equal(got, []string{k.ID}) {
		t.Errorf("a long key: %q", got)
	}
	for query, wrong := range map[string]string{
		"await=pay": "await", "await=": "await", "await=:k": "await", "await=pay:": "await", "await=not%20a%20name:k": "await", "await=" + strings.Repeat("a", 65) + ":k": "await",
		"await=pay:k&await=pay:l": "await", "await=pay:k&state=sleeping": "state", "await=pay:k&limit=0": "limit", "await=pay:k&cursor=x": "cursor", "await=pay:k&cursor=await-x-" + k.ID: "cursor", "await=pay:k&cursor=deadline-0-" + k.ID: "cursor", "cursor=await-0-" + k.ID: "cursor", "awaits=pay:k": "query",
	} {
		if p := n.call("GET", "/v1/callbacks?"+query, "").isProblem(http.StatusBadRequest, "invalid-request"); fields(p) != wrong {
			t.Errorf("%s: complains about %q, want %q", query, fields(p), wrong)
		}
	}
}
