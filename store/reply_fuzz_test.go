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

// anything is a Redis that answers every command at once, and scripts with
// whatever it was told to.
type anything struct {
	script any       // what a script returns; an error is one
	copies any       // what WAIT and WAITAOF return
	ripe   any       // what ripe.lua returns
	fields []any     // of a hash
	score  float64   // in a sorted set
	sets   []redis.Z // what a range holds
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
		if cmd.Args()[1] == ripeScript.Hash() {
			reply = a.ripe
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
	case *redis.ZSliceCmd:
		cmd.SetVal(a.sets)
	case *redis.ScanCmd:
		var page []string
		for _, z := range a.sets {
			page = append(page, fmt.Sprint(z.Member), strconv.FormatFloat(z.Score, 'g', -1, 64))
		}
		cmd.SetVal(page, 0)
	}
	return nil
}

// bench is a store on such a Redis, and what its replies are made of.
type bench struct {
	*Store
	redis *anything
	link  relay.LinkRef
	words map[string]string // what a reply of the fuzzer can name and not guess
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
	if d.waits() { // that client has hooks of its own
		patient, err := b.primaryOf(context.Background(), callbackKey(id))
		if err != nil {
			t.Fatal(err)
		}
		patient.AddHook(b.redis)
	}
	key := keys.LinkKey(id, relay.Link{LinkKind: relay.LinkKind{Type: relay.LinkWebhook}}, "k1")
	if b.link, err = keys.Resolve(key.Reveal(), []relay.LinkKind{{Type: relay.LinkWebhook}}); err != nil {
		t.Fatal(err)
	}
	b.words = map[string]string{
		"@digest":  b.link.Digest(answered),
		"@task":    string(keys.Seal(id, taskTokenField, []byte("task"))),
		"@outcome": string(keys.Seal(id, outcomeField, answered.Output)),
		"@id":      string(id),
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

// fieldsOf reads the values of viewFields as list does, as many as HMGET is
// asked for.
func (b *bench) fieldsOf(lines string) []any {
	return append(b.list(lines), make([]any, len(viewFields))...)[:len(viewFields)]
}

// definite are the errors after which a sender gives up.
var definite = []error{
	relay.ErrNotFound, relay.ErrAlreadyAnswered, relay.ErrExpired, relay.ErrCancelled, relay.ErrTaskClosed,
	relay.ErrRefused, relay.ErrSettingsDiffer,
}

func isDefinite(err error) bool {
	return slices.ContainsFunc(definite, func(d error) bool { return errors.Is(err, d) })
}

// Whatever a server answers a script with, nothing is taken for done, and no
// sender is turned away for good, unless the script has said so: anything else
// is trouble with Redis.
func FuzzReplies(f *testing.F) {
	for _, lines := range []string{
		"recorded\n1\n1\n0\n1000\n2000\n2000\n@task", "recorded", "recorded\n1\n1\n0\n1000\n2000\n2000\n@outcome", "recorded\nx\n-1\n9999999999999999999",
		"state\nanswered\n@digest\n0\n", "state\ndelivered\n@digest\n0\n", "state\nrefused\n@digest\n0\nTaskTimedOut", "state\nanswered\n@digest\nexpiry\n",
		"state\nbanana\n@digest\n0\n", "state\npending\n@digest\n0\n", "state\nanswered\nother\n0\n", "state\nexpired\n\n\n", "state\ncancelled\n\n\n", "state\nrefused\n\n\nInvalidOutput", "state\npending", "state",
		"state\n\n\nexpiry", "overdue", "missing", "", "nil", "OK", "int 1", "float 1.5", "list recorded", "recorded\nint 1", "waiting\n@task",
		"waiting", "waiting\ntask", "done", "created\n1000\n2000", "created", "exists", "past", "far", "settled", "stale", "taken", "gone",
		"claimed\n2\n2\n1\n1000\n2000\n3000\n@task\nsuccess\n\n@outcome", "claimed", "claimed\n2\n2\n1\n1000\n2000\n3000\n@task\nfailure\nE\n@task",
		"live\n3", "live", "live\n-1", "failed", "ignored", "not due", "@id\n1000", "@id", "@id\nNaN\n@id\n-Inf", "trimmed",
	} {
		for kind := range uint8(5) {
			f.Add(kind, lines)
		}
	}
	b := newBench(f, Durability{})
	f.Fuzz(func(t *testing.T, kind uint8, lines string) {
		ctx := t.Context()
		b.redis.fields = b.fieldsOf("delivered\n1000 2000 @spec\nsuccess\n\n0\n1500\n1\n\n\n1\n1600")
		b.redis.sets = []redis.Z{{Score: 1000, Member: b.words["@id"]}}
		reply := b.list(lines)
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
		text := func(i int) string {
			if i >= len(reply) {
				return ""
			}
			s, _ := reply[i].(string)
			return s
		}
		// A reply that holds anything but texts is none.
		if slices.ContainsFunc(reply, func(v any) bool { _, ok := v.(string); return !ok && v != nil }) {
			reply = nil
		}
		said := func(verdicts ...string) bool { return len(reply) > 0 && slices.Contains(verdicts, text(0)) }

		check := func(op string, err error, ok, final bool) {
			t.Helper()
			switch {
			case err == nil && !ok:
				t.Errorf("%s: done, after %q", op, lines)
			case err != nil && !isDefinite(err) && !errors.Is(err, relay.ErrUnavailable) && !errors.As(err, new(*relay.InvalidFieldError)):
				t.Errorf("%s: an error that nobody knows: %v", op, err)
			case isDefinite(err) && !final:
				t.Errorf("%s: %v for good, after %q", op, err, lines)
			}
		}

		recorded, err := b.Answer(ctx, b.link, answered)
		repeated := said("state") && text(2) == b.words["@digest"] && slices.Contains([]string{"answered", "delivered"}, text(1))
		check("answer", err, said("recorded") || repeated, said("missing", "overdue", "state"))
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

		task, _, err := b.Waiting(ctx, b.link)
		check("waiting", err, said("waiting"), said("missing", "overdue", "state"))
		if err == nil != (task.Reveal() == "task") {
			t.Errorf("waiting: %q, %v", task.Reveal(), err)
		}

		_, err = b.Cancel(ctx, b.link.ID)
		check("cancel", err, said("done"), said("missing", "overdue", "state"))

		reg := relay.Registration{TaskToken: "task", OnExpiry: "fail", Expires: relay.Expires{In: time.Hour}, Links: map[string]relay.LinkRequest{"default": {LinkKind: relay.LinkKind{Type: "webhook"}}}}
		_, created, err := b.Create(ctx, reg, 24*time.Hour)
		check("create", err, said("created", "exists"), false)
		if created != (err == nil && said("created")) {
			t.Errorf("create: created %v after %q", created, lines)
		}

		held, err := b.Settle(ctx, relay.Delivery{ID: b.link.ID, Fence: 1}, relay.Settlement{State: relay.StateDelivered})
		check("settle", err, held && said("settled") || !held && said("stale"), false)

		// Once as what becomes of a callback that is due, once as what is due.
		for _, ripe := range []any{[]any{b.words["@id"], "1000"}, b.redis.script} {
			b.redis.ripe = ripe
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
		check("census", err, census == (relay.Census{}) || said("counted"), false)
		live, err := b.Beat(ctx, "r1", time.Second)
		check("beat", err, said("live") && live > 0, false)
	})
}

// undamaged checks that a delivery which says that it can be read holds what
// was sealed, and one that cannot holds nothing to send.
func undamaged(t *testing.T, d relay.Delivery) {
	t.Helper()
	switch {
	case d.Unreadable == nil && (d.TaskToken.Reveal() != "task" || !bytes.Equal(d.Outcome.Payload(), answered.Output)):
		t.Errorf("a delivery of %q for %q", []byte(d.Outcome.Payload()), d.TaskToken.Reveal())
	case d.Unreadable != nil && !errors.Is(d.Unreadable, relay.ErrSealed):
		t.Errorf("unreadable: %v", d.Unreadable)
	}
}

// Whatever the hash of a callback holds, it is shown or refused, and never
// taken for one that is not there.
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
			for i, link := range cb.Links { // of each name the last one
				if names[link.Name] || i > 0 && link.Number <= cb.Links[i-1].Number && len(cb.Links) <= relay.MaxLinkNumbers {
					t.Errorf("link %d is named %q and has the number %d", i, link.Name, link.Number)
				}
				names[link.Name] = true
			}
		}
	})
}

// Whatever the sets hold, a list ends, and shows what they hold and nothing
// else; a cursor from outside is one that a list made, or refused unquoted.
func FuzzList(f *testing.F) {
	b := newBench(f, Durability{})
	id := b.words["@id"]
	for _, cursor := range []string{"", "1000-" + id, "-1-" + id, "+5-" + id, "007-" + id, "9223372036854775807-" + id, "9223372036854775808-" + id,
		"1000", "-", "x-y", "1000-" + strings.ToUpper(id), "1000-" + id + "-", "1e3-" + id, "1_0-" + id} {
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
			if wrong := (*relay.InvalidFieldError)(nil); !errors.As(err, &wrong) || wrong.Field != "cursor" || wrong.Problem != "is not one that a list returned" {
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
				continue // a time before 1970 is none of ours
			}
			p, err := parseCursor(text)
			if again, againErr := parseCursor(p.cursor()); err != nil || againErr != nil || again != p {
				t.Errorf("%q stands for %v, and that for %v: %v, %v", text, p, again, err, againErr)
			}
		}
	})
}

// Whatever a server answers a WAIT or a WAITAOF with, an answer is acknowledged
// only if that says that there are enough copies.
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
		b.redis.script = b.list("recorded\n1\n1\n0\n1000\n2000\n2000\n@task")
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
		got, err := b.Answer(t.Context(), b.link, answered)
		if (err == nil) != enough || err != nil && !errors.Is(err, relay.ErrUnavailable) {
			t.Errorf("answer: %+v, %v, after %q", got, err, lines)
		}
	})
}
