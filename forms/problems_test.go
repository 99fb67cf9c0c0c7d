package forms_test

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"callback-relay/forms"
)

func TestValidate(t *testing.T) {
	type found = []forms.Problem
	one := func(kind forms.ProblemKind, limit string) found { return found{{Field: "a", Kind: kind, Limit: limit}} }
	const text, number = `"a":{"type":"string"}`, `"a":{"type":"number"}`
	for name, c := range map[string]struct {
		schema, object string
		want           found // "" in it for the whole
	}{
		"fits":                {form(text), `{"a":"x"}`, nil},
		"empty fits":          {form(text), `{}`, nil},
		"required":            {form(text+`,"b":{"type":"number"}`, `,"required":["b","a"]`), `{}`, found{{Field: "a", Kind: "missing"}, {Field: "b", Kind: "missing"}}},
		"order of the form":   {form(`"z":{"type":"number"},"a":{"type":"number"}`), `{"a":"x","z":"x"}`, found{{Field: "z", Kind: "not-a-number"}, {Field: "a", Kind: "not-a-number"}}},
		"minLength":           {form(`"a":{"type":"string","minLength":3}`), `{"a":"éé"}`, one("too-short", "3")},
		"maxLength":           {form(`"a":{"type":"string","maxLength":1}`), `{"a":"éé"}`, one("too-long", "1")},
		"minimum":             {form(`"a":{"type":"number","minimum":0.10}`), `{"a":0.09999999999999999999}`, one("too-small", "0.1")},
		"exactly the minimum": {form(`"a":{"type":"number","minimum":0.1}`), `{"a":0.10}`, nil},
		"maximum":             {form(`"a":{"type":"number","maximum":1e3}`), `{"a":1001}`, one("too-large", "1000")},
		"vast maximum":        {form(`"a":{"type":"number","maximum":1e30}`), `{"a":1e31}`, one("too-large", "")},
		"fine maximum":        {form(`"a":{"type":"number","maximum":1e-30}`), `{"a":1}`, one("too-large", "")},
		"exclusiveMinimum":    {form(`"a":{"type":"number","exclusiveMinimum":5}`), `{"a":5}`, one("too-small", "")},
		"exclusiveMaximum":    {form(`"a":{"type":"number","exclusiveMaximum":5}`), `{"a":5}`, one("too-large", "")},
		"multipleOf":          {form(`"a":{"type":"number","multipleOf":0.05}`), `{"a":0.12}`, one("not-a-multiple", "0.05")},
		"a multiple":          {form(`"a":{"type":"number","multipleOf":0.01}`), `{"a":1.10}`, nil},
		"pattern":             {form(`"a":{"type":"string","pattern":"^x$"}`), `{"a":"xx"}`, one("pattern", "")},
		"length and pattern":  {form(`"a":{"type":"string","pattern":"^x$","maxLength":1}`), `{"a":"yy"}`, one("too-long", "1")},
		"integer":             {form(`"a":{"type":"integer"}`), `{"a":1.5}`, one("not-whole", "")},
		"whole":               {form(`"a":{"type":"integer"}`), `{"a":1.0}`, nil},
		"whole, and no text":  {form(`"a":{"type":"integer"}`), `{"a":"1"}`, one("not-a-number", "")},
		"number":              {form(number), `{"a":"1"}`, one("not-a-number", "")},
		"string":              {form(text), `{"a":1}`, one("invalid", "")},
		"enum":                {form(`"a":{"enum":["x",1]}`), `{"a":"y"}`, one("not-a-choice", "")},
		"enum of numbers":     {form(`"a":{"enum":["x",1]}`), `{"a":1.0}`, nil},
		"oneOf":               {form(`"a":{"oneOf":[{"const":"x","title":"X"},{"const":"y"}]}`), `{"a":"z"}`, one("not-a-choice", "")},
		"one of":              {form(`"a":{"oneOf":[{"const":"x","title":"X"},{"const":"y"}]}`), `{"a":"y"}`, nil},
		"const":               {form(`"a":{"type":"string","const":"x"}`), `{"a":"y"}`, one("not-a-choice", "")},
		"a box to tick":       {form(`"a":{"type":"boolean","const":true}`), `{"a":false}`, one("missing", "")},
		"a box not to tick":   {form(`"a":{"type":"boolean","const":false}`), `{"a":true}`, one("not-a-choice", "")},
		"a box to tick, enum": {form(`"a":{"type":"boolean","not":false,"allOf":[{"enum":[true]}]}`), `{"a":false}`, one("missing", "")},
		"date":                {form(`"a":{"type":"string","format":"date"}`), `{"a":"2030-02-29"}`, one("not-a-date", "")},
		"a date":              {form(`"a":{"type":"string","format":"date"}`), `{"a":"2028-02-29"}`, nil},
		"email":               {form(`"a":{"type":"string","format":"email"}`), `{"a":"x"}`, one("format", "name@example.com")},
		"unknown format":      {form(`"a":{"type":"string","format":"colour"}`), `{"a":"x"}`, nil},
		"draft-07 date":       {`{"$schema":"http://json-schema.org/draft-07/schema#",` + form(`"a":{"type":"string","format":"date"}`)[1:], `{"a":"x"}`, one("not-a-date", "")},
		"a newer keyword":     {`{"$schema":"http://json-schema.org/draft-07/schema#",` + form(text, `,"dependentRequired":{"b":["a"]}`)[1:], `{"b":1}`, nil},
		"dependentRequired":   {form(text, `,"dependentRequired":{"b":["a"]}`), `{"b":1}`, one("missing", "")},
		"dependencies":        {form(text, `,"dependencies":{"b":["a"]}`), `{"b":1}`, one("missing", "")},
		"if then":             {form(text+`,"b":{"type":"boolean"}`, `,"if":{"properties":{"b":{"const":true}}},"then":{"required":["a"]}`), `{"b":true}`, one("missing", "")},
		"if not":              {form(text+`,"b":{"type":"boolean"}`, `,"if":{"properties":{"b":{"const":true}}},"then":{"required":["a"]}`), `{"b":false}`, nil},
		"reference":           {form(number, `,"allOf":[{"properties":{"a":{"$ref":"#/$defs/x"}}}],"$defs":{"x":{"minimum":3}}`), `{"a":2}`, one("too-small", "3")},
		"two minima":          {form(number, `,"allOf":[{"properties":{"a":{"minimum":3}}},{"properties":{"a":{"minimum":3}}}]`), `{"a":2}`, one("too-small", "3")},
		"either of two":       {form(text+`,"b":{"type":"string"}`, `,"anyOf":[{"required":["a"]},{"required":["b"]}]`), `{}`, found{{Kind: "missing"}}},
		"either of two kinds": {form(text, `,"anyOf":[{"properties":{"a":{"minLength":3}}},{"properties":{"a":{"pattern":"x"}}}]`), `{"a":"y"}`, found{{Kind: "invalid"}}},
		"either of two, alike": {
			form(text, `,"anyOf":[{"properties":{"a":{"minLength":2}}},{"properties":{"a":{"minLength":2,"pattern":"y"}}}]`), `{"a":"y"}`, one("too-short", "2"),
		},
		"either of two limits": {form(`"a":{"type":"string","anyOf":[{"minLength":3},{"minLength":4}]}`), `{"a":"y"}`, one("too-short", "")},
		"both of two":          {form(`"a":{"type":"string","not":{"const":"x"},"allOf":[{"oneOf":[{"minLength":1},{"maxLength":5}]}]}`), `{"a":"y"}`, one("invalid", "")},
		"not":                  {form(`"a":{"type":"string","not":{"const":"x"}}`), `{"a":"x"}`, one("invalid", "")},
		"minProperties":        {form(text, `,"minProperties":1`), `{}`, found{{Kind: "missing"}}},
		"maxProperties":        {form(text, `,"maxProperties":1`), `{"a":"x","b":1}`, found{{Kind: "invalid"}}},
		"the whole comes last": {form(text, `,"minProperties":1,"required":["a"]`), `{}`, found{{Field: "a", Kind: "missing"}, {Kind: "missing"}}},
		"the whole comes after names that are not of the form": {form(text, `,"minProperties":5,"additionalProperties":false`), `{"e":1,"d":1,"c":1,"b":1}`,
			found{{Field: "b", Kind: "invalid"}, {Field: "c", Kind: "invalid"}, {Field: "d", Kind: "invalid"}, {Field: "e", Kind: "invalid"}, {Kind: "missing"}}},
		"additionalProperties":  {form(text, `,"additionalProperties":false`), `{"a":"x","b":1}`, found{{Field: "b", Kind: "invalid"}}},
		"unevaluatedProperties": {form(text, `,"unevaluatedProperties":false`), `{"a":"x","b":1}`, found{{Field: "b", Kind: "invalid"}}},
		"propertyNames":         {form(text, `,"propertyNames":{"maxLength":1}`), `{"bb":1}`, found{{Kind: "invalid"}}},
		"nothing may be there":  {form(text, `,"allOf":[{"properties":{"a":false}}]`), `{"a":"x"}`, one("invalid", "")},
	} {
		if err := forms.Check([]byte(c.schema)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		got, err := forms.Validate([]byte(c.schema), []byte(c.object), false)
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}

// A rejection keeps what is valid, and is never refused for what is not.
func TestReadValid(t *testing.T) {
	schema := form(`"a":{"type":"string","minLength":2},"n":{"type":"integer","maximum":9},"ok":{"type":"boolean","const":true},"d":{"type":"string","format":"date"},`+
		`"m":{"type":"array","items":{"enum":["x","y"]},"minItems":2}`,
		`,"required":["a","n","ok"],"if":{"required":["d"]},"then":{"properties":{"a":{"const":"dated"}}}`)
	for typed, want := range map[string]string{
		"":                             `{"ok":false}`,
		"a=xx&n=3&ok=true":             `{"a":"xx","n":3,"ok":true}`,
		"a=x&n=3":                      `{"n":3,"ok":false}`,
		"a=xx&n=10":                    `{"a":"xx","ok":false}`,
		"a=xx&n=three":                 `{"a":"xx","ok":false}`,
		"a=xx&d=tomorrow":              `{"ok":false}`, // which the schema allows only with another a
		"a=dated&d=2030-01-31":         `{"a":"dated","ok":false,"d":"2030-01-31"}`,
		`m="x"&n=1`:                    `{"n":1,"ok":false}`,
		`m="x"&m="y"`:                  `{"ok":false,"m":["x","y"]}`,
		`m="x"&m="z"&ok=no&a=xx&n=1e3`: `{"a":"xx"}`,
	} {
		values, err := url.ParseQuery(typed)
		if err != nil {
			t.Fatal(err)
		}
		parsed, mistakes := forms.Parse([]byte(schema))
		if mistakes != nil {
			t.Fatal(mistakes)
		}
		if got := parsed.ReadValid(func(name string) []string { return values[name] }); string(got) != want {
			t.Errorf("%s: %s, want %s", typed, got, want)
		}
	}
	// Without any field the object can still break a rule of the whole form.
	parsed, _ := forms.Parse([]byte(form(`"a":{"type":"string"}`, `,"minProperties":1,"not":{"required":["a"]}`)))
	if got := parsed.ReadValid(func(string) []string { return []string{"x"} }); string(got) != `{}` {
		t.Errorf("of no use: %s", got)
	}
}

// With partial, nothing has to be filled in, but everything that is must be valid.
func TestValidatePartial(t *testing.T) {
	schema := form(`"a":{"type":"string","minLength":2},"ok":{"type":"boolean","const":true},"b":{"type":"string"},"c":{"type":"string"}`,
		`,"required":["a","ok"],"minProperties":1,"anyOf":[{"required":["b"]},{"required":["c"]}],"dependentRequired":{"a":["b"]}`)
	for object, want := range map[string][]forms.Problem{
		`{}`:                    nil,
		`{"ok":false}`:          nil,
		`{"a":"xx"}`:            nil,
		`{"a":"x","ok":false}`:  {{Field: "a", Kind: forms.ProblemTooShort, Limit: "2"}},
		`{"b":1,"a":"x"}`:       {{Field: "a", Kind: forms.ProblemTooShort, Limit: "2"}, {Field: "b", Kind: forms.ProblemInvalid}},
		`{"ok":"yes","a":"xx"}`: {{Field: "ok", Kind: forms.ProblemInvalid}},
	} {
		got, err := forms.Validate([]byte(schema), []byte(object), true)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", object, err, diff)
		}
	}
	got, err := forms.Validate([]byte(schema), []byte(`{}`), false)
	want := []forms.Problem{{Field: "a", Kind: forms.ProblemMissing}, {Field: "ok", Kind: forms.ProblemMissing}, {Kind: forms.ProblemMissing}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("not partial: %v %s", err, diff)
	}
}
