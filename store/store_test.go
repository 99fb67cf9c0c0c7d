package store_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
	"callback-relay/store"
)

func encode32(name string) string {
	return base64.StdEncoding.EncodeToString([]byte(fmt.Sprintf("%-32s", name)))
}

func testCreate(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	first, created, err := r.Create(ctx, registration("task"), maxExpiry)
	if err != nil || !created {
		t.Fatalf("created %v, %v", created, err)
	}
	if got := first.ExpiresAt.Sub(first.CreatedAt); got != time.Hour {
		t.Errorf("expires after %v, want 1h", got)
	}

	// Row 72: a create repeated after a lost reply gives the same callback.
	again, created, err := r.Create(ctx, registration("task"), maxExpiry)
	if err != nil || created {
		t.Fatalf("again: created %v, %v", created, err)
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("repeated registration differs (-first +again):\n%s", diff)
	}

	byDefault := func(in time.Duration) func(*relay.Registration) {
		return func(reg *relay.Registration) { reg.Expires = relay.Expires{In: in, Default: true} }
	}
	defaulted := r.register("default", byDefault(time.Hour))
	if again := r.register("default", byDefault(2*time.Hour)); !again.ExpiresAt.Equal(defaulted.ExpiresAt) {
		t.Error("a new default moved a deadline")
	}

	for name, change := range map[string]func(*relay.Registration){
		"expiry":   func(reg *relay.Registration) { reg.Expires.In = 2 * time.Hour },
		"onExpiry": ignoring,
		"tags":     func(reg *relay.Registration) { reg.Tags = nil },
		"links":    func(reg *relay.Registration) { delete(reg.Links, "progress") },
	} {
		_, _, err := r.Create(ctx, registration("task", change), maxExpiry)
		if !errors.Is(err, relay.ErrSettingsDiffer) {
			t.Errorf("other %s: got %v, want ErrSettingsDiffer", name, err)
		}
	}

	_, err = r.Cancel(ctx, first.ID)
	r.must(err)
	for name, change := range map[string]func(*relay.Registration){"the same": func(*relay.Registration) {}, "another": ignoring} {
		_, _, err := r.Create(ctx, registration("task", change), maxExpiry)
		if !errors.Is(err, relay.ErrRegistrationCancelled) {
			t.Errorf("%s after it was cancelled: %v, want ErrRegistrationCancelled", name, err)
		}
	}
}

func testCreateJudgesDeadlinesByRedisTime(t *testing.T, r *redisUnderTest) {
	at := func(when time.Time) error {
		_, _, err := r.Create(t.Context(), registration("task", func(reg *relay.Registration) {
			reg.Expires = relay.Expires{At: when}
		}), maxExpiry)
		return err
	}
	for _, when := range []time.Time{time.Now().Add(-time.Minute), time.Now().Add(maxExpiry + time.Hour)} {
		var field *relay.InvalidFieldError
		if err := at(when); !errors.As(err, &field) || field.Field != "expiresAt" {
			t.Errorf("at %v: got %v, want a complaint about expiresAt", when, err)
		}
	}
	if err := at(time.Now().Add(time.Hour)); err != nil {
		t.Errorf("in an hour: %v", err)
	}
}

func testKeyRotation(t *testing.T, r *redisUnderTest) {
	old := r.register("task")
	r.useKeys(newKeys(t, "k2", "k1"))
	if again := r.register("task"); again.ID != old.ID {
		t.Errorf("after rotation the task token has id %s, was %s", again.ID, old.ID)
	}
	if fresh := r.register("other"); fresh.Key != "k2" {
		t.Errorf("new callbacks use key %q, want k2", fresh.Key)
	}
	d := r.answer(old, `{"a":1}`) // an old link still works, the old seal opens
	if d.TaskToken != "task" || d.Unreadable != nil {
		t.Errorf("delivery has %q, %v", d.TaskToken.Reveal(), d.Unreadable)
	}

	// Row 69: the key of the seal is gone. The answer stays stored.
	lost := r.register("third")
	r.answer(lost, `{"b":2}`)
	r.pass(lost)
	r.useKeys(newKeys(t, "k3"))
	got := r.claimOne()
	if !errors.Is(got.Unreadable, relay.ErrSealed) {
		t.Errorf("unreadable: %v, want ErrSealed", got.Unreadable)
	}
	r.useKeys(newKeys(t, "k3", "k2"))
	r.pass(lost)
	if got := r.claimOne(); got.Unreadable != nil || string(got.Outcome.Output) != `{"b":2}` {
		t.Errorf("with the key back: %v", got.Unreadable)
	}
}

func testAnswer(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	cb := r.register("task")
	d := r.answer(cb, `{"a":1}`)
	want := relay.Delivery{
		ID: cb.ID, TaskToken: "task", Outcome: success(`{"a":1}`), Lease: r.hash(cb)["leased"], Attempt: 1,
		CreatedAt: cb.CreatedAt, AnsweredAt: d.AnsweredAt, LeasedAt: d.AnsweredAt,
	}
	if diff := cmp.Diff(want, d); diff != "" || d.AnsweredAt.IsZero() {
		t.Errorf("delivery (-want +got):\n%s", diff)
	}
	link := r.link(cb, "default")
	for _, state := range []relay.State{relay.StateAnswered, relay.StateDelivered} {
		// Row 12: the same bytes again. Row 13: other bytes.
		got, err := r.Answer(ctx, link, success(`{"a":1}`), nil)
		if diff := cmp.Diff(relay.Recorded{State: state, Duplicate: true}, got); diff != "" || err != nil {
			t.Errorf("%s: the same again: %v\n%s", state, err, diff)
		}
		if _, err := r.Answer(ctx, link, success(`{"a":2}`), nil); !errors.Is(err, relay.ErrAlreadyAnswered) {
			t.Errorf("%s: other bytes: %v, want ErrAlreadyAnswered", state, err)
		}
		if state == relay.StateAnswered {
			r.settle(d, relay.Settlement{State: relay.StateDelivered, Confirmed: true})
		}
	}
}

func testRefusals(t *testing.T, r *redisUnderTest) {
	refuse := func(reason string) func(*redisUnderTest, relay.Callback) {
		return func(r *redisUnderTest, cb relay.Callback) {
			r.settle(r.answer(cb, `1`), relay.Settlement{State: relay.StateRefused, Reason: reason})
		}
	}
	expire := func(r *redisUnderTest, cb relay.Callback) {
		r.pass(cb)
		if n, err := r.Expire(r.t.Context(), 10); n < 1 || err != nil {
			r.t.Fatalf("expired %d, %v", n, err)
		}
	}
	cases := map[string]struct {
		onExpiry relay.OnExpiry
		bring    func(*redisUnderTest, relay.Callback)
		answer   error // to the answer 1
		cancel   error
	}{
		"cancelled":         {bring: func(r *redisUnderTest, cb relay.Callback) { _, err := r.Cancel(r.t.Context(), cb.ID); r.must(err) }, answer: relay.ErrCancelled},
		"overdue":           {bring: (*redisUnderTest).pass, answer: relay.ErrExpired, cancel: relay.ErrExpired},
		"expired, failing":  {bring: expire, answer: relay.ErrExpired, cancel: relay.ErrExpired},
		"expired, ignored":  {onExpiry: relay.OnExpiryIgnore, bring: expire, answer: relay.ErrExpired, cancel: relay.ErrExpired},
		"task closed":       {bring: refuse("TaskTimedOut"), answer: relay.ErrTaskClosed, cancel: relay.ErrTaskClosed},
		"outcome refused":   {bring: refuse("InvalidOutput"), answer: relay.ErrRefused, cancel: relay.ErrRefused},
		"answered, another": {bring: func(r *redisUnderTest, cb relay.Callback) { r.answer(cb, `2`) }, answer: relay.ErrAlreadyAnswered, cancel: relay.ErrAlreadyAnswered},
	}
	for name, c := range cases {
		cb := r.register(relay.TaskToken(name), func(reg *relay.Registration) {
			if c.onExpiry != "" {
				reg.OnExpiry = c.onExpiry
			}
		})
		c.bring(r, cb)
		if _, err := r.Answer(t.Context(), r.link(cb, "default"), success(`1`), nil); !errors.Is(err, c.answer) {
			t.Errorf("%s: answer: %v, want %v", name, err, c.answer)
		}
		if _, _, err := r.Waiting(t.Context(), r.link(cb, "progress"), false); !errors.Is(err, c.answer) {
			t.Errorf("%s: waiting: %v, want %v", name, err, c.answer)
		}
		if _, err := r.Cancel(t.Context(), cb.ID); !errors.Is(err, c.cancel) {
			t.Errorf("%s: cancel: %v, want %v", name, err, c.cancel)
		}
	}
}

func testMissingAndUnprepared(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	cb := r.register("task")
	r.must(r.client.Del(ctx, r.key(cb)).Err())
	ask := map[string]func() error{
		"answer":  func() error { _, err := r.Answer(ctx, r.link(cb, "default"), success(`1`), nil); return err },
		"waiting": func() error { _, _, err := r.Waiting(ctx, r.link(cb, "progress"), false); return err },
		"cancel":  func() error { _, err := r.Cancel(ctx, cb.ID); return err },
		"get":     func() error { _, err := r.Get(ctx, cb.ID); return err },
	}
	for name, do := range ask {
		if err := do(); !errors.Is(err, relay.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", name, err)
		}
	}
	// Row 62: if Redis has lost everything, or has another release's data, senders
	// must not be told that the link does not exist.
	for _, version := range []string{"", "3"} {
		if version == "" {
			r.must(r.client.Del(ctx, "relay:schema").Err())
		} else {
			r.must(r.client.Set(ctx, "relay:schema", version, 0).Err())
		}
		for name, do := range ask {
			if err := do(); !errors.Is(err, relay.ErrUnavailable) || errors.Is(err, relay.ErrNotFound) {
				t.Errorf("schema %q: %s: %v, want ErrUnavailable", version, name, err)
			}
		}
	}
}

func testNothingInTheClear(t *testing.T, r *redisUnderTest) {
	cb := r.register("canary-task-token")
	r.answer(cb, `{"secret":"canary-payload"}`)
	r.register("canary-task-token-2")
	stored := fmt.Sprint(r.hash(cb))
	for _, l := range cb.Links {
		key := r.keys.LinkKey(cb.ID, l, cb.Key).Reveal()
		if strings.Contains(stored, key) || strings.Contains(stored, key[idChars:]) {
			t.Errorf("link %s is stored", l.Name)
		}
	}
	if strings.Contains(stored, "canary") {
		t.Errorf("a secret is stored in the clear: %q", stored)
	}
}

// idChars is the length of the part of a link key that is the callback's id, which
// is not secret.
const idChars = 26

func TestOpenSaysWhatIsWrongWithoutTheURL(t *testing.T) {
	for _, c := range []struct{ mode, url, want string }{
		{"standalone", "http://user:hunter2@h:1", "redis://"},
		{"standalone", "redis://user:hunter2@h:port/0", "redis://"},
		{"sentinel", "redis://user:hunter2@h:26379/0", "master_name"},
		{"cluster", "::hunter2", "redis://"},
		{"cloud", "redis://h:1", "standalone, sentinel or cluster"},
	} {
		_, err := store.Open(c.mode, c.url)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s %s: %v", c.mode, c.url, err)
		}
	}
}

func TestOpenHeedsTheURL(t *testing.T) {
	for _, c := range []struct {
		url  string
		pool int
		read time.Duration
	}{
		{"redis://h:1", 64, time.Second},
		{"redis://h:1?pool_size=7&read_timeout=3s", 7, 3 * time.Second},
	} {
		client, err := store.Open(store.ModeStandalone, c.url)
		if err != nil {
			t.Fatal(err)
		}
		o := client.(*redis.Client).Options()
		if o.PoolSize != c.pool || o.ReadTimeout != c.read || !o.ContextTimeoutEnabled {
			t.Errorf("%s: pool %d, read time-out %v, contexts' deadlines %v", c.url, o.PoolSize, o.ReadTimeout, o.ContextTimeoutEnabled)
		}
		client.Close()
	}
}
