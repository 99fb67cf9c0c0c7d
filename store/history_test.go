package store_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	diff "github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"callback-relay/relay"
	"callback-relay/store"
	"callback-relay/store/redistest"
)

// Invariants 2 to 7 and rows 12, 13, 36 to 39 and 42: whatever happens to a few
// callbacks, in any order and with any delay, callers get the replies of the model
// and Redis has the data of the model.
//
// Redis uses its own clock. The clock of the in-process server can be set, so its
// time is exact: steps happen one millisecond before, at and after a deadline. The
// clock of a real server cannot be set, so its stored times are moved back instead
// (see carried), by at least a minute. That shows that scripts compare times, but
// not to the millisecond. TestLinearizable has real deadlines and a running clock.
func TestModelOnMiniredis(t *testing.T) {
	m := miniredis.RunT(t)
	testModel(t, store.ModeStandalone, "redis://"+m.Addr(), "20", func(*world) clock { return &settable{m: m} })
}

func TestModelOnRedisServer(t *testing.T) {
	if redistest.Available(t) {
		testModel(t, store.ModeStandalone, redistest.Start(t).URL, "60", func(w *world) clock { return &carried{w: w} })
	}
}

// fewer lowers rapid's default of 100 histories, unless -rapid.checks or
// RAPID_CHECKS sets a number.
func fewer(t *testing.T, histories string) {
	checks := flag.Lookup("rapid.checks").Value
	if asked := checks.String(); asked == "100" {
		t.Cleanup(func() { checks.Set(asked) })
		checks.Set(histories)
	}
}

func testModel(t *testing.T, mode, url, histories string, newClock func(*world) clock) {
	r := onURL(t, mode, patiently(url))
	fewer(t, histories)
	rapid.Check(t, func(rt *rapid.T) {
		w := &world{redisUnderTest: r, t: rt, ctx: t.Context()}
		w.must(r.client.FlushAll(w.ctx).Err())
		w.must(r.client.Set(w.ctx, "relay:schema", "2", 0).Err())
		w.clock = newClock(w)
		for i := range 4 {
			w.tasks = append(w.tasks, w.newTask(relay.TaskToken(fmt.Sprint("task", i))))
		}
		rt.Repeat(map[string]func(*rapid.T){
			"":           w.check,
			"create":     w.doCreate,
			"answer":     w.doAnswer,
			"answer2":    w.doAnswer, // the most important step is tried most often
			"decide":     w.doDecide,
			"guess":      w.doGuess,
			"revoke":     w.doRevoke,
			"reschedule": w.doReschedule,
			"waiting":    w.doWaiting,
			"cancel":     w.doCancel,
			"expire":     w.doExpire,
			"stray":      w.doStray,
			"claim":      w.doClaim,
			"settle":     w.doSettle,
			"settle2":    w.doSettle,
			"list":       w.doList,
			"trim":       w.doTrim,
			"pass":       w.doPass,
			"pass2":      w.doPass,
		})
	})
}

// world is a few callbacks, both in Redis and in the model.
type world struct {
	*redisUnderTest
	t     *rapid.T
	ctx   context.Context
	clock clock
	tasks []*task
}

// task is one task token and its callback, which may not exist yet or any more.
type task struct {
	relay.Callback // with the id and links that find it
	model
	token  relay.TaskToken
	reg    relay.Registration // of the current callback
	listed bool               // in the set of all callbacks: a tombstone's id stays until it is trimmed
	older  []relay.Link       // of the previous registration
	final  string             // the final state in whose set it is, forgotten ones until they are trimmed
	leases []relay.Delivery   // all that were handed out, including lost ones
	before map[string]string  // the hash after the last step
}

// GoString returns what a failing run prints.
func (k *task) GoString() string { return k.token.Reveal() }

// signed is the number of the guarded link. The other two have no guard.
const signed = 2

// withSigned registers a callback that also has a guarded link.
func withSigned(token relay.TaskToken) relay.Registration {
	return registration(token, func(reg *relay.Registration) {
		link := webhookLink
		link.Guard = fullGuard()
		reg.Links["signed"] = link
	})
}

func (w *world) newTask(token relay.TaskToken) *task {
	reg := withSigned(token)
	id := w.keys.Identify(token)[0]
	return &task{
		token: token, reg: reg, model: model{lease: lease.Milliseconds()},
		Callback: relay.Callback{ID: id.ID, Key: id.Key, Links: reg.NumberedLinks()},
	}
}

func (w *world) must(err error) {
	if err != nil {
		w.t.Helper()
		w.t.Fatal(err)
	}
}

// same compares the reply to a caller with that of the model.
func (w *world) same(what string, want, got any) {
	w.t.Helper()
	if d := diff.Diff(want, got); d != "" {
		w.t.Fatalf("%s (-model +store):\n%s", what, d)
	}
}

func (w *world) drawTask(t *rapid.T) *task { return rapid.SampledFrom(w.tasks).Draw(t, "task") }

func (w *world) doCreate(t *rapid.T) {
	k := w.drawTask(t)
	now, unit := w.clock.now(), w.clock.unit()
	reg, asked := k.reg, k.asked
	if !k.kept || rapid.Bool().Draw(t, "anew") {
		reg = withSigned(k.token)
		reg.OnExpiry = rapid.SampledFrom([]relay.OnExpiry{relay.OnExpiryFail, relay.OnExpiryIgnore}).Draw(t, "onExpiry")
		at := func(ms int64) relay.Expires { return relay.Expires{At: time.UnixMilli(ms - w.clock.moved())} }
		reg.Expires = rapid.SampledFrom([]relay.Expires{
			{In: time.Hour}, {In: time.Hour, Default: true}, {In: 2 * time.Hour, Default: true}, {In: maxExpiry},
			at(now - unit), at(now), at(now + unit), at(now + time.Hour.Milliseconds()),
			at(now + maxExpiry.Milliseconds()), at(now + maxExpiry.Milliseconds() + unit),
		}).Draw(t, "expires")
		approval := rapid.SampledFrom([]string{"", "stay", "forget"}).Draw(t, "approval")
		if approval != "" {
			reg.Approval = &relay.Approval{Title: "Deploy?", Required: 9, Rejections: 9, Forget: approval == "forget"}
		}
		asked = settings{fmt.Sprint(reg.Expires), reg.OnExpiry, approval}
		if reg.Expires.Default {
			asked.expires = "default"
		}
	}
	deadline := now + reg.Expires.In.Milliseconds()
	if !reg.Expires.At.IsZero() {
		deadline = reg.Expires.At.UnixMilli() + w.clock.moved()
	}
	var want string
	k.model, want = k.create(now, asked, deadline)
	cb, created, err := w.Create(w.ctx, reg, maxExpiry)
	got := "exists"
	if created {
		got = "created"
		k.reg, k.listed, k.final = reg, true, ""
		k.older, k.Links = k.Links, cb.Links
	}
	if err != nil {
		got = told(err)
	} else {
		w.same("shown", told2(k.get()), callbackText(cb))
	}
	w.same("create", want, got)
}

// told2 drops the model from the results of one of its methods.
func told2(_ model, words string) string { return words }

var outcomes = []outcome{
	{kind: relay.OutcomeSuccess, payload: `{"approved":true}`},
	{kind: relay.OutcomeSuccess, payload: `{"approved":false}`},
	{kind: relay.OutcomeFailure, error: "Rejected", payload: "no"},
}

// drawLink draws a link, and returns whether it is one of the current callback. Now
// and then it is one of the previous registration (row 75).
func (w *world) drawLink(t *rapid.T, k *task) (link relay.LinkRef, known bool) {
	cb := k.Callback
	if len(k.older) > 0 && rapid.IntRange(0, 5).Draw(t, "older link") == 0 {
		cb.Links = k.older
	}
	link = w.link(cb, rapid.SampledFrom(cb.Links).Draw(t, "link").Name)
	return link, link.Generation == k.Links[0].Generation
}

func (w *world) doAnswer(t *rapid.T) {
	k := w.drawTask(t)
	link, known := w.drawLink(t, k)
	o, want := rapid.SampledFrom(outcomes).Draw(t, "outcome"), told(relay.ErrNotFound)
	passed, number := w.drawPassed(t, link), fmt.Sprint(link.Number)
	switch {
	case known && link.Number == signed && passed != nil:
		k.model, want = k.answerGuarded(w.clock.now(), number, o, true, passed.EventID, unnamed)
	case known && link.Number == signed:
		k.model, want = k.answerGuarded(w.clock.now(), number, o, false, "", unnamed)
	case known:
		k.model, want = k.answer(w.clock.now(), number, o, "", unnamed)
	}
	got, err := withOutcome(o.relay())(w.Answer(w.ctx, link, o.relay(), passed))
	w.same("answer", want, answerText(got, err))
	if got.Delivery != nil {
		w.hand(k, *got.Delivery)
	}
}

// drawPassed draws whether the guard of a link was passed, and by which event.
func (w *world) drawPassed(t *rapid.T, link relay.LinkRef) *relay.Passed {
	if link.Number != signed || rapid.IntRange(0, 2).Draw(t, "not passed") == 0 {
		return nil
	}
	return &relay.Passed{EventID: rapid.SampledFrom([]string{"", "evt_1", "evt_2"}).Draw(t, "event")}
}

// answerText describes a reply of the store as [model.answer] does.
func answerText(got relay.Recorded, err error) string {
	switch {
	case err != nil:
		return told(err)
	case got.Duplicate && got.Delivery == nil:
		return "duplicate: " + string(got.State)
	case got.Delivery != nil && got.State == relay.StateAnswered:
		return "recorded: " + deliveryText(*got.Delivery)
	}
	return fmt.Sprintf("unexpected: %+v", got)
}

// unnamed is a lease whose name is not known yet, since the store chooses it.
const unnamed = "?"

// hand checks the rest of a delivery, and keeps it for a settlement.
func (w *world) hand(k *task, d relay.Delivery) {
	if d.TaskToken != k.token || d.Unreadable != nil {
		w.t.Errorf("delivery of %s has another task token (%v)", k.token.Reveal(), d.Unreadable)
	}
	w.near("created", k.created, d.CreatedAt.UnixMilli()+w.clock.moved())
	w.near("answered", k.answered, d.AnsweredAt.UnixMilli()+w.clock.moved())
	w.near("leased", k.due-k.lease, d.LeasedAt.UnixMilli()+w.clock.moved())
	k.held = d.Lease
	k.leases = append(k.leases, d)
}

func (w *world) doWaiting(t *rapid.T) {
	k := w.drawTask(t)
	link, known := w.drawLink(t, k)
	passed, want := w.drawPassed(t, link) != nil, told(relay.ErrNotFound)
	if known {
		_, want = k.waiting(w.clock.now(), fmt.Sprint(link.Number))
	}
	if known && k.kept && link.Number == signed && !passed {
		want = toldGuarded
	}
	token, _, err := w.Waiting(w.ctx, link, passed)
	got := "waiting"
	if err != nil {
		got = told(err)
	} else if token != k.token {
		got = "another task token"
	}
	w.same("waiting", want, got)
}

// doDecide decides as a person who has seen all decisions, or missed one.
func (w *world) doDecide(t *rapid.T) {
	k := w.drawTask(t)
	link, known := w.drawLink(t, k)
	if link.Number == signed {
		t.Skip("nobody decides through a link with a guard")
	}
	before := k.decided
	if before > 0 && rapid.Bool().Draw(t, "missed one") {
		before--
	}
	var o *outcome
	var sent *relay.Outcome
	if rapid.IntRange(0, 3).Draw(t, "not the last") == 0 {
		drawn := rapid.SampledFrom(outcomes).Draw(t, "outcome")
		as := drawn.relay()
		o, sent = &drawn, &as
	}
	want := told(relay.ErrNotFound)
	if known {
		k.model, want = k.decide(w.clock.now(), fmt.Sprint(link.Number), before, o, unnamed)
	}
	recorded, err := w.Decide(w.ctx, link, make([]relay.Decision, before+1), sent)
	if sent != nil {
		recorded, err = withOutcome(*sent)(recorded, err)
	}
	got := "decided"
	if err != nil || recorded.State != relay.StatePending {
		got = answerText(recorded, err)
	}
	w.same("decide", want, got)
	if recorded.Delivery != nil {
		w.hand(k, *recorded.Delivery)
	}
}

func (w *world) doGuess(t *rapid.T) {
	k := w.drawTask(t)
	link, known := w.drawLink(t, k)
	if link.Number == signed {
		t.Skip("a link with a guard has no code")
	}
	right, want := rapid.Bool().Draw(t, "right"), told(relay.ErrNotFound)
	if known {
		k.model, want = k.guess(int(link.Number), right)
	}
	left, err := w.Guess(w.ctx, link, right)
	got := fmt.Sprint(left, " left")
	if err != nil {
		got = told(err)
	}
	w.same("guess", want, got)
}

func (w *world) doRevoke(t *rapid.T) {
	k := w.drawTask(t)
	if rapid.IntRange(0, 5).Draw(t, "rarely") != 0 {
		t.Skip("closed links take no answers")
	}
	link := rapid.SampledFrom(k.Links).Draw(t, "link")
	var want string
	k.model, want = k.revoke(int(link.Number))
	cb, err := w.Revoke(w.ctx, k.ID, link.Name)
	got := "closed"
	if err != nil {
		got = told(err)
	} else if !cb.Links[link.Number].Closed {
		got = "open"
	}
	w.same("revoke", want, got)
}

func (w *world) doReschedule(t *rapid.T) {
	k, now, unit := w.drawTask(t), w.clock.now(), w.clock.unit()
	deadline := rapid.SampledFrom([]int64{
		now - unit, now, now + unit, now + time.Hour.Milliseconds(), now + maxExpiry.Milliseconds(), now + maxExpiry.Milliseconds() + unit,
	}).Draw(t, "deadline")
	var want string
	k.model, want = k.reschedule(now, deadline)
	_, err := w.Reschedule(w.ctx, k.ID, relay.Expires{At: time.UnixMilli(deadline - w.clock.moved())}, maxExpiry)
	got := "rescheduled"
	if err != nil {
		got = told(err)
	}
	w.same("reschedule", want, got)
}

func (w *world) doCancel(t *rapid.T) {
	k := w.drawTask(t)
	var want string
	k.model, want = k.cancel(w.clock.now())
	cb, err := w.Cancel(w.ctx, k.ID)
	got := "cancelled"
	if err != nil {
		got = told(err)
	} else {
		w.same("shown", told2(k.get()), callbackText(cb))
	}
	w.same("cancel", want, got)
}

// drawLimit draws how many deliveries a worker takes at once. If time is not exact,
// it is unknown which one is the oldest.
func (w *world) drawLimit(t *rapid.T) int {
	if w.clock.unit() > 1 {
		return 100
	}
	return rapid.SampledFrom([]int{1, 100}).Draw(t, "limit")
}

// oldest returns the tasks that a worker takes, which are the first by time.
func (w *world) oldest(limit int, ready func(*task) bool, time func(*task) int64) []*task {
	var found []*task
	for _, k := range w.tasks {
		if ready(k) {
			found = append(found, k)
		}
	}
	slices.SortFunc(found, func(a, b *task) int {
		return cmp.Or(cmp.Compare(time(a), time(b)), byTurns(a.ID, b.ID))
	})
	return found[:min(limit, len(found))]
}

func (w *world) doExpire(t *rapid.T) { w.expire(w.drawLimit(t)) }

// doStray lets the deadline watch find a callback that is no longer pending, as
// when another replica ends it between the two steps of the watch.
func (w *world) doStray(t *rapid.T) {
	k := w.drawTask(t)
	if !k.kept || k.state == relay.StatePending {
		t.Skip("has a deadline")
	}
	w.must(w.client.ZAdd(w.ctx, w.set(k.Callback, "deadline"), redis.Z{Score: 1, Member: string(k.ID)}).Err())
	w.expire(100)
}

func (w *world) expire(limit int) {
	now := w.clock.now()
	overdue := w.oldest(limit, func(k *task) bool { return k.overdue(now) }, func(k *task) int64 { return k.deadline })
	for _, k := range overdue {
		k.model, _ = k.expire(now)
	}
	n, err := w.Expire(w.ctx, limit)
	w.must(err)
	w.same("ended", len(overdue), n)
}

func (w *world) doClaim(t *rapid.T) {
	limit, now := w.drawLimit(t), w.clock.now()
	var want, got []string
	for _, k := range w.oldest(limit, func(k *task) bool { return k.claimable(now) }, func(k *task) int64 { return k.due }) {
		var words string
		k.model, words = k.claim(now, unnamed)
		want = append(want, string(k.ID)+" "+words)
	}
	claimed, err := w.Claim(w.ctx, limit)
	w.must(err)
	for _, d := range claimed {
		got = append(got, string(d.ID)+" "+deliveryText(d))
	}
	if w.clock.unit() > 1 {
		slices.Sort(want)
		slices.Sort(got)
	}
	w.same("claim", want, got)
	for _, d := range claimed {
		w.hand(w.tasks[slices.IndexFunc(w.tasks, func(k *task) bool { return k.ID == d.ID })], d)
	}
}

var settlements = []relay.Settlement{
	{State: relay.StateDelivered, Confirmed: true},
	{State: relay.StateDelivered, Reason: "TaskTimedOut"},
	{State: relay.StateRefused, Reason: "TaskTimedOut"},
	{State: relay.StateRefused, Reason: "InvalidOutput"},
	{State: relay.StateAnswered, Reason: "timeout", RetryIn: 2 * time.Minute},
	{State: relay.StateAnswered, Reason: "ThrottlingException", RetryIn: time.Hour, NoEffect: true},
	{State: relay.StateAnswered, Reason: "stopped", NotMade: true},
}

// doSettle settles any lease that was ever handed out: the present one, a lost
// one (row 57), or one that is settled already (row 18).
func (w *world) doSettle(t *rapid.T) {
	k := w.drawTask(t)
	if len(k.leases) == 0 {
		t.Skip("nothing to settle")
	}
	back := rapid.IntRange(0, min(2, len(k.leases)-1)).Draw(t, "leases ago")
	d := k.leases[len(k.leases)-1-back]
	end := rapid.SampledFrom(settlements).Draw(t, "settlement")
	var want string
	k.model, want = k.settle(w.clock.now(), d.Lease, end)
	held, err := w.Settle(w.ctx, d, end)
	w.must(err)
	w.same("settle", want, map[bool]string{true: "held", false: "lost"}[held])
}

func (w *world) doTrim(*rapid.T) {
	want := 0
	for _, k := range w.tasks {
		if k.listed && !k.kept {
			k.listed, k.final, want = false, "", want+1
		}
	}
	n, err := w.Trim(w.ctx)
	w.must(err)
	w.same("trimmed", want, n)
}

// place returns the value by which a list of callbacks in a state is ordered.
func (m model) place(state relay.State) int64 {
	switch {
	case state == relay.StatePending:
		return m.deadline
	case state == relay.StateAnswered:
		return m.due
	case state.Final():
		return m.ended
	}
	return m.created
}

func (w *world) doList(t *rapid.T) {
	q := relay.Query{
		State: rapid.SampledFrom(append([]relay.State{""}, relay.States...)).Draw(t, "state"),
		Limit: rapid.IntRange(1, 3).Draw(t, "limit"),
	}
	backlog := 0
	var want, got []string
	all := w.oldest(len(w.tasks), func(k *task) bool { return k.kept }, func(k *task) int64 { return k.place(q.State) })
	if q.State != relay.StatePending && q.State != relay.StateAnswered {
		slices.Reverse(all)
	}
	for _, k := range all {
		if k.state == relay.StateAnswered {
			backlog++
		}
		if q.State == "" || k.state == q.State {
			want = append(want, string(k.ID)+" "+told2(k.get()))
		}
	}
	for {
		page, err := w.List(w.ctx, q)
		w.must(err)
		for _, cb := range page.Callbacks {
			got = append(got, string(cb.ID)+" "+callbackText(cb))
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	if w.clock.unit() > 1 {
		slices.Sort(want)
		slices.Sort(got)
	}
	w.same("list", want, got)
	census, err := w.Census(w.ctx, 0)
	w.must(err)
	w.same("backlog", int64(backlog), census.Callbacks[relay.StateAnswered])
}

// doPass lets time pass: until just before, at or just after the next event of a
// callback, or for some minutes.
func (w *world) doPass(t *rapid.T) {
	k, now, unit := w.drawTask(t), w.clock.now(), w.clock.unit()
	to := now + rapid.Int64Range(1, 90).Draw(t, "minutes")*time.Minute.Milliseconds()
	switch {
	case rapid.Bool().Draw(t, "a while") || !k.kept:
	case k.state == relay.StatePending:
		to = k.deadline
	case k.state == relay.StateAnswered:
		to = k.due
	default:
		to = k.ended + retention.Milliseconds()
	}
	// Rounded up: if time is not exact, part of the minute has passed already.
	by := (to-now+unit-1)/unit*unit + rapid.Int64Range(-1, 1).Draw(t, "off by")*unit
	if by <= 0 {
		t.Skip("that is in the past")
	}
	w.clock.pass(time.Duration(by) * time.Millisecond)
	for _, k := range w.tasks {
		if k.model = k.forget(w.clock.now()); !k.kept {
			k.leases, k.before = nil, nil
		}
	}
}
