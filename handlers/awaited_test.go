package handlers_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"callback-relay/relay"
)

// missing are configured senders, and who was missed among them.
type missing struct {
	configured
	names *[]string
}

func (m missing) Missed(name string) { *m.names = append(*m.names, name) }

// Row 113: a post to a hook that has left the configuration file gets 503 while somebody
// awaits its events, so that its sender repeats it, and the operator is told. Nothing is read
// for it.
func TestHookThatHasLeftTheFile(t *testing.T) {
	var missed []string
	var all hooks
	n := start(t, hooked(t), func(s *setup) {
		all = s.service.Hooks.(hooks)
		s.service.Senders = missing{configured{}, &missed}
	})
	const event = `{"event":"e1","type":"paid","id":"k"}`
	k := n.await("pay", "k")
	pay := all["pay"]
	delete(all, "pay")
	delete(all, "open")

	commands := n.redis.CommandCount()
	for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodOptions, http.MethodPut} {
		missed = nil
		got := n.do(method, "http://"+n.public+n.hook("pay"), event)
		got.isProblem(http.StatusServiceUnavailable, "unavailable")
		if got.header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", method)
		}
		if !slices.Equal(missed, []string{"pay"}) {
			t.Errorf("%s: missed are %q", method, missed)
		}
	}
	w := n.open(n.hook("pay"), "", jsonType, "Content-Length: 1000", "Expect: 100-continue")
	w.answer().isProblem(http.StatusServiceUnavailable, "unavailable") // a "100 Continue" would come first
	missed = nil
	n.post(n.hook("open"), "application/json", event).isProblem(http.StatusNotFound, "not-found")
	n.post("/h/"+strings.Repeat("a", relay.HookKeyChars), "application/json", event).isProblem(http.StatusNotFound, "not-found")
	if len(missed) > 0 {
		t.Errorf("of hooks that nobody awaits, missed are %q", missed)
	}
	if now := n.redis.CommandCount(); now != commands {
		t.Errorf("%d commands to Redis", now-commands)
	}
	if got := n.awaiting("pay:k"); len(got) != 1 {
		t.Errorf("%q wait", got)
	}
	if got := k.got(); len(got) > 0 {
		t.Errorf("the task got %q", got)
	}

	all["pay"] = pay
	n.pay(event).says("matched", "")
	k.gets(event)
}
