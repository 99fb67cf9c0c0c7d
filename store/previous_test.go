package store_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
)

// previous is a script of the previous release: testdata/previous is a copy of
// store/scripts at commit f172353.
func (r *redisUnderTest) previous(name string, cb relay.Callback, args ...any) []any {
	r.t.Helper()
	source := ""
	for _, file := range []string{"prelude", name} {
		text, err := os.ReadFile(filepath.Join("testdata", "previous", file+".lua"))
		r.must(err)
		source += string(text) + "\n"
	}
	keys := []string{r.key(cb), r.set(cb, "due")}
	if name == "answer" {
		keys = []string{r.key(cb), r.set(cb, "deadline"), r.set(cb, "due")}
	}
	got, err := redis.NewScript(source).Eval(r.t.Context(), r.client, keys, append([]any{string(cb.ID)}, args...)...).Slice()
	r.must(err)
	return got
}

// Row 68: during a rollout two releases lease and settle the same delivery. The
// previous one also compares the field fence. The release that lost its lease
// changes nothing, and the one that holds it can settle, even twice.
func testLeasesBesideThePreviousRelease(t *testing.T, r *redisUnderTest) {
	cb := r.register("task")
	claim := func(name string) (fence any) {
		t.Helper()
		r.pass(cb)
		got := r.previous("claim", cb, "answered", 60_000, name)
		if len(got) < 2 || got[0] != "claimed" {
			t.Fatalf("the previous release claims: %v", got)
		}
		return got[1]
	}
	settle := func(fence any, name, state, want string) {
		t.Helper()
		if got := r.previous("settle", cb, fence, "answered", state, "timeout", "0", 0, 0, 0, time.Hour.Milliseconds(), name); got[0] != want {
			t.Errorf("the previous release settles: %v, want %s", got, want)
		}
	}
	late := func(when string, d relay.Delivery) {
		t.Helper()
		before := r.hash(cb)
		if held, err := r.Settle(t.Context(), d, relay.Settlement{State: relay.StateRefused}); held || err != nil {
			t.Errorf("%s: a lost lease settles: %v, %v", when, held, err)
		}
		if diff := cmp.Diff(before, r.hash(cb)); diff != "" {
			t.Errorf("%s: a lost lease changed something:\n%s", when, diff)
		}
	}

	// The first lease is of the previous release, and is lost to this one, which
	// settles it for another attempt. So the count of leases must have risen: the
	// previous release takes a lease of the same count for its own, settled.
	link := r.link(cb, "default")
	got := r.previous("answer", cb, "pending", "answered", "success", "", r.keys.Seal(cb.ID, "outcome", []byte("1")), link.Digest(success(`1`)),
		strconv.Itoa(int(link.Number)), time.Minute.Milliseconds(), "old 0", "", "", "", link.LinkKind.String(), string(link.Generation))
	if got[0] != "recorded" {
		t.Fatalf("the previous release answers: %v", got)
	}
	r.pass(cb)
	first := r.claimOne()
	settle(got[1], "old 0", "refused", "stale")
	r.settle(first, relay.Settlement{State: relay.StateAnswered, Reason: "timeout"})
	settle(got[1], "old 0", "refused", "stale")

	r.pass(cb)
	answered := r.claimOne()
	fence := claim("old 1")
	late("the previous release has it", answered)
	settle(fence, "old 1", "answered", "settled")
	settle(fence, "old 1", "answered", "settled")
	late("the previous release settled it", answered)

	r.pass(cb)
	d := r.claimOne()
	settle(fence, "old 1", "refused", "stale")
	again := relay.Settlement{State: relay.StateAnswered, Reason: "timeout"}
	r.settle(d, again)
	r.settle(d, again)
	settle(fence, "old 1", "refused", "stale")

	fence = claim("old 2")
	late("the previous release has it again", d)
	settle(fence, "old 2", "delivered", "settled")
	settle(fence, "old 2", "delivered", "settled")
	late("the previous release delivered it", answered)
	end, err := r.Get(t.Context(), cb.ID)
	r.must(err)
	if end.State != relay.StateDelivered || end.Delivery.Attempts != 6 {
		t.Errorf("%s after %d attempts, want delivered after 6", end.State, end.Delivery.Attempts)
	}
}

// everything registers a callback with every member that a registration of the previous
// release can have.
func everything(reg *relay.Registration) {
	approvals(reg)
	reg.Approval.RequestedBy = ""
	reg.Expires = relay.Expires{In: 24 * time.Hour}
	no := reg.Links["no"]
	no.Title, no.Message, no.ButtonLabel = "Stop <now> & here?", "It **ends** there.", "Stop"
	reg.Links["no"] = no
	reg.Links["default"] = relay.LinkRequest{LinkKind: relay.LinkKind{Type: relay.LinkWebhook}, Response: relay.Response{Text: "Received"}}
}

// singleButton registers a page that asks for nothing, as the service fills it in.
func singleButton(reg *relay.Registration) {
	reg.Approval = &relay.Approval{Comment: relay.CommentOptional, OnReject: relay.OutcomeSuccess, Required: 1, Rejections: 1, Default: true}
	reg.Links["done"] = relay.LinkRequest{
		LinkKind: relay.LinkKind{Type: relay.LinkSuccess, Page: true}, Output: relay.Payload("{}"), Title: "Done?",
	}
}

// use repeats on a callback of [everything] what was done with those that the
// previous release left in testdata/previous: a decision, an added link, a wrong
// code and a closed link; and an answer or delivery if its name says so.
func (r *redisUnderTest) use(cb relay.Callback) {
	ctx := r.t.Context()
	number := func(name string) byte {
		return cb.Links[slices.IndexFunc(cb.Links, func(l relay.Link) bool { return l.Name == name })].Number
	}
	at := time.UnixMilli(1700000000000).UTC()
	first := relay.Decision{
		Approved: true, Link: "dana", Number: number("dana"), Approver: "Dana Okafor", At: at,
		Comment: relay.Payload("fine <b>"), Fields: relay.Payload(`{"n":1}`),
	}
	_, err := r.Decide(ctx, r.link(cb, "dana"), []relay.Decision{first}, nil)
	r.must(err)
	later := relay.LinkRequest{
		LinkKind: relay.LinkKind{Type: relay.LinkApproval, Page: true}, Approver: "Max", Title: "And you?", Response: relay.Response{Text: "Thanks too"},
	}
	_, err = r.AddLink(ctx, cb.ID, "later", later, func(relay.Callback, *relay.Approval) error { return nil })
	r.must(err)
	_, err = r.Guess(ctx, r.link(cb, "lee"), false)
	r.must(err)
	_, err = r.Revoke(ctx, cb.ID, "beat")
	r.must(err)
}

// Row 72: a callback that the previous release has stored is shown like one of this
// release, and is found when its registration is repeated. Its sealed JSON is the
// same, so the previous release can also read what this one writes.
func testWhatThePreviousReleaseStored(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	var stored map[string]map[string][]byte
	text, err := os.ReadFile(filepath.Join("testdata", "previous", "callbacks.json"))
	r.must(err)
	r.must(json.Unmarshal(text, &stored))
	for token, change := range map[relay.TaskToken]func(*relay.Registration){
		"plain": func(*relay.Registration) {}, "single button": singleButton,
		"pending": everything, "answered": everything, "delivered": everything,
	} {
		cb := r.register(token, change)
		if token == "pending" {
			r.use(cb)
		}
		ours, shown := r.opened(cb), r.shown(cb)
		r.forget(cb)
		for field, value := range stored[r.key(cb)] {
			r.must(r.client.HSet(ctx, r.key(cb), field, value).Err())
		}
		if token != "answered" && token != "delivered" { // which ours are not
			if diff := cmp.Diff(ours, r.opened(cb)); diff != "" {
				t.Errorf("%s, sealed (-ours +theirs):\n%s", token.Reveal(), diff)
			}
			if diff := cmp.Diff(shown, r.shown(cb)); diff != "" {
				t.Errorf("%s, shown (-ours +theirs):\n%s", token.Reveal(), diff)
			}
		}
		if _, created, err := r.Create(ctx, registration(token, change), maxExpiry); created || err != nil {
			t.Errorf("%s, repeated: created %v, %v", token.Reveal(), created, err)
		}
		other := func(reg *relay.Registration) {
			change(reg)
			link := reg.Links["default"]
			link.Response.Text += "!"
			reg.Links["default"] = link
		}
		if _, _, err := r.Create(ctx, registration(token, other), maxExpiry); !errors.Is(err, relay.ErrSettingsDiffer) {
			t.Errorf("%s, repeated with another response: %v", token.Reveal(), err)
		}
	}
}

// shown is what a callback and its links show, except times and generation.
func (r *redisUnderTest) shown(cb relay.Callback) map[string]relay.View {
	cb, err := r.Get(r.t.Context(), cb.ID)
	r.must(err)
	views := map[string]relay.View{}
	for _, link := range cb.Links {
		if link.Closed {
			continue
		}
		v := r.view(cb, link.Name)
		v.CreatedAt, v.ExpiresAt, v.Now, v.Link.Generation = time.Time{}, time.Time{}, time.Time{}, ""
		for i := range v.Links {
			v.Links[i].Generation = ""
		}
		views[link.Name] = v
	}
	return views
}

// opened returns the contents of a callback's sealed fields. The order of members
// matters only for the digest.
func (r *redisUnderTest) opened(cb relay.Callback) map[string]any {
	all := map[string]any{}
	for _, field := range []string{"content", "summary", "approvers", "added", "decisions", "remarks"} {
		if sealed := r.hash(cb)[field]; sealed != "" {
			text, err := r.keys.Open(cb.ID, field, []byte(sealed))
			r.must(err)
			var value any
			r.must(json.Unmarshal(text, &value))
			all[field] = value
		}
	}
	return all
}
