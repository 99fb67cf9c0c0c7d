package handlers_test

import (
	"net/http"
	"strings"
	"testing"

	"callback-relay/api"
	"callback-relay/relay"
)

// TestHalvedCharacters: an escape for half of a surrogate pair would silently become
// U+FFFD in what is stored and shown, so it is refused with the field's name
// (row 85). An output is passed on byte for byte, whatever it escapes.
func TestHalvedCharacters(t *testing.T) {
	n := start(t)
	const task = `{"taskToken":"CANARY",`
	for body, field := range map[string]string{
		`{"taskToken":"CANARY\ud800"}`:                                                                       "taskToken",
		task + `"tags":{"a":"x\udc00"}}`:                                                                     "tags.a",
		task + `"tags":{"a\ud83d":"x"}}`:                                                                     "tags",
		task + `"links":{"a":{"type":"failure","error":"E","cause":"\ud83dx"}}}`:                             "links.a.cause",
		task + `"links":{"a":{"type":"failure","error":"E\uDBFF\ud800"}}}`:                                   "links.a.error",
		task + `"links":{"a":{"type":"webhook","response":{"text":"\ud83d\\ude00"}}}}`:                       "links.a.response.text",
		task + `"links":{"a":{"type":"approval"}},"approval":{"title":"\ude00\ud83d"}}`:                      "approval.title",
		task + `"links":{"a":{"type":"approval"}},"approval":{"details":{"a":"\ud83d"}}}`:                    "approval.details",
		task + `"links":{"a":{"type":"approval"}},"approval":{"fields":{"type":"object","title":"\ud83d"}}}`: "approval.fields",
		task + `"expiresIn":"\ud83d"}`:                                                                       "expiresIn",
	} {
		n.refuses(body, 400, "invalid-request", field)
	}
	k := n.register("tags", `{"a":"\ud83d\ude00 \\ud83d"}`, "links", `{"default":{"type":"success","output":"\ud800"}}`)
	if k.Tags["a"] != `😀 \ud83d` {
		t.Errorf("tag %q", k.Tags["a"])
	}
	n.post(k.path("default"), "application/json", "").is(http.StatusOK)
	k.gets(`"\ud800"`)
}

// A byte order mark, as PowerShell writes one, is ignored, but offsets in errors count it.
func TestByteOrderMark(t *testing.T) {
	n := start(t)
	const mark = "\ufeff"
	var cb api.Callback
	got := n.call("POST", "/v1/callbacks", mark+`{"taskToken":"AQCE"}`)
	got.is(http.StatusCreated)
	got.decode(&cb)
	n.call("PATCH", "/v1/callbacks/"+cb.ID, mark+`{"expiresIn":"1h"}`).is(http.StatusOK)
	n.call("POST", "/v1/callbacks/"+cb.ID+"/links", mark+`{"name":"more","type":"webhook"}`).is(http.StatusCreated)
	for body, offset := range map[string]int64{mark + `{"a":x}`: 8, mark + mark + `{}`: 3, mark: 2} {
		if p := n.call("POST", "/v1/callbacks", body).isProblem(400, "invalid-body"); number(p.Offset) != offset {
			t.Errorf("%q: at %d, want %d", body, number(p.Offset), offset)
		}
	}
}

// TestTaskTokensRefused (row 85): the caller learns what the mistake looks like.
func TestTaskTokensRefused(t *testing.T) {
	n := start(t)
	for token, words := range map[string]string{
		`$$.Task.Token`:                    `"taskToken.$": "$$.Task.Token"`,
		`{% $states.context.Task.Token %}`: `"QueryLanguage": "JSONata"`,
		`\"CANARY\"`:                       `quotation marks`,
		`CANARY\n`:                         `white space at character 7`,
		`\ufeffCANARY`:                     `byte order mark`,
		`CANARY\ud800`:                     `half of a surrogate pair`,
	} {
		got := n.call("POST", "/v1/callbacks", `{"taskToken":"`+token+`"}`)
		if p := got.isProblem(400, "invalid-request"); fields(p) != "taskToken" || !strings.Contains(p.Detail, words) {
			t.Errorf("%s: %s", token, p.Detail)
		}
		if strings.Contains(string(got.body), "CANARY") {
			t.Errorf("repeated in %s", got.body)
		}
	}
}

// TestOutputsThatAWSDoesNotRead (row 84): such outputs are refused with the offset, and the
// link still works. A registration with such an output is refused, too.
func TestOutputsThatAWSDoesNotRead(t *testing.T) {
	n := start(t)
	digits := strings.Repeat("1", relay.MaxNumberChars+1)
	name := strings.Repeat("n", relay.MaxNameChars+1)
	for body, offset := range map[string]int64{
		digits:                        0,
		`{"a": [0, -` + digits + `]}`: 10,
		`{"` + name + `": 1}`:         1,
	} {
		k := n.register()
		if p := k.post("application/json", body).isProblem(400, "invalid-body"); number(p.Offset) != offset {
			t.Errorf("offset %d, want %d", number(p.Offset), offset)
		}
		k.unharmed()
		n.refuses(`{"taskToken":"t","links":{"a":{"type":"success","output":`+body+`}}}`, 400, "invalid-request", "links.a.output")
	}
}
