package rules_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"callback-relay/rules"
)

// judge compiles a source and judges a body with it.
func judge(t *testing.T, src rules.Source, body string) (rules.Result, error) {
	t.Helper()
	if src.Otherwise == "" {
		src.Otherwise = rules.Ignore
	}
	src.Vars = []string{"id", "n"}
	program, err := rules.Compile(src)
	if err != nil {
		t.Fatal(err)
	}
	return program.Judge(rules.Post{
		JSON:   []byte(body),
		Header: http.Header{"X-Kind": {"paid", "other"}, "X-Empty": nil},
		Query:  url.Values{"a": {"1", "2"}},
		Vars:   map[string]json.RawMessage{"id": json.RawMessage(`"SM1"`), "n": json.RawMessage(`9007199254740993`)},
	})
}

func when(expression string) rules.Source {
	return rules.Source{Outcomes: []rules.Outcome{{When: expression, Do: rules.Succeed}}}
}

// Each condition matches, does not match, or fails with a reason.
func TestConditions(t *testing.T) {
	const body = `{"status":"paid","n":5,"f":5.0,"big":9007199254740993,"max":18446744073709551615,"huge":1e999,"nul":null,"yes":true,
		"list":[1,2],"o":{"a":{"b":"x"}},"null":1,"a-b":1,"twice":1,"twice":2}`
	for expression, want := range map[string]string{
		`body.status == 'paid'`:                              "match",
		`body.status == "failed"`:                            "no",
		`body.status in ['paid', 'done']`:                    "match",
		`body.o.a.b == 'x' && body.n > 4`:                    "match",
		`body['a-b'] == 1 && body['null'] == 1`:              "match",
		`body.twice == 2`:                                    "match",
		`body.yes`:                                           "match",
		`body.status.matches('^pa.d$')`:                      "match",
		`body.status.startsWith('pa')`:                       "match",
		`body.list.exists(i, i == 2)`:                        "match",
		`body.list.all(i, i < 2)`:                            "no",
		`headers['x-kind'] == 'paid'`:                        "match",
		`query.a == '1'`:                                     "match",
		`vars.id == 'SM1'`:                                   "match",
		`has(vars.other) || vars.?other.orValue('x') == 'x'`: "match",
		// Numbers are exact up to 64 bits.
		`body.n == 5 && body.n + 1 == 6`:           "match",
		`body.f == 5.0 && body.f == 5`:             "match",
		`body.big == vars.n`:                       "match",
		`body.big == 9007199254740992`:             "no",
		`body.max == 18446744073709551615u`:        "match",
		`body.max == 18446744073709551614u`:        "no",
		`body.huge > 1.0`:                          "expression",
		`body.status == 'paid' || body.huge > 1.0`: "match",
		// What is not there does not match, also within a negation.
		`body.x == 1`:                        "no",
		`!(body.x == 1)`:                     "no",
		`body.x != 1`:                        "no",
		`!body.x`:                            "no",
		`body.x == 1 || body.n == 5`:         "match",
		`body.x == 1 && body.n == 5`:         "no",
		`body.n == 6 && body.x == 1`:         "no",
		`body.x == 1 ? true : true`:          "no",
		`has(body.x.y)`:                      "no",
		`!has(body.x)`:                       "match",
		`body.list[2] == 1`:                  "no",
		`!(body.list[-1] == 1)`:              "no",
		`body.nul.x == 1`:                    "no",
		`body.status.x == 1`:                 "no",
		`body.n.x == 1`:                      "no",
		`body.list.x == 1`:                   "no",
		`body.o['x']['y'] == 1`:              "no",
		`body.list.map(i, i)[7] == 1`:        "no",
		`headers['x-none'] == ''`:            "no",
		`headers['x-empty'] == ''`:           "no",
		`query.b == ''`:                      "no",
		`body.?x.?y.orValue(1) == 1`:         "match",
		`body.?x.value() == 1`:               "no",
		`body.list.exists(i, i.x == 1)`:      "no",
		`body.nul == null`:                   "match",
		`event.id == '' && event.type == ''`: "match",
		// Everything else fails.
		`body.status + 1 > 2`:        "expression",
		`body.n`:                     "expression",
		`body.nul`:                   "expression",
		`body.status && true`:        "expression",
		`body.n / (body.n - 5) == 1`: "expression",
		`int(body.status) == 1`:      "expression",
		`timestamp(body.status) < timestamp('2030-01-01T00:00:00Z')`:                                                                             "expression",
		`body.list.all(a, [1,2,3,4,5,6,7,8,9].all(b, [1,2,3,4,5,6,7,8,9].all(c, [1,2,3,4,5,6,7,8,9].all(d, [1,2,3,4,5,6,7,8,9].all(e, true)))))`: "cost",
	} {
		got, err := judge(t, when(expression), body)
		said := "no"
		if failed := (*rules.FailedError)(nil); errors.As(err, &failed) {
			said = failed.Reason
			if got.Do != "" || got.Output != nil || got.Rule != -1 || failed.Rule != 0 {
				t.Errorf("%s failed with the result %+v, rule %d", expression, got, failed.Rule)
			}
		} else if err != nil {
			t.Errorf("%s: %v", expression, err)
		} else if got.Rule == 0 {
			said = "match"
		}
		if said != want {
			t.Errorf("%s: %s, want %s (%v)", expression, said, want, err)
		}
	}
}

// A body that is no object has no members.
func TestBodiesWithoutMembers(t *testing.T) {
	for _, body := range []string{`null`, `[]`, `[1]`, `"text"`, `5`, `true`, `{}`, ` {} `} {
		if got, err := judge(t, when("body.status == 'paid'"), body); err != nil || got.Rule != -1 || got.Do != rules.Ignore {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
}

// No error quotes the event.
func TestErrorsQuoteNothing(t *testing.T) {
	const secret = "cobalt-heron"
	for _, expression := range []string{
		`body.s + 1 > 2`, `timestamp(body.s) < timestamp('2030-01-01T00:00:00Z')`, `duration(body.s) < duration('1s')`, `int(body.s) == 1`,
		`body[body.list] == 1`, `body.s`, `[1][body.n] == 1 || body.n > 1`, `double(body.s) > 1.0`, `bool(body.s)`,
		`body.list[1.5] == 1`, `body.s.getFullYear() == 1`, `timestamp(body.t).getHours(body.s) == 1`,
	} {
		_, err := judge(t, when(expression), `{"s":"`+secret+`","n":1e999,"list":[1],"t":"2030-01-01T00:00:00Z"}`)
		if failed := (*rules.FailedError)(nil); !errors.As(err, &failed) || failed.Reason != rules.ReasonExpression || !strings.HasPrefix(failed.Detail, "when: ") {
			t.Errorf("%s: %v", expression, err)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error quotes the body: %v", expression, err)
		}
	}
}

// The first outcome that matches counts, and otherwise what the source says.
func TestFirstMatchCounts(t *testing.T) {
	src := rules.Source{Otherwise: rules.Succeed, Outcomes: []rules.Outcome{
		{When: "body.n == 1", Do: rules.Ignore},
		{When: "body.n <= 2", Do: rules.Heartbeat},
		{When: "body.n == 3", Do: rules.Fail, Error: "Failed", Cause: "/why"},
	}}
	for body, want := range map[string]rules.Result{
		`{"n":1}`:                  {Rule: 0, Do: rules.Ignore},
		`{"n":2}`:                  {Rule: 1, Do: rules.Heartbeat},
		`{"n":3,"why":"b\u0061d"}`: {Rule: 2, Do: rules.Fail, Error: "Failed", Cause: "bad"},
		`{"n":3}`:                  {Rule: 2, Do: rules.Fail, Error: "Failed"},
		`{"n":3,"why":null}`:       {Rule: 2, Do: rules.Fail, Error: "Failed"},
		`{"n":3,"why":{"a": 1}}`:   {Rule: 2, Do: rules.Fail, Error: "Failed", Cause: `{"a": 1}`},
		` {"n" : 4} `:              {Rule: -1, Do: rules.Succeed, Output: []byte(` {"n" : 4} `)},
		`{}`:                       {Rule: -1, Do: rules.Succeed, Output: []byte(`{}`)},
	} {
		got, err := judge(t, src, body)
		if err != nil || got.Rule != want.Rule || got.Do != want.Do || string(got.Output) != string(want.Output) || got.Error != want.Error || got.Cause != want.Cause {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
	if got, err := judge(t, rules.Source{Outcomes: []rules.Outcome{{Do: rules.Succeed}}}, `[1]`); err != nil || got.Rule != 0 || string(got.Output) != "[1]" {
		t.Errorf("an outcome without a condition: %+v, %v", got, err)
	}
}

// An event's id and type are texts, and an event may have none.
func TestEvents(t *testing.T) {
	long := strings.Repeat("é", 256)
	for _, c := range []struct{ expression, body, want string }{
		{`body.id`, `{"id":"evt_1"}`, "evt_1"},
		{`body.id`, `{"id":12345678901234567}`, "12345678901234567"},
		{`body.id`, `{"id":18446744073709551615}`, "18446744073709551615"},
		{`body.id`, `{"id":true}`, "true"},
		{`body.id`, `{"id":null}`, ""},
		{`body.id`, `{}`, ""},
		{`body.data.id`, `{"data":[]}`, ""},
		{`body.?id`, `{"id":"a"}`, "a"},
		{`body.?id`, `{}`, ""},
		{`headers['x-kind']`, `{}`, "paid"},
		{`body.a + '/' + body.b`, `{"a":"1","b":"2"}`, "1/2"},
		{`body.id`, `{"id":"` + long + `"}`, long},
		{`body.id`, `{"id":"` + long + `x"}`, fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(long+"x")))},
		{`body.id`, `{"id":1.5}`, "expression"},
		{`body.id`, `{"id":12345678901234567890123}`, "expression"},
		{`body.id`, `{"id":["a"]}`, "expression"},
		{`body.id`, `{"id":{}}`, "expression"},
		{`body.id + 1`, `{"id":"a"}`, "expression"},
	} {
		for _, id := range []bool{true, false} {
			src := rules.Source{Event: rules.EventSpec{Type: c.expression}, Outcomes: when("event.type != '' && event.id == ''").Outcomes}
			if id {
				src = rules.Source{Event: rules.EventSpec{ID: c.expression}, Outcomes: when("event.id != '' && event.type == ''").Outcomes}
			}
			result, err := judge(t, src, c.body)
			got := result.ID + result.Type
			if failed := (*rules.FailedError)(nil); errors.As(err, &failed) {
				if got = failed.Reason; failed.Rule != -1 {
					t.Errorf("the event's part is rule %d", failed.Rule)
				}
			} else if (got != "") != (result.Rule == 0) || (result.ID == got) != id && got != "" {
				t.Errorf("%s of %s: %+v", c.expression, c.body, result)
			}
			if got != c.want {
				t.Errorf("%s of %.80s: %q, want %q (%v)", c.expression, c.body, got, c.want, err)
			}
		}
	}
}

// Outputs are cut from the bytes.
func TestOutputs(t *testing.T) {
	const body = ` {"n": 12345678901234567890123.10, "s":"\u00e9\/é", "o" : { "b":1, "a":[ 1 , 2 ] }, "d":1, "d":2, "":{"":3}, "a/b":4, "m~n":5, "\u0061x":6,
		"deep":{"x":1}, "deep":{"y":2}} `
	for output, want := range map[string]string{
		`"/n"`:                           `12345678901234567890123.10`,
		`"/s"`:                           `"\u00e9\/é"`,
		`"/o"`:                           `{ "b":1, "a":[ 1 , 2 ] }`,
		`"/o/a/1"`:                       `2`,
		`"/d"`:                           `2`,
		`"//"`:                           `3`,
		`"/a~1b"`:                        `4`,
		`"/m~0n"`:                        `5`,
		`"/ax"`:                          `6`,
		`""`:                             strings.TrimSpace(body),
		`"/deep/y"`:                      `2`,
		`"/deep/x"`:                      "pointer", // the last of two members counts
		`"/o/a/01"`:                      "pointer",
		`"/o/a/-"`:                       "pointer",
		`"/o/a/2"`:                       "pointer",
		`"/o/a/99999999999999999999"`:    "pointer",
		`"/n/x"`:                         "pointer",
		`"/x"`:                           "pointer",
		`{"id": "/n", "né\u0022": "/s"}`: `{"id":12345678901234567890123.10,"né\u0022":"\u00e9\/é"}`,
		`{"id":"/n","b":"/x"}`:           "pointer",
		`{}`:                             `{}`,
		`null`:                           body,
	} {
		got, err := judge(t, rules.Source{Outcomes: []rules.Outcome{{Do: rules.Succeed, Output: json.RawMessage(output)}}}, body)
		said := string(got.Output)
		if failed := (*rules.FailedError)(nil); errors.As(err, &failed) {
			said = failed.Reason
		}
		if said != want {
			t.Errorf("%s: %s, want %s (%v)", output, said, want, err)
		}
	}
}

// Overlapping members do not make an output that fills the memory.
func TestOutputIsBounded(t *testing.T) {
	output, err := json.Marshal(map[string]string{"a": "", "b": "", "c": "", "d": ""})
	if err != nil {
		t.Fatal(err)
	}
	_, err = judge(t, rules.Source{Outcomes: []rules.Outcome{{Do: rules.Succeed, Output: output}}}, `"`+strings.Repeat("x", 300_000)+`"`)
	if failed := (*rules.FailedError)(nil); !errors.As(err, &failed) || failed.Reason != rules.ReasonOutput {
		t.Error(err)
	}
}

// A failure's name must be there, and both texts are cut to what AWS takes.
func TestFailures(t *testing.T) {
	fail := func(name, cause string) rules.Source {
		return rules.Source{Outcomes: []rules.Outcome{{Do: rules.Fail, Error: name, Cause: cause}}}
	}
	got, err := judge(t, fail("/e", "/c"), `{"e":"`+strings.Repeat("é", 300)+`","c":"`+strings.Repeat("é", 40_000)+`"}`)
	if err != nil || got.Error != strings.Repeat("é", 256) || got.Cause != strings.Repeat("é", 32_768) {
		t.Errorf("%d, %d, %v", len(got.Error), len(got.Cause), err)
	}
	for _, body := range []string{`{}`, `{"e":null}`, `[]`} {
		_, err := judge(t, fail("/e", ""), body)
		if failed := (*rules.FailedError)(nil); !errors.As(err, &failed) || failed.Reason != rules.ReasonPointer {
			t.Errorf("%s: %v", body, err)
		}
	}
	if got, err := judge(t, fail("/e", "/e"), `{"e": 1.50}`); err != nil || got.Error != "1.50" || got.Cause != "1.50" {
		t.Errorf("%+v, %v", got, err)
	}
}
