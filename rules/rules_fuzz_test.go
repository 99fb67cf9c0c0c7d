package rules_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"callback-relay/rules"
)

// Whatever the expressions and the body are: nothing panics, and there is either a failure
// or a result, never both.
func FuzzRules(f *testing.F) {
	for _, expression := range []string{
		"body.a == 1", "!(body.a.b[0] == 'x')", "body.exists(i, i.a in [1, 2])", "body.?a.orValue(1) == 1", "headers['x-a'] == query.a", "body.a.matches('^a+$')",
		"event.id == string(vars.v)", "body.map(x, body.map(y, x + y)).size() > 1", "timestamp(body.a) > timestamp('2030-01-01T00:00:00Z')", "body", "has(body.a) ? body.a : true",
	} {
		for _, body := range []string{`{"a":1}`, `{"a":{"b":["x"]}}`, `[{"a":1},{"a":"x"}]`, `"text"`, `1e999`, `{"a":`, `{"a":1}{`, `null`} {
			f.Add(expression, "body.id", []byte(body), []byte(`{"x":"/a"}`), "/a", []byte(`{"required":["a"]}`))
		}
	}
	f.Fuzz(func(t *testing.T, when, id string, body, output []byte, cause string, schema []byte) {
		program, err := rules.Compile(rules.Source{
			Event: rules.EventSpec{ID: id},
			Outcomes: []rules.Outcome{
				{When: when, Do: rules.Succeed, Output: output},
				{When: when, Schema: schema, Do: rules.Succeed},
				{Do: rules.Fail, Error: "E", Cause: cause},
			},
			Otherwise: rules.Ignore, Vars: []string{"v"},
		})
		if err != nil {
			if program != nil {
				t.Fatal("a program with mistakes")
			}
			return
		}
		got, err := program.Judge(rules.Post{JSON: body, Vars: map[string]json.RawMessage{"v": json.RawMessage("1")}})
		failed := (*rules.FailedError)(nil)
		switch {
		case err != nil && (!errors.As(err, &failed) || failed.Reason == "" || failed.Detail == ""):
			t.Fatalf("%T: %v", err, err)
		case err != nil && (got.Do != "" || got.Rule != -1 || got.Output != nil || got.Error != ""):
			t.Fatalf("%+v with the failure %v", got, err)
		case err == nil && !json.Valid(body):
			t.Fatalf("%+v of a body that is not JSON", got)
		case err == nil && got.Do == rules.Succeed && !json.Valid(got.Output):
			t.Fatalf("the output %q is not JSON", got.Output)
		case err == nil && got.Rule == 1 && !bytes.Equal(got.Output, body):
			t.Fatalf("the output %q is not the body", got.Output)
		}
	})
}
