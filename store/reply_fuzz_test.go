package store

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
)

// anything is a Redis that answers every command immediately. To scripts it gives
// whatever reply the test has set.
type anything struct {
	script any       // what a script returns; an error is one
	copies any       // what WAIT and WAITAOF return
	due    any       // what due.lua returns
	fields []any     // of a hash
	score  float64   // in a sorted set
	set    string    // number of the set in which list.lua finds something
	sets   []redis.Z // and what it finds
}

func (a *anything) DialHook(redis.DialHook) redis.DialHook {
	return func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("there is no server") }
}

func (a *anything) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(_ context.Context, cmd redis.Cmder) error { return a.answer(cmd) }
}

func (a *anything) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(_ context.Context, cmds []redis.Cmder) error {
		for _, cmd := range cmds {
			_ = a.answer(cmd)
		}
		return nil
	}
}

func (a *anything) answer(cmd redis.Cmder) error {
	switch cmd := cmd.(type) {
	case *redis.Cmd:
		reply := a.script
		if name, _ := cmd.Args()[0].(string); strings.HasPrefix(name, "WAIT") {
			reply = a.copies
		}
		switch cmd.Args()[1] {
		case dueScript.Hash():
			reply = a.due
		case listScript.Hash():
			list := []any{}
			for _, z := range a.sets {
				list = append(list, a.set, fmt.Sprint(z.Member), strconv.FormatFloat(z.Score, 'g', -1, 64))
			}
			reply = list
		}
		if err, ok := reply.(error); ok {
			cmd.SetErr(err)
			return err
		}
		cmd.SetVal(reply)
	case *redis.StringCmd: // the keyspace's marker
		cmd.SetVal(schemaMarkers[0])
	case *redis.SliceCmd:
		cmd.SetVal(a.fields)
	case *redis.FloatCmd:
		cmd.SetVal(a.score)
	}
	return nil
}

// bench is a store on such a Redis, and the parts from which replies are made.
type bench struct {
	*Store
	redis *anything
	link  relay.LinkRef
	words map[string]string // values that the fuzzer can name but not guess
}

var answered = relay.Outcome{Type: relay.OutcomeSuccess, Output: relay.Payload(`{"a":1}`)}

func newBench(t testing.TB, d Durability) *bench {
	t.Helper()
	keys, err := relay.ParseKeyRing("k1:" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))))
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{redis: &anything{}}
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:0"})
	t.Cleanup(func() { _ = client.Close() })
	client.AddHook(b.redis)
	b.Store = New(client, Options{Keys: keys, Lease: time.Minute, Retention: time.Hour, Durability: d})
	id := keys.Identify("task")[0].ID
	b.redis.set = fmt.Sprint(id.Partition() + 1)
	if d.waits() { // that client has its own hooks
		on, err := b.primaryOf(context.Background(), callbackKey(id))
		if err != nil {
			t.Fatal(err)
		}
		on.patient.AddHook(b.redis)
	}
	key := keys.LinkKey(id, relay.Link{LinkKind: relay.LinkKind{Type: relay.LinkWebhook}}, "k1")
	if b.link, err = keys.Resolve(key.Reveal(), []relay.LinkKind{{Type: relay.LinkWebhook}}); err != nil {
		t.Fatal(err)
	}
	b.words = map[string]string{
		"@task":    string(keys.Seal(id, taskTokenField, []byte("task"))),
		"@outcome": string(keys.Seal(id, outcomeField, answered.Output)),
		"@id":      string(id),
		"@set":     b.redis.set,
		"@spec":    `{"links":[["default","webhook"]],"onExpiry":"fail","expires":"in3600000","key":"k1"}`,
	}
	return b
}

// list reads one element of an array from each line: a text, "nil", "int" or
// "float" with a number, "list", or one of the words.
func (b *bench) list(lines string) []any {
	values := []any{}
	for line := range strings.SplitSeq(lines, "\n") {
		kind, rest, _ := strings.Cut(line, " ")
		switch kind {
		case "nil":
			values = append(values, nil)
		case "int":
			values = append(values, number(rest))
		case "float":
			f, _ := strconv.ParseFloat(rest, 64)
			values = append(values, f)
		case "list":
			values = append(values, []any{rest})
		default:
			for word, meaning := range b.words {
				line = strings.ReplaceAll(line, word, meaning)
			}
			values = append(values, line)
		}
	}
	return values
}

// fieldsOf reads the values of viewFields as list does, as many as HMGET returns.
func (b *bench) fieldsOf(lines string) []any {
	return append(b.list(lines), make([]any, len(viewFields))...)[:len(viewFields)]
}

// definite are the errors after which a sender gives up.
var definite = []error{
	relay.ErrNotFound, relay.ErrAlreadyAnswered, relay.ErrExpired, relay.ErrCancelled, relay.ErrTaskClosed,
	relay.ErrRefused, relay.ErrSettingsDiffer, relay.ErrLinkClosed,
}

func isDefinite(err error) bool {
	return slices.ContainsFunc(definite, func(d error) bool { return errors.Is(err, d) })
}

// Whatever reply a server gives to a script, nothing counts as done and no sender
// is turned away for good, unless the script says so. Any other reply counts as a
// failure of Redis.
func FuzzReplies(f *testing.F) {
	const lease = "\nattempts\n1\nunclear\n0\ncreated\n1000\nanswered\n2000\nnow\n2000\ntaskToken\n"
	for _, lines := range []string{
		"recorded" + lease + "@task", "recorded", "recorded" + lease + "@outcome", "recorded\nattempts\n-1\nunclear\n9999999999999999999", "recorded\nattempts", "recorded\ntaskToken\nnil",
		"refused\nstate\nanswered\nsame\n1\nby\n0", "refused\nstate\ndelivered\nsame\n1\nby\n0", "refused\nstate\nrefused\nreason\nTaskTimedOut", "refused\nstate\nanswered\nsame\n1\nby\nexpiry",
		"refused\nstate\nanswered\nsame\n1\nby\n0\nclosed\n1", "refused\nstate\nanswered\nsame\n1\nby\n1\nclosed\n1", "refused\nstate\nanswered\nsame\n1\nunknown\n1",
		"refused\nstate\nbanana\nsame\n1", "refused\nstate\npending\nsame\n1", "refused\nstate\nanswered\nsame\n0", "refused\nstate\nexpired", "refused\nstate\ncancelled", "refused\nstate\nrefused\nreason\nInvalidOutput", "refused\nstate\npending", "refused",
		"refused\nstate\n\nby\nexpiry", "refused\nstate\npending\noverdue\n1", "refused\nunknown\n1", "refused\nclosed\n1", "refused\nmeanwhile\n1", "refused\nstate", "refused\noverdue\n1", "missing", "", "nil", "OK", "int 1", "float 1.5", "list recorded", "recorded\nint 1", "waiting\ntaskToken\n@task",
		"waiting", "waiting\ntaskToken\ntask", "done", "created\ncreated\n1000\ndeadline\n2000", "created", "exists", "deadline past", "deadline too far", "settled", "lease lost", "taken", "gone",
		"claimed" + lease + "@task\ntype\nsuccess\nerror\n\noutcome\n@outcome", "claimed", "claimed" + lease + "@task\ntype\nfailure\nerror\nE\noutcome\n@task", "open\nleft\n3", "open", "read\nnow\n1000\nstate\npending\nregistration\n1 2 @spec", "read",
		"joined", "joined\nassigned\ne\nwaiter\n@id 1 - k1\nused\ne\nwaiter\nx", "joined\nwaiter\n@id 1 - k1", "full\nwaiter\n@id 1 - k1", "full", "matched\noldest\n@id e", "kept\noldest\nx y", "duplicate", "nobody\npresent\nx", "served", "dropped",
		"live\nreplica\na\nreplica\nb", "live", "live\nreplica\n", "failed", "ignored", "not due", "plain @set\n@id\n1000", "plain @id", "plain @set\n@id\nNaN\n@set\n@id\n-Inf\n0\n@id\n1\n65\n@id\n1\nx\n@id\n1", "trimmed", "plain recorded", "plain x\ny\nverdict\nmissing", "plain verdict",
	} {
		for kind := range uint8(5) {
			f.Add(kind, lines)
		}
	}
	f.Add(byte(0), "\n\n1\n\n") // a key that is no sorted set
	b := newBench(f, Durability{})
	f.Fuzz(func(t *testing.T, kind uint8, lines string) {
		ctx := t.Context()
		b.redis.fields = b.fieldsOf("delivered\n1000 2000 @spec\nsuccess\n\n0\n1500\n1\n\n\n1\n1600")
		b.redis.sets = []redis.Z{{Score: 1000, Member: b.words["@id"]}}
		// Usually the lines are what follows the name of the verdict.
		rest, plain := strings.CutPrefix(lines, "plain ")
		if !plain {
			rest = "verdict\n" + lines
		}
		reply := b.list(rest)
		b.redis.script = reply
		switch kind % 5 {
		case 1:
			b.redis.script, reply = redis.Nil, nil
		case 2:
			b.redis.script, reply = int64(len(lines)), nil
		case 3:
			b.redis.script, reply = lines, nil
		case 4:
			b.redis.script, reply = errors.New(lines), nil
		}
		text := func(name string) string {
			for i := 0; i+1 < len(reply); i += 2 {
				if key, _ := reply[i].(string); key == name {
					s, _ := reply[i+1].(string)
					return s
				}
			}
			return ""
		}
		// A reply with anything but texts is invalid.
		if slices.ContainsFunc(reply, func(v any) bool { _, ok := v.(string); return !ok && v != nil }) {
			reply = nil
		}
		said := func(verdicts ...string) bool {
			return text("verdict") != "" && slices.Contains(verdicts, text("verdict"))
		}
		holds := func(fact string) bool { return text(fact) == "1" }

		reports := map[string]bool{"claim": true, "expire": true, "trim": true, "census": true}
		check := func(op string, err error, ok, final bool) {
			t.Helper()
			switch {
			case err == nil && !ok:
				t.Errorf("%s: done, after %q", op, lines)
			case reports[op] && err != nil && !isDefinite(err) && strings.Contains(err.Error(), "cannot be read"): // for the log: the rest was done
			case err != nil && !isDefinite(err) && !errors.Is(err, relay.ErrUnavailable) && !(errors.Is(err, relay.ErrMeanwhile) && holds("meanwhile")) && !errors.As(err, new(*relay.InvalidFieldError)):
				t.Errorf("%s: an error that nobody knows: %v", op, err)
			case isDefinite(err) && !final:
				t.Errorf("%s: %v for good, after %q", op, err, lines)
			}
		}

		recorded, err := b.Answer(ctx, b.link, answered, nil)
		repeated := said("refused") && holds("same") && text("by") != relay.ByExpiry && !holds("unknown") &&
			(!holds("closed") || text("by") == "0") && slices.Contains([]string{"answered", "delivered"}, text("state"))
		check("answer", err, said("recorded") || repeated, said("missing", "refused"))
		if err == nil && recorded.Duplicate != repeated || err != nil && recorded.State != "" {
			t.Errorf("answer: %+v, %v", recorded, err)
		}
		if d := recorded.Delivery; d != nil {
			if d.Outcome.Type != "" {
				t.Error("answer: the outcome comes back to who has it already")
			}
			d.Outcome = answered
			undamaged(t, *d)
		}

		task, _, err := b.Waiting(ctx, b.link, false)
		check("waiting", err, said("waiting"), said("missing", "refused"))
		if err == nil != (task.Reveal() == "task") {
			t.Errorf("waiting: %q, %v", task.Reveal(), err)
		}

		_, err = b.Cancel(ctx, b.link.ID)
		check("cancel", err, said("done"), said("missing", "refused"))

		reg := relay.Registration{TaskToken: "task", OnExpiry: "fail", Expires: relay.Expires{In: time.Hour}, Links: map[string]relay.LinkRequest{"default": {LinkKind: relay.LinkKind{Type: "webhook"}}}}
		_, created, err := b.Create(ctx, relay.Prepare(b.keys, reg, 24*time.Hour))
		check("create", err, said("created", "exists"), false)
		if created != (err == nil && said("created")) {
			t.Errorf("create: created %v after %q", created, lines)
		}

		left, err := b.Guess(ctx, b.link, true)
		check("guess", err, said("open"), said("missing", "refused"))
		if err != nil && left != 0 {
			t.Errorf("guess: %d left, %v", left, err)
		}
		check("decline", b.Decline(ctx, b.link, relay.Decline{Note: relay.Payload("n")}), said("noted"), said("missing", "refused"))
		v, err := b.View(ctx, b.link)
		check("view", err, said("read") && text("state") == string(v.State), said("missing", "refused"))

		held, err := b.Settle(ctx, relay.Delivery{ID: b.link.ID, Lease: "A"}, relay.Settlement{State: relay.StateDelivered})
		check("settle", err, held && said("settled") || !held && said("lease lost"), false)

		// Once as the result for a due callback, once as the list of what is due.
		for _, due := range []any{[]any{b.redis.set, b.words["@id"], "1000"}, b.redis.script} {
			b.redis.due = due
			claimed, err := b.Claim(ctx, 5)
			check("claim", err, len(claimed) == 0 || said("claimed"), false)
			for _, d := range claimed {
				undamaged(t, d)
			}
			ended, err := b.Expire(ctx, 5)
			check("expire", err, ended == 0 || said("failed", "ignored"), false)
		}
		trimmed, err := b.Trim(ctx)
		check("trim", err, trimmed == 0 || said("trimmed"), false)
		census, err := b.Census(ctx, time.Hour)
		check("census", err, len(census.Callbacks) == 0 || said("counted"), false)
		key := b.keys.AwaitKeys("stripe", "k")[0]
		waiter := relay.Waiter{ID: b.link.ID, Generation: "01234567", Key: "k1"}
		_, err = b.Join(ctx, key.AwaitRef, waiter, time.Now())
		if full := (*relay.TooManyWaitersError)(nil); !errors.As(err, &full) || !said("full") {
			check("join", err, said("joined"), false)
		}
		added, err := b.AddEvent(ctx, key, relay.HookEvent{Sender: "stripe"}, relay.AddOptions{IfNobody: relay.KeepEvent})
		check("event", err, said("matched", "kept", "duplicate", "nobody"), false)
		if err == nil && (added.Verdict == relay.EventIgnored) != said("nobody") {
			t.Errorf("event: %s after %q", added.Verdict, lines)
		}
		_, err = b.Serve(ctx, key.AwaitRef, "e", waiter, relay.Fate{Use: relay.UseSpent})
		check("serve", err, said("served"), false)
		_, err = b.DropEvents(ctx, "stripe", []relay.FreeEvent{{Digest: key.Digest, Event: "e"}})
		check("drop", err, said("dropped", "gone"), false)
		live, err := b.Announce(ctx, "r1", time.Second)
		check("announce", err, said("live") && live > 0, false)
	})
}

// undamaged checks that a readable delivery has what was sealed, and that an
// unreadable one has nothing to send.
func undamaged(t *testing.T, d relay.Delivery) {
	t.Helper()
	switch {
	case d.Unreadable == nil && (d.TaskToken.Reveal() != "task" || !bytes.Equal(d.Outcome.Payload(), answered.Output)):
		t.Errorf("a delivery of %q for %q", []byte(d.Outcome.Payload()), d.TaskToken.Reveal())
	case d.Unreadable != nil && !errors.Is(d.Unreadable, relay.ErrSealed):
		t.Errorf("unreadable: %v", d.Unreadable)
	}
}

// Whatever the hash of a callback contains, the callback is shown or refused, and
// never taken for a missing one.
func FuzzView(f *testing.F) {
	for _, lines := range []string{
		"pending\n1000 2000 @spec", "delivered\n1000 2000 @spec\nsuccess\n\n0\n1500\n1\n\n\n1\n1600",
		"answered\n1000 2000 @spec\nfailure\nCallback.Expired\nexpiry\n2000\n0\n\nThrottlingException\n0",
		"nil", "", "pending", "pending\n1000 2000", "pending\n1000 2000 {}", "pending\n1000 2000 null", "pending\n\n", "x\nx y z",
		"pending\n9999999999999999999 -1 @spec", "answered\n1 2 @spec\nsuccess\n\n7\nx\nx", "answered\n1 2 @spec\nsuccess\n\n256", "answered\n1 2 @spec\nsuccess\n\n-1",
		`pending` + "\n" + `1 2 {"links":[["a"],["b","c","d"],null],"tags":{"a":"b"}}`, `pending` + "\n" + `1 2 {"links":1}`,
		`pending` + "\n" + `1 2 {"links":[[],null]}`, `pending` + "\n" + `1 2 {"links":[["a","webhook"]],"added":[["b","webhook"],["a","heartbeat"]]}`, "int 1\nfloat 2\nlist x",
	} {
		f.Add(lines, 1000.0)
	}
	f.Add("short\n1 2 @spec", 0.0)
	f.Add("answered\n1 2 @spec\nsuccess", math.NaN())
	f.Add("answered\n1 2 @spec\nsuccess", math.Inf(1))
	b := newBench(f, Durability{})
	f.Fuzz(func(t *testing.T, lines string, score float64) {
		values := b.fieldsOf(lines)
		if strings.HasPrefix(lines, "short\n") {
			values = b.list(lines)
		}
		b.redis.fields, b.redis.score = values, score
		cb, err := b.Get(t.Context(), b.link.ID)
		switch {
		case len(values) != len(viewFields):
			if !errors.Is(err, relay.ErrUnavailable) {
				t.Errorf("%d values: %v", len(values), err)
			}
		case values[0] == nil:
			if !errors.Is(err, relay.ErrNotFound) {
				t.Errorf("no callback: %v", err)
			}
		case err != nil:
			if !errors.Is(err, relay.ErrUnavailable) || isDefinite(err) {
				t.Errorf("%q: %v", lines, err)
			}
		default:
			if state, _ := values[0].(string); cb.ID != b.link.ID || string(cb.State) != state || (cb.Outcome == nil) != (cb.Delivery == nil) {
				t.Errorf("%q is seen as %+v", lines, cb)
			}
			names := map[string]bool{}
			for i, link := range cb.Links { // the newest link of each name
				if names[link.Name] || i > 0 && link.Number <= cb.Links[i-1].Number && len(cb.Links) <= relay.MaxLinkNumbers {
					t.Errorf("link %d is named %q and has the number %d", i, link.Name, link.Number)
				}
				names[link.Name] = true
			}
		}
	})
}

// Whatever the sets contain, a list ends, and shows exactly what they contain. A
// cursor that no list has made is refused, and not quoted.
func FuzzList(f *testing.F) {
	b := newBench(f, Durability{})
	id := b.words["@id"]
	for _, cursor := range []string{"", "1000-" + id, "created-1000-" + id, "created--1-" + id, "created-+5-" + id, "created-007-" + id, "created-9223372036854775807-" + id,
		"1000", "-", "x-y", "1000-" + strings.ToUpper(id), "1000-" + id + "-", "due-1000-" + id, "created-NaN-" + id, "created-inf-" + id, "created-1e3-" + id, "created-1_0-" + id} {
		f.Add(cursor, id+"\nother\n", 1000.0)
	}
	f.Add("", "", math.NaN())
	f.Add("5-"+id, id, math.Inf(-1))
	f.Fuzz(func(t *testing.T, cursor, members string, score float64) {
		b.redis.fields = b.fieldsOf("pending\n1000 2000 @spec")
		b.redis.sets = nil
		for member := range strings.SplitSeq(members, "\n") {
			b.redis.sets = append(b.redis.sets, redis.Z{Member: member, Score: score})
		}
		page, err := b.List(t.Context(), relay.Query{Limit: 3, Cursor: cursor})
		if err != nil {
			if wrong := (*relay.InvalidFieldError)(nil); !errors.As(err, &wrong) || wrong.Field != "cursor" || !strings.HasPrefix(wrong.Problem, "is not a cursor that this list returned") {
				t.Errorf("%q: %v", cursor, err)
			}
			return
		}
		for _, cb := range page.Callbacks {
			if !slices.ContainsFunc(b.redis.sets, func(z redis.Z) bool { return z.Member == string(cb.ID) }) {
				t.Errorf("%s is in no set", cb.ID)
			}
		}
		for _, text := range []string{cursor, page.Next} {
			if text == "" || strings.HasPrefix(text, "-") {
				continue // the relay writes no time before 1970
			}
			o, p, err := parseCursor(text, "")
			if _, again, againErr := parseCursor(o.cursor(p), ""); err != nil || againErr != nil || again.id != p.id || again.score != p.score {
				t.Errorf("%q stands for %v, and that for %v: %v, %v", text, p, again, err, againErr)
			}
		}
	})
}

// Whatever reply a server gives to WAIT or WAITAOF, an answer is acknowledged only
// if the reply says that there are enough copies.
func FuzzCopies(f *testing.F) {
	for _, lines := range []string{"", "nil", "int 0", "int 1", "int 2", "int -1", "1", "int 1\nint 1", "int 0\nint 1", "int 1\nint 0", "int 1\nint 1\nint 1", "OK", "float 1"} {
		f.Add(true, false, lines)
		f.Add(false, false, lines)
		f.Add(false, true, lines)
	}
	f.Fuzz(func(t *testing.T, single, aof bool, lines string) {
		d := Durability{Replicas: 1}
		if aof {
			d = Durability{AOF: true, Local: 1, Replicas: 1}
		}
		b := newBench(t, d)
		b.redis.script = b.list("verdict\nrecorded\nattempts\n1\ntaskToken\n@task")
		list := b.list(lines)
		b.redis.copies = list
		if single {
			b.redis.copies = list[0]
		}
		number := func(i int) int64 { // the client reads numbers from texts too
			switch v := list[i].(type) {
			case int64:
				return v
			case string:
				n, _ := strconv.ParseInt(v, 10, 64)
				return n
			}
			return 0
		}
		enough := single && !aof && number(0) >= 1
		if aof && !single && len(list) == 2 {
			enough = number(0) >= 1 && number(1) >= 1
		}
		got, err := b.Answer(t.Context(), b.link, answered, nil)
		if (err == nil) != enough || err != nil && !errors.Is(err, relay.ErrUnavailable) {
			t.Errorf("answer: %+v, %v, after %q", got, err, lines)
		}
	})
}
