package rules_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"callback-relay/rules"
)

func TestHooks(t *testing.T) {
	event := rules.EventSpec{ID: "headers['x-event-id']", Type: "body.type"}
	for name, c := range map[string]struct {
		accept, key, body string
		want              rules.HookEvent
		failed            string // part of the error
	}{
		"a text":            {"", "body.id", `{"id":"pi_3N","type":"a"}`, rules.HookEvent{Event: rules.Event{ID: "e1", Type: "a"}, Accepted: true, Key: "pi_3N"}, ""},
		"a number":          {"", "body.id", `{"id":9007199254740993,"type":"a"}`, rules.HookEvent{Event: rules.Event{ID: "e1", Type: "a"}, Accepted: true, Key: "9007199254740993"}, ""},
		"by its type":       {"event.type == 'a'", "event.type + body.id", `{"id":"1","type":"a"}`, rules.HookEvent{Event: rules.Event{ID: "e1", Type: "a"}, Accepted: true, Key: "a1"}, ""},
		"not accepted":      {"event.type == 'b'", "1 / body.zero", `{"zero":0,"type":"a"}`, rules.HookEvent{Event: rules.Event{ID: "e1", Type: "a"}}, ""},
		"nothing to accept": {"body.state == 'done'", "body.id", `{"id":"1"}`, rules.HookEvent{Event: rules.Event{ID: "e1"}}, ""},
		"about nothing":     {"", "body.id", `{"type":"a"}`, rules.HookEvent{Event: rules.Event{ID: "e1", Type: "a"}, Accepted: true}, ""},
		"no text":           {"", "body.id", `{"id":[1]}`, rules.HookEvent{Event: rules.Event{ID: "e1"}, Accepted: true}, "key: "},
		"a half number":     {"", "body.id", `{"id":1.5}`, rules.HookEvent{Event: rules.Event{ID: "e1"}, Accepted: true}, "key: "},
		"accept fails":      {"body.a > 1", "body.id", `{"a":"x","id":"1"}`, rules.HookEvent{Event: rules.Event{ID: "e1"}}, "accept: "},
	} {
		hook, err := rules.CompileHook(rules.HookSource{Event: event, Accept: c.accept, Key: c.key})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := hook.Judge(rules.Post{JSON: []byte(c.body), Header: http.Header{"X-Event-Id": {"e1"}}})
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
		if failed := (*rules.FailedError)(nil); c.failed == "" && err != nil || c.failed != "" && (!errors.As(err, &failed) || !strings.HasPrefix(failed.Detail, c.failed)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A hook reports every mistake at once, each with its place.
func TestMistakesInHooks(t *testing.T) {
	_, err := rules.CompileHook(rules.HookSource{Event: rules.EventSpec{ID: "body..", Type: "nobody"}, Accept: "'text'", Key: "vars.sid"})
	for _, want := range []string{"event.id is not valid, at line 1", "event.type is not valid, at line 1", "accept must be a condition", "key is not valid, at line 1", "there is no vars.sid"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in: %v", want, err)
		}
	}
	if _, err := rules.CompileHook(rules.HookSource{}); err == nil || !strings.Contains(err.Error(), "key is missing") {
		t.Errorf("without a key: %v", err)
	}
}
