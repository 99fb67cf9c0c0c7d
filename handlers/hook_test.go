package handlers_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"callback-relay/api"
	"callback-relay/relay"
	"callback-relay/rules"
	"callback-relay/senders"
	"callback-relay/stepfunctions/standin"
)

// hooks are hooks of a configuration file.
type hooks map[string]relay.Hook

func (h hooks) Hook(name string) (relay.Hook, bool) {
	hook, found := h[name]
	return hook, found
}

func (h hooks) Hooks() []relay.Hook {
	var all []relay.Hook
	for _, hook := range h {
		all = append(all, hook)
	}
	slices.SortFunc(all, func(a, b relay.Hook) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// hookSecret is what the sender of the hook "pay" posts.
const hookSecret = "CANARY of more than sixteen characters"

// hooked gives a node hooks: "pay" has a proof, "open" has none, and the others are given.
func hooked(t *testing.T, others ...relay.Hook) func(*setup) {
	t.Helper()
	event := rules.EventSpec{ID: "body.event", Type: "body.type"}
	proven := hookOf(t, "pay", senders.Spec{Preset: "header-secret", Secrets: []string{hookSecret}, Event: &event})
	open := hookOf(t, "open", senders.Spec{Event: &event})
	all := hooks{"pay": proven, "open": open}
	for _, hook := range others {
		all[hook.Name] = hook
	}
	return func(s *setup) { s.service.Hooks = all }
}

// hookOf makes a hook, whose events are about body.id. Without a preset, everybody may post.
func hookOf(t *testing.T, name string, spec senders.Spec) relay.Hook {
	t.Helper()
	hook := relay.Hook{Name: name, Keep: time.Hour}
	source := rules.HookSource{Accept: "event.type != 'noise'", Key: "body.id"}
	if spec.Event != nil {
		source.Event = *spec.Event
	}
	var err error
	if spec.Preset != "" {
		hook.Sender, err = senders.New(spec)
		must(t, err)
		source.Event = hook.Sender.Event()
	}
	hook.Rule, err = rules.CompileHook(source)
	must(t, err)
	return hook
}

// anything is the rule of a hook at which every event is about the same.
func anything(t *testing.T, sender *senders.Sender) *rules.Hook {
	t.Helper()
	rule, err := rules.CompileHook(rules.HookSource{Event: sender.Event(), Key: "'k'"})
	must(t, err)
	return rule
}

// hook is where a hook is served.
func (n *node) hook(name string) string {
	return strings.TrimPrefix(n.service.HookURL(name), "https://relay.example.com")
}

// pay posts an event to the hook that has a proof.
func (n *node) pay(body string) answer {
	n.t.Helper()
	return n.post(n.hook("pay"), "application/json", body, "X-Callback-Secret", hookSecret)
}

// says checks the answer to an event.
func (a answer) says(status, reason string) {
	a.t.Helper()
	a.is(http.StatusOK)
	var got api.EventResponse
	if a.decode(&got); got.Status != status || got.Reason != reason {
		a.t.Errorf("the answer is %s, want %s %q", a.body, status, reason)
	}
}

// await starts a task that awaits a key at a sender.
func (n *node) await(sender, key string) task {
	n.t.Helper()
	k := task{n: n, taskToken: n.aws.NewTask(standin.TaskOptions{})}
	_, _, err := n.service.Create(context.WithoutCancel(n.t.Context()), relay.Registration{
		TaskToken: relay.TaskToken(k.taskToken), Awaits: map[string]relay.Guard{"done": {Sender: sender, Key: key, Otherwise: rules.Succeed}},
	})
	must(n.t, err)
	return k
}

// Row 105 over HTTP: events reach the task that awaits their key, whichever is first.
func TestHook(t *testing.T) {
	n := start(t, hooked(t))
	early, late := `{"event":"e1","type":"paid","id":"k1"}`, `{"event":"e2","type":"paid","id":2}`
	n.pay(early).says(api.EventKept, "")
	n.await("pay", "k1").gets(early)
	k := n.await("pay", "2")
	n.pay(late).says(api.EventMatched, "")
	n.pay(late).says(api.EventDuplicate, "")
	k.gets(late)

	n.pay(`{"event":"e3","type":"noise","id":"k"}`).says(api.EventIgnored, relay.ReasonNotAccepted)
	n.pay(`{"event":"e4","type":"paid"}`).says(api.EventIgnored, relay.ReasonNoKey)
	n.pay(`{"event":"e5","type":"paid","id":[]}`).says(api.EventIgnored, relay.NoteFailedRule)
	n.pay(`{"event":`).says(api.EventIgnored, relay.NoteUnsupported)
	n.post(n.hook("open"), "application/json", `{"event":"e1","type":"paid","id":"k1"}`).says(api.EventKept, "")
	if log := n.log.String(); strings.Contains(log, hookSecret) || strings.Contains(log, "k1") || strings.Contains(log, n.hook("pay")) {
		t.Errorf("the log shows a secret, a payload or a URL:\n%s", log)
	}
}

// Row 99 at a hook: what is not proven gets 401, and nothing is stored or shown.
func TestHookIsUnproven(t *testing.T) {
	n := start(t, hooked(t))
	stored := n.redis.Dump()
	for _, secret := range []string{"", "x", hookSecret[1:], hookSecret + "x"} {
		got := n.post(n.hook("pay"), "application/json", `{"event":"e1","type":"paid","id":"hunter2"}`, "X-Callback-Secret", secret)
		got.isProblem(http.StatusUnauthorized, "unproven")
		if got.header.Get("WWW-Authenticate") != "Signature" || strings.Contains(string(got.body), "hunter2") {
			t.Errorf("%v %s", got.header, got.body)
		}
	}
	if n.redis.Dump() != stored {
		t.Error("something was stored")
	}
	if !n.metrics.told("unproven pay signature") && !n.metrics.told("unproven pay missing") {
		t.Error("it is not counted")
	}
}

// A hook is served below the path of the public URL, and at the root for proxies that
// remove it. A URL that a person or a mail program has damaged works.
func TestHookURLs(t *testing.T) {
	n := start(t, hooked(t), func(s *setup) {
		s.service.PublicURL = &url.URL{Scheme: "https", Host: "relay.example.com", Path: "/base"}
	})
	whole := n.hook("open")
	key, below := strings.CutPrefix(whole, "/base/h/")
	if !below || len(key) != relay.HookKeyChars {
		t.Fatalf("the hook is at %s", whole)
	}
	const event = `{"id":"k","type":"paid","event":"1"}`
	n.post(whole, "application/json", event).says(api.EventKept, "")
	for _, path := range []string{
		"/h/" + key, "/base/h/" + strings.ToUpper(key), "/BASE/H/" + key, "//base//h//" + key, "/h/" + key + ".", "/h/%3C" + key + "%3E", "/base/h/" + key + "%20", "/h/" + key + "?n=1",
	} {
		n.post(path, "application/json", event).says(api.EventDuplicate, "")
	}
	for _, path := range []string{
		"/h/", "/h", "/base/h/", "/h/" + key[1:], "/h/" + key + "a", "/h/" + key + "/x", "/c/" + key, "/a/" + key, "/h/x/../" + key, "/other/h/" + key,
	} {
		n.post(path, "application/json", event).isProblem(http.StatusNotFound, "not-found")
	}
}

// A forged key, or a key of something else, costs arithmetic only: the body is not asked
// for, Redis is not asked, and many of them get 429.
func TestForgedHookKeys(t *testing.T) {
	n := start(t, hooked(t))
	key := strings.TrimPrefix(n.hook("open"), "/h/")
	gone := strings.TrimPrefix(n.hook("gone"), "/h/")
	link := strings.TrimPrefix(n.register().path("default"), "/c/")
	commands := n.redis.CommandCount()
	for _, forged := range []string{"b" + key[1:], "a" + key[1:], key[:51] + "b", key[:51] + "q", strings.Repeat("a", 52), gone, link, "%00" + key[1:], "\u212a"} {
		if forged == key {
			continue
		}
		w := n.open("/h/"+url.PathEscape(forged), "", jsonType, "Content-Length: 1000", "Expect: 100-continue")
		w.answer().isProblem(http.StatusNotFound, "not-found") // a "100 Continue" would come first
	}
	n.post("/c/"+key, "application/json", "{}").isProblem(http.StatusNotFound, "not-found")
	if now := n.redis.CommandCount(); now != commands {
		t.Errorf("%d commands to Redis", now-commands)
	}
	limited := 0
	for range 400 {
		if n.post("/h/"+strings.Repeat("a", 52), "application/json", "{}").status == http.StatusTooManyRequests {
			limited++
		}
	}
	if limited == 0 {
		t.Error("a flood of forged keys is answered with 404 without an end")
	}
	n.post("/h/"+key, "application/json", `{"id":"k","event":"1","type":"paid"}`).says(api.EventKept, "")
}

// Proven events over their limit are acknowledged and ignored, so that no sender switches
// the URL off. Bodies over the limit of links are refused before they are asked for, whoever
// posts: what is not whole cannot be proven.
func TestHookBodies(t *testing.T) {
	n := start(t, hooked(t))
	padded := func(bytes int) string {
		const first, last = `{"event":"e1","type":"paid","id":"k","pad":"`, `"}`
		return first + strings.Repeat("x", bytes-len(first)-len(last)) + last
	}
	most := padded(relay.MaxEventBytes)
	n.post(n.hook("open"), "application/json", most).says(api.EventKept, "")
	n.postInChunks(n.hook("open"), "application/json", most).says(api.EventDuplicate, "")

	more, limit := padded(relay.MaxEventBytes+1), 1<<20
	n.post(n.hook("pay"), "application/json", more).isProblem(http.StatusUnauthorized, "unproven")
	n.pay(more).says(api.EventIgnored, "too-large")
	n.pay(padded(limit)).says(api.EventIgnored, "too-large")
	for name, got := range map[string]answer{
		"declared":           n.post(n.hook("pay"), "application/json", padded(limit+1)),
		"in chunks":          n.postInChunks(n.hook("pay"), "application/json", padded(limit+1)),
		"proven":             n.pay(padded(limit + 1)),
		"declared, not sent": n.open(n.hook("pay"), "", jsonType, "Content-Length: 9999999", "Expect: 100-continue").answer(),
	} {
		if p := got.isProblem(http.StatusRequestEntityTooLarge, "too-large"); number(p.LimitBytes) != int64(limit) {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if logged := strings.Count(n.log.String(), `"verdict":"too-large"`); logged != 4 {
		t.Errorf("%d posts are logged as too large, want 4", logged)
	}
	w := n.open(n.hook("open"), `{"id"`, jsonType, "Content-Length: 100")
	must(t, w.Close())
	n.open(n.hook("open"), "5\r\n{\"id\"\r\nz\r\n", jsonType, "Transfer-Encoding: chunked").answer().isProblem(http.StatusBadRequest, "invalid-body")
	n.await("open", "k").gets(most)
}

// One hook cannot take all the room: while as many posts to it hang as there may be, links
// and other hooks are served, and more posts to it get 503.
func TestOneHookTakesNoMoreThanItsPart(t *testing.T) {
	n := start(t, hooked(t), func(s *setup) { s.requests = 32 })
	k := n.register()
	for range 32 / 4 {
		n.open(n.hook("pay"), "", jsonType, "Transfer-Encoding: chunked", "Expect: 100-continue").continues()
	}
	got := n.pay(`{"event":"e1","type":"paid","id":"k"}`)
	got.isProblem(http.StatusServiceUnavailable, "overloaded")
	if got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	n.post(n.hook("open"), "application/json", `{"event":"e1","type":"paid","id":"k"}`).says(api.EventKept, "")
	k.unharmed()
}

// The bytes that one hook may take are bounded, too.
func TestOneHookTakesNoMoreThanItsPartOfBytes(t *testing.T) {
	const body = 100_000
	n := start(t, hooked(t), limited, func(s *setup) { s.inFlight = 4 * 2 * body })
	k := n.register()
	for range 2 { // nearly all of the hook's part
		w := n.open(n.hook("pay"), "", jsonType, "Content-Length: 100000", "Expect: 100-continue")
		w.continues()
		w.write(strings.Repeat(" ", body-1))
	}
	for began := time.Now(); n.metrics.bytes.Load() < 2*(body-1); time.Sleep(time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			t.Fatal("the bodies do not arrive")
		}
	}
	n.pay(strings.Repeat(" ", body)).isProblem(http.StatusServiceUnavailable, "overloaded")
	k.unharmed()
	n.post(n.hook("open"), "application/json", `{"event":"e1","type":"paid","id":"k"}`).says(api.EventKept, "")
}

// While Redis is away, events get 503, so that their senders try again.
func TestHookWithoutRedis(t *testing.T) {
	n := start(t, hooked(t))
	n.redis.Close()
	got := n.pay(`{"event":"e1","type":"paid","id":"k"}`)
	got.isProblem(http.StatusServiceUnavailable, "unavailable")
	if got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}
