package rules_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"callback-relay/rules"
)

// schemaOf is a source with one outcome.
func schemaOf(when, schema string) rules.Source {
	return rules.Source{Outcomes: []rules.Outcome{{When: when, Schema: json.RawMessage(schema), Do: rules.Succeed}}}
}

// An outcome with a schema matches only the bodies that its schema describes, and with a when
// only those for which the when holds too.
func TestSchemas(t *testing.T) {
	const paid = `{"required":["status"],"properties":{"status":{"const":"paid"}}}`
	for _, c := range []struct {
		when, schema, body string
		want               rules.Do
	}{
		{"", paid, `{"status":"paid"}`, rules.Succeed},
		{"", paid, `{"status":"open"}`, rules.Ignore},
		{"", paid, `{}`, rules.Ignore},
		{"body.n == 1", paid, `{"status":"paid","n":1}`, rules.Succeed},
		{"body.n == 1", paid, `{"status":"paid","n":2}`, rules.Ignore},
		{"body.n == 1", paid, `{"status":"paid"}`, rules.Ignore},
		{"body.n == 1", paid, `{"status":"open","n":1}`, rules.Ignore},
		{"", `{"type":"object"}`, `[1]`, rules.Ignore},
		{"", `{"type":"array"}`, `[1]`, rules.Succeed},
		{"", `{"properties":{"n":{"const":12345678901234567890123}}}`, `{"n":12345678901234567890123}`, rules.Succeed},
		{"", `{"properties":{"n":{"const":12345678901234567890123}}}`, `{"n":12345678901234567890124}`, rules.Ignore},
		{"", "null", `{}`, rules.Succeed},
	} {
		got, err := judge(t, schemaOf(c.when, c.schema), c.body)
		if got.Do != c.want || err != nil {
			t.Errorf("%q with %s of %s: %q %v, want %q", c.when, c.schema, c.body, got.Do, err, c.want)
		}
	}
}

// The first outcome that matches counts, whether it has a schema or not.
func TestSchemasInTurn(t *testing.T) {
	src := rules.Source{Outcomes: []rules.Outcome{
		{Schema: json.RawMessage(`{"required":["error"]}`), Do: rules.Fail, Error: "/error"},
		{Schema: json.RawMessage(`{"required":["result"]}`), Do: rules.Succeed, Output: json.RawMessage(`"/result"`)},
		{Do: rules.Heartbeat},
	}}
	for body, want := range map[string]rules.Result{
		`{"error":"E","result":1}`: {Do: rules.Fail, Error: "E"},
		`{"result":1}`:             {Do: rules.Succeed, Rule: 1, Output: []byte("1")},
		`{}`:                       {Do: rules.Heartbeat, Rule: 2},
	} {
		got, err := judge(t, src, body)
		if got.Do != want.Do || got.Rule != want.Rule || string(got.Output) != string(want.Output) || got.Error != want.Error || err != nil {
			t.Errorf("%s: %+v %v", body, got, err)
		}
	}
}

// Row 103: a body that cannot be checked is neither a match nor none, and the error quotes nothing of it.
func TestSchemasThatFail(t *testing.T) {
	for body, want := range map[string]rules.FailedError{
		`{"secret":` + strings.Repeat("1", 41) + `}`:                                     {Reason: rules.ReasonSchema, Detail: "schema: the body has a number of more than 40 characters or with an exponent of more than 3 digits"},
		`{"secret":1e9999}`:                                                              {Reason: rules.ReasonSchema, Detail: "schema: the body has a number of more than 40 characters or with an exponent of more than 3 digits"},
		`{"list":[` + strings.Repeat("1,", 20_000) + `1]}`:                               {Reason: rules.ReasonCost, Detail: "schema: the body has too many values to be checked against the schema"},
		`{"list":[` + strings.TrimSuffix(strings.Repeat(`{"a":1},`, 45_000), ",") + `]}`: {Reason: rules.ReasonCost, Detail: "schema: the body has too many values to be judged"},
	} {
		_, err := judge(t, schemaOf("", `{"properties":{"list":{"items":{"minimum":1}}}}`), body)
		failed, ok := errors.AsType[*rules.FailedError](err)
		if !ok || *failed != want {
			t.Errorf("%.30s: %v", body, err)
		}
	}
}

// Mistakes in a schema are found when it is registered.
func TestMistakesInSchemas(t *testing.T) {
	for schema, want := range map[string]string{
		`[]`:                                 "must be an object",
		`{"type":"secret"}`:                  "is not a valid JSON Schema, at type",
		`{"type":"object","require":["a"]}`:  "has a keyword that JSON Schema does not have, at require",
		`{"properties":{"a":{"enums":[1]}}}`: "has a keyword that JSON Schema does not have, at properties/a/enums",
		`{"$ref":"https://example.com/s"}`:   "may only refer to #/$defs/… and #/definitions/…, at $ref",
		`{"items":{"pattern":"(?=a)"}}`:      "has a pattern that is not in RE2 syntax, which has no look-around and no back references, at items/pattern",
		`{"items":{"pattern":"[a-z]{999}[a-z]{999}[a-z]{9}"}}`:  "has a pattern that takes too long to match: shorten it, especially the counts in braces, at items/pattern",
		`{"description":"` + strings.Repeat("x", 16_384) + `"}`: "has 16402 bytes, but at most 16384 are allowed",
	} {
		src := schemaOf("", schema)
		src.Otherwise = rules.Ignore
		got := mistakesOf(t, src)
		if got["outcomes[0].schema"] != want || len(got) != 1 {
			t.Errorf("%.80s: %q", schema, got)
		}
	}
}
