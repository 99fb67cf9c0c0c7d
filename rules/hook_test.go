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
		"a condition":       {"", "body.id", `{"id":true,"type":"a"}`, rules.HookEvent{Event: rules.Event{ID: "e1", Type: "a"}, Accepted: true}, "key: "},
		"an optional one":   {"", "body.?id", `{"id":false,"type":"a"}`, rules.HookEvent{Event: rules.Event{ID: "e1", Type: "a"}, Accepted: true}, "key: "},
		"a type of truth":   {"event.type == 'true'", "body.id", `{"id":"1","type":true}`, rules.HookEvent{Event: rules.Event{ID: "e1", Type: "true"}, Accepted: true, Key: "1"}, ""},
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

// A registration's key and that of an event agree on every number, however it is written.
func TestKeysOfNumbers(t *testing.T) {
	hook, err := rules.CompileHook(rules.HookSource{Key: "body.id"})
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("é", rules.MaxEventChars)
	for value, want := range map[string]string{ // "" for none
		`42`: "42", `42.0`: "42", `4.2e1`: "42", `1e3`: "1000", `-7`: "-7", `0`: "0", `-0`: "0", `-0.0`: "0", `"42.0"`: "42.0", `" 42"`: " 42",
		`9007199254740991.0`: "9007199254740991", `9007199254740993`: "9007199254740993", `18446744073709551615`: "18446744073709551615",
		`9007199254740993.0`: "", `1e17`: "", `18446744073709551616`: "", `1.5`: "", `1e400`: "", `1e-400`: "0", `{"a":1}`: "", `[1]`: "", `true`: "", `false`: "",
		`"pi_\u0033N"`: "pi_3N", `"` + long + `"`: long, `"` + long + `x"`: rules.Key(long + "x"),
	} {
		event, eventErr := hook.Judge(rules.Post{JSON: []byte(`{"id":` + value + `}`)})
		if event.Key != want || (eventErr == nil) != (want != "") {
			t.Errorf("an event about %.40s has the key %q (%v), want %q", value, event.Key, eventErr, want)
		}
		if key, ok := rules.KeyOf([]byte(value)); ok != (want != "") || ok && key != want {
			t.Errorf("a registration for %.40s has the key %q (%v), want %q", value, key, ok, want)
		}
	}
	if rules.Key(long) != long || rules.Key(long+"x") == long+"x" || rules.Key(long+"x") == rules.Key(long+"y") {
		t.Error("long keys are not told apart by their digests")
	}
	for _, value := range []string{`null`, ``, `x`} { // an event about null is about nothing
		if key, ok := rules.KeyOf([]byte(value)); ok {
			t.Errorf("a registration for %q has the key %q", value, key)
		}
	}
}

// A hook reports every mistake at once, each with its place.
func TestMistakesInHooks(t *testing.T) {
	_, err := rules.CompileHook(rules.HookSource{Event: rules.EventSpec{ID: "body..", Type: "nobody"}, Accept: "'text'", Key: "vars.sid"})
	for _, want := range []string{"event.id is not valid, at line 1", "event.type is not valid, at line 1", "accept must be a condition", "key is not valid, at line 1", "there is no vars.sid: there are none here, since only a registration gives vars"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in: %v", want, err)
		}
	}
	if _, err := rules.CompileHook(rules.HookSource{}); err == nil || !strings.Contains(err.Error(), "key is missing") {
		t.Errorf("without a key: %v", err)
	}
}

// A key is one text or number. What cannot be one is refused before the first event comes.
func TestKeysThatAreNone(t *testing.T) {
	const condition = "key is a condition, which is true or false: did you mean accept? A key is a text or a whole number, such as body.data.object.id"
	for key, want := range map[string]string{
		"body.id == 1":                condition,
		"has(body.id)":                condition,
		"body.a == 1 && body.b == 2":  condition,
		"true":                        condition,
		"optional.of(body.id == 'x')": condition,
		"body.map(e, e.id)":           "key is of the type list(dyn), but an event has one key: a text or a whole number, such as body.data.object.id",
		"[body.a, body.b]":            "key is of the type list(dyn), but an event has one key",
		"{'id': body.id}":             "key is of the type map(string, dyn), but an event has one key",
		"1.5":                         "key is of the type double, but an event has one key",
		"body.id":                     "", "body.?id": "", "string(body.id)": "", "int(body.id)": "", "event.type + body.id": "", "body.?id.orValue('')": "",
	} {
		_, err := rules.CompileHook(rules.HookSource{Key: key})
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", key, err, want)
		}
	}
}
