package rules_test

import (
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"testing"

	"callback-relay/rules"
)

// quoted returns a body with a text in it.
func quoted(t *testing.T, text string) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"Message": text, "n": 5, "list": make([]int, 100)})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// A text in which there is JSON can be read like a body.
func TestParseJSON(t *testing.T) {
	const job = `{"JobId": "j1", "big": 9007199254740993, "huge": 1e999, "Records": [{"s3": {"object": {"key": "a b.pdf"}}}]}`
	for _, c := range []struct{ message, expression, want string }{
		{job, "body.Message.parseJSON().JobId == 'j1'", "match"},
		{job, "body.Message.parseJSON().Records[0].s3.object.key == 'a b.pdf'", "match"},
		{job, "body.Message.parseJSON().big == vars.n", "match"},
		{job, "body.Message.parseJSON().?x.orValue('y') == 'y'", "match"},
		{job, "has(body.Message.parseJSON().JobId)", "match"},
		{` [1, 2] `, "body.Message.parseJSON()[1] == 2", "match"},
		{`"{\"a\":1}"`, "body.Message.parseJSON().parseJSON().a == 1", "match"},
		{`null`, "body.Message.parseJSON() == null", "match"},
		{job, "'{\"a\":1}'.parseJSON().a == 1", "match"},
		{job, "body.Message.parseJSON().JobId == 'j2'", "no"},
		{job, "body.Message.parseJSON().x == 1", "no"},
		{job, "body.x.parseJSON().a == 1", "no"},
		// A text that is not JSON has no members.
		{"The topic is ready.", "body.Message.parseJSON().JobId == 'j1'", "no"},
		{"The topic is ready.", "!(body.Message.parseJSON().JobId == 'j1')", "no"},
		{"", "body.Message.parseJSON() == null", "no"},
		{`{"JobId": "j1"} {"JobId": "j1"}`, "body.Message.parseJSON().JobId == 'j1'", "no"},
		{job + "x", "body.Message.parseJSON().JobId == 'j1' || body.n == 5", "match"},
		{job, "body.n.parseJSON().a == 1", "expression"},
		{job, "body.Message.parseJSON().huge > 1.0", "expression"},
		// What parsing takes is counted, and refused before it is done.
		{"[" + strings.Repeat("1,", 4000) + "1]", "body.Message.parseJSON()[0] == 1", "cost"},
		{`"` + strings.Repeat("a", 200_000) + `"`, "body.Message.parseJSON() == 'a'", "cost"},
		{"[" + strings.Repeat("1,", 500) + "1]", "body.list.all(i, body.Message.parseJSON()[0] == 1)", "cost"},
	} {
		got, err := judge(t, when(c.expression), quoted(t, c.message))
		said := "no"
		if failed := (*rules.FailedError)(nil); errors.As(err, &failed) {
			said = failed.Reason
		} else if err != nil {
			t.Error(err)
		} else if got.Rule == 0 {
			said = "match"
		}
		if said != c.want {
			t.Errorf("%s of %.60s: %s, want %s (%v)", c.expression, c.message, said, c.want, err)
		}
	}
}

// However often an expression parses texts, and whatever they hold, it takes little memory.
func TestParsingIsBounded(t *testing.T) {
	for name, text := range large(mebibyte / 8) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := judge(t, when("body.list.all(i, body.Message.parseJSON().list != [i])"), quoted(t, text))
		runtime.ReadMemStats(&after)
		if took := (after.TotalAlloc - before.TotalAlloc) / mebibyte; took > 8 || err == nil {
			t.Errorf("%s took %d MiB (%v)", name, took, err)
		}
	}
}
