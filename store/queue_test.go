package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
)

func testClaimTakesWhatNobodyHolds(t *testing.T, r *redisUnderTest) {
	cb := r.register("task")
	r.claimNone()
	first := r.answer(cb, `{"a":1}`)
	r.claimNone() // leased by the answer

	// Row 55: the process died; the lease ends, and the attempt counts as unclear.
	r.pass(cb)
	second := r.claimOne()
	want := first
	want.Attempt, want.EarlierUnclear, want.LeasedAt = 2, 1, second.LeasedAt
	want.Lease = r.hash(cb)["leased"]
	if diff := cmp.Diff(want, second); diff != "" {
		t.Errorf("second lease (-want +got):\n%s", diff)
	}
	r.claimNone()

	// Row 57: the first process wakes up. Its result changes nothing.
	before := r.hash(cb)
	held, err := r.Settle(t.Context(), first, relay.Settlement{State: relay.StateRefused, Reason: "TaskTimedOut"})
	if held || err != nil {
		t.Errorf("a lost lease settles: %v, %v", held, err)
	}
	if diff := cmp.Diff(before, r.hash(cb)); diff != "" {
		t.Errorf("a lost lease changed something:\n%s", diff)
	}
	r.settle(second, relay.Settlement{State: relay.StateDelivered, Confirmed: true})
	r.checkInvariants("settled", cb)
}

func testSettleForAnotherAttempt(t *testing.T, r *redisUnderTest) {
	for name, c := range map[string]struct {
		end         relay.Settlement
		wantAttempt int
		wantUnclear int
	}{
		"unclear":      {relay.Settlement{State: relay.StateAnswered, Reason: "timeout", RetryIn: time.Hour}, 2, 1},
		"no effect":    {relay.Settlement{State: relay.StateAnswered, Reason: "ThrottlingException", RetryIn: time.Hour, NoEffect: true}, 2, 0},
		"not made":     {relay.Settlement{State: relay.StateAnswered, Reason: "sealed", RetryIn: time.Hour, NotMade: true}, 1, 0},
		"without wait": {relay.Settlement{State: relay.StateAnswered, NotMade: true}, 1, 0},
	} {
		cb := r.register(relay.TaskToken(name))
		r.settle(r.answer(cb, `1`), c.end)
		got, err := r.Get(t.Context(), cb.ID)
		r.must(err)
		if d := got.Delivery; got.State != relay.StateAnswered || d.LastError != c.end.Reason || d.NextAttemptAt.IsZero() {
			t.Errorf("shows %s %+v", got.State, d)
		}
		if c.end.RetryIn > 0 {
			r.claimNone()
			r.pass(cb)
		}
		d := r.claimOne()
		if d.Attempt != c.wantAttempt || d.EarlierUnclear != c.wantUnclear {
			t.Errorf("attempt %d after %d unclear, want %d after %d", d.Attempt, d.EarlierUnclear, c.wantAttempt, c.wantUnclear)
		}
		r.checkInvariants(name, cb)
		r.settle(d, relay.Settlement{State: relay.StateDelivered})
	}
}

// Row 18: the client repeats a script whose reply was lost, as when a connection to
// Redis breaks after the script ran.
func testScriptsCanBeRepeated(t *testing.T, r *redisUnderTest) {
	r.client.AddHook(repeat{})
	cb := r.register("task")
	if again := r.register("task"); again.ID != cb.ID {
		t.Errorf("registered twice: %s and %s", cb.ID, again.ID)
	}
	if d := r.answer(cb, `1`); d.Attempt != 1 || d.EarlierUnclear != 0 {
		t.Errorf("answer repeated: %+v", d)
	}
	r.pass(cb)
	d := r.claimOne()
	if d.Attempt != 2 || d.EarlierUnclear != 1 {
		t.Errorf("claim repeated: %+v", d)
	}
	r.settle(d, relay.Settlement{State: relay.StateAnswered, NotMade: true})
	if d = r.claimOne(); d.Attempt != 2 || d.EarlierUnclear != 1 {
		t.Errorf("settle repeated: %+v", d)
	}
	r.settle(d, relay.Settlement{State: relay.StateDelivered})
	_, err := r.Cancel(t.Context(), r.register("other").ID)
	r.must(err)
}

func testExpire(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	failing, ignoring, waiting := r.register("failing"), r.register("ignoring", ignoring), r.register("waiting")
	if n, err := r.Expire(ctx, 10); n != 0 || err != nil {
		t.Fatalf("before any deadline: %d, %v", n, err)
	}
	r.pass(failing)
	r.pass(ignoring)
	if n, err := r.Expire(ctx, 10); n != 2 || err != nil {
		t.Fatalf("expired %d, %v, want 2", n, err)
	}
	d := r.claimOne()
	o := d.Outcome
	if d.ID != failing.ID || d.TaskToken != "failing" || o.Type != relay.OutcomeFailure || o.Error != "Callback.Expired" || o.Cause == "" {
		t.Errorf("delivery of %s: %s %s", d.ID, o.Error, o.Cause)
	}
	if d.Attempt != 1 || d.EarlierUnclear != 0 {
		t.Errorf("first attempt counts as %d after %d", d.Attempt, d.EarlierUnclear)
	}
	r.settle(d, relay.Settlement{State: relay.StateDelivered, Confirmed: true})
	got, err := r.Get(ctx, failing.ID)
	r.must(err)
	want := &relay.OutcomeView{Type: relay.OutcomeFailure, By: relay.ByExpiry, At: got.Outcome.At, Error: "Callback.Expired"}
	if diff := cmp.Diff(want, got.Outcome); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
	for _, cb := range []relay.Callback{failing, ignoring, waiting} {
		r.checkInvariants("after the watch", cb)
	}
}

func testClaimTakesTheOldestOfAllPartitions(t *testing.T, r *redisUnderTest) {
	const n = 200
	for i := range n {
		cb := r.register(relay.TaskToken(fmt.Sprint("task", i)))
		r.settle(r.answer(cb, `1`), relay.Settlement{State: relay.StateAnswered})
		r.must(r.client.ZAddXX(t.Context(), r.set(cb, "due"), redis.Z{Score: float64(1000 + i), Member: string(cb.ID)}).Err())
	}
	if c, err := r.Census(t.Context(), 0); c.Callbacks[relay.StateAnswered] != n || err != nil {
		t.Errorf("census %+v, %v", c, err)
	}
	got, err := r.Claim(t.Context(), 5)
	r.must(err)
	if len(got) != 5 {
		t.Fatalf("claimed %d, want 5", len(got))
	}
	for i, d := range got {
		if want := relay.TaskToken(fmt.Sprint("task", i)); d.TaskToken != want {
			t.Errorf("number %d is %s, want %s", i, d.TaskToken.Reveal(), want.Reveal())
		}
	}
	claimed := len(got)
	for claimed < n { // bounded: every claim makes progress
		got, err := r.Claim(t.Context(), 64)
		r.must(err)
		if len(got) == 0 {
			t.Fatalf("only %d of %d could be claimed", claimed, n)
		}
		claimed += len(got)
	}
	r.claimNone()
}

// Row 14, and the part of invariant 12 that concerns Redis: of all concurrent
// callers, one records the answer, and one worker gets each delivery.
func testOnlyOneWins(t *testing.T, r *redisUnderTest) {
	cb := r.register("task")
	link := r.link(cb, "default")
	errs := atOnce(8, func(i int) error {
		_, err := r.Answer(t.Context(), link, success(fmt.Sprint(i)), nil)
		return err
	})
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, relay.ErrAlreadyAnswered) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d answers were recorded", won)
	}
	r.pass(cb)
	claims := make([]int, 8)
	for _, err := range atOnce(8, func(i int) error {
		got, err := r.Claim(t.Context(), 10)
		claims[i] = len(got)
		return err
	}) {
		r.must(err)
	}
	sum := 0
	for _, n := range claims {
		sum += n
	}
	if sum != 1 {
		t.Errorf("%d workers have the delivery", sum)
	}
}

func atOnce(n int, do func(int) error) []error {
	errs := make([]error, n)
	var start, done sync.WaitGroup
	start.Add(1)
	for i := range n {
		done.Go(func() {
			start.Wait()
			errs[i] = do(i)
		})
	}
	start.Done()
	done.Wait()
	return errs
}

// A member that does not belong in a queue, perhaps from a restored backup, is
// removed, and its callback is not changed.
func testStrayMembers(t *testing.T, r *redisUnderTest) {
	ctx, past := t.Context(), float64(time.Now().Add(-time.Minute).UnixMilli())
	early := r.register("too early")
	r.must(r.client.ZAdd(ctx, r.set(early, "deadline"), redis.Z{Score: past, Member: string(early.ID)}).Err())
	if n, err := r.Expire(ctx, 10); n != 0 || err != nil || r.hash(early)["state"] != "pending" {
		t.Errorf("ended %d callbacks before their deadline (%v)", n, err)
	}
	for _, state := range relay.States {
		cb := r.register(relay.TaskToken("stray in "+state), ignoring)
		r.bring(cb, state)
		before := r.hash(cb)
		stray := redis.Z{Score: past, Member: string(cb.ID)}
		if state != relay.StatePending {
			r.must(r.client.ZAdd(ctx, r.set(cb, "deadline"), stray).Err())
			_, err := r.Expire(ctx, 10)
			r.must(err)
		}
		if state != relay.StateAnswered {
			r.must(r.client.ZAdd(ctx, r.set(cb, "due"), stray).Err())
			r.claimNone()
		}
		if diff := cmp.Diff(before, r.hash(cb)); diff != "" {
			t.Errorf("%s: changed:\n%s", state, diff)
		}
		r.checkInvariants("with a stray member", cb)
	}
}

func testReplicas(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	announce := func(name string, want int) {
		t.Helper()
		if n, err := r.Announce(ctx, name, time.Minute); n != want || err != nil {
			t.Errorf("%s counts %d replicas, want %d (%v)", name, n, want, err)
		}
	}
	announce("a", 1)
	announce("b", 2)
	announce("a", 2)
	r.must(r.Leave(ctx, "b"))
	announce("a", 1)
	// A replica that has not announced itself for too long does not count.
	r.must(r.client.ZAdd(ctx, "relay:v1:replicas", redis.Z{Score: float64(time.Now().Add(-2 * time.Minute).UnixMilli()), Member: "c"}).Err())
	announce("a", 1)
}

// A callback whose retention has ended leaves all sets; all others stay.
func testTrim(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	var gone, kept []relay.Callback
	for i := range 60 {
		cb := r.register(relay.TaskToken(fmt.Sprint("task", i)), ignoring)
		r.bring(cb, relay.States[i%len(relay.States)])
		if i%2 == 0 && relay.State(r.hash(cb)["state"]).Final() {
			r.forget(cb)
			gone = append(gone, cb)
		} else {
			kept = append(kept, cb)
		}
	}
	if n, err := r.Trim(ctx); n != len(gone) || err != nil {
		t.Errorf("trimmed %d, %v, want %d", n, err, len(gone))
	}
	for _, cb := range gone {
		r.inNoSet(cb)
	}
	for _, cb := range kept {
		r.checkInvariants("kept", cb)
	}
	if n, err := r.Trim(ctx); n != 0 || err != nil {
		t.Errorf("again: %d, %v", n, err)
	}
}

// inNoSet checks that a callback is in no set any more.
func (r *redisUnderTest) inNoSet(cb relay.Callback) {
	r.t.Helper()
	for _, set := range []string{"created", "deadline", "due", "delivered", "refused", "expired", "cancelled"} {
		if r.inSet(cb, set) {
			r.t.Errorf("%s is still in %s", cb.ID, set)
		}
	}
}

// More callbacks than one step handles are trimmed. A callback that is registered
// again or kept for longer stays, whenever that happens.
func testTrimMany(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	cancelled := func(task string) relay.Callback {
		cb := r.register(relay.TaskToken(task))
		_, err := r.Cancel(ctx, cb.ID)
		r.must(err)
		return cb
	}
	const n = 600
	for i := range n {
		r.forget(cancelled(fmt.Sprint("task", i)))
	}
	longer := cancelled("kept for longer")
	r.must(r.client.ZAdd(ctx, r.set(longer, "cancelled"), redis.Z{Score: 1, Member: string(longer.ID)}).Err())
	// Somebody took away its time to live: it is kept, and looked at again.
	forever := cancelled("forever")
	r.must(r.client.Persist(ctx, r.key(forever)).Err())
	r.must(r.client.ZAdd(ctx, r.set(forever, "cancelled"), redis.Z{Score: 1, Member: string(forever.ID)}).Err())
	again := cancelled("again")
	r.forget(again)
	r.register("again")
	r.checkInvariants("registered again, before it was trimmed", again)
	between := cancelled("between")
	r.forget(between)
	r.must(r.client.ZAdd(ctx, r.set(between, "cancelled"), redis.Z{Score: 2, Member: string(between.ID)}).Err())
	r.client.AddHook(&onceAfter{command: "evalsha", do: func() { r.register("between") }})
	if got, err := r.Trim(ctx); got != n || err != nil {
		t.Errorf("trimmed %d, %v, want %d", got, err, n)
	}
	r.checkInvariants("registered again between the two steps", between)
	r.checkInvariants("kept for longer", longer)
	if score := r.client.ZScore(ctx, r.set(longer, "cancelled"), string(longer.ID)).Val(); int64(score) <= time.Now().UnixMilli() {
		t.Errorf("it would be looked at again and again: score %v", score)
	}
	in := time.Until(time.UnixMilli(int64(r.client.ZScore(ctx, r.set(forever, "cancelled"), string(forever.ID)).Val())))
	if in < 50*time.Minute || in > 70*time.Minute || !r.inSet(forever, "created") || r.hash(forever)["state"] != "cancelled" {
		t.Errorf("without a time to live, it is looked at again in %v, want an hour", in)
	}
}

// No script deletes the hash of a callback that has not ended. If one is gone
// anyway, the callback leaves all sets when it is due.
func testHashIsGone(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	pending, answered := r.register("pending"), r.register("answered")
	r.answer(answered, `1`)
	for _, cb := range []relay.Callback{pending, answered} {
		r.pass(cb)
		r.must(r.client.Del(ctx, r.key(cb)).Err())
	}
	if n, err := r.Expire(ctx, 10); n != 0 || err != nil {
		t.Errorf("ended %d, %v", n, err)
	}
	r.claimNone()
	r.inNoSet(pending)
	r.inNoSet(answered)
}

// A failover to a replica without the last claim undoes the claim, and its counts.
// The next claim has the same counts but is a different lease: the lost lease
// settles nothing (row 57), neither while the new one is held nor afterwards.
func testLostClaim(t *testing.T, r *redisUnderTest) {
	for _, end := range []relay.Settlement{
		{State: relay.StateDelivered}, {State: relay.StateAnswered, RetryIn: time.Hour},
	} {
		cb := r.register(relay.TaskToken("task " + end.State))
		r.answer(cb, `1`)
		r.pass(cb)
		before := r.hash(cb)
		lost := r.claimOne()
		r.must(r.client.HSet(t.Context(), r.key(cb), before).Err())
		r.pass(cb)
		held := r.claimOne()
		if lost.Lease == held.Lease || lost.Attempt != held.Attempt {
			t.Fatalf("leases %s and %s, attempts %d and %d: the claim was not taken back", lost.Lease, held.Lease, lost.Attempt, held.Attempt)
		}
		late := func(when string) {
			before := r.hash(cb)
			if ours, err := r.Settle(t.Context(), lost, relay.Settlement{State: relay.StateRefused}); ours || err != nil {
				t.Errorf("%s: the lost claim settles: %v, %v", when, ours, err)
			}
			if diff := cmp.Diff(before, r.hash(cb)); diff != "" {
				t.Errorf("%s: the lost claim changed something:\n%s", when, diff)
			}
		}
		late("while the other is held")
		r.settle(held, end)
		late("after the other was settled")
	}
}

// Row 18: a settlement whose reply was lost is repeated, and reported as settled,
// until another worker has the delivery.
func testSettledTwice(t *testing.T, r *redisUnderTest) {
	cb := r.register("task")
	first := r.answer(cb, `1`)
	again := relay.Settlement{State: relay.StateAnswered, Reason: "timeout"}
	settle := func(d relay.Delivery, end relay.Settlement, want bool) {
		t.Helper()
		before := r.hash(cb)
		if held, err := r.Settle(t.Context(), d, end); held != want || err != nil {
			t.Errorf("settled again: held %v, %v, want %v", held, err, want)
		}
		if diff := cmp.Diff(before, r.hash(cb)); diff != "" {
			t.Errorf("settling again changed something:\n%s", diff)
		}
	}
	r.settle(first, again)
	settle(first, again, true)
	second := r.claimOne()
	settle(first, again, false)
	done := relay.Settlement{State: relay.StateDelivered, Confirmed: true}
	r.settle(second, done)
	settle(second, done, true)
	settle(first, again, false)
}
