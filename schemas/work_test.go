package schemas

import (
	"fmt"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// unknown are the bounds of schemas for any bodies: nothing is known of what will be checked.
var unknown = Bounds{Bytes: 16 << 10, PatternSteps: 20_000, PatternBytes: 1 << 20}

func compiled(t *testing.T, schema string) *Schema {
	t.Helper()
	s, err := Compile([]byte(schema), unknown)
	if err != nil {
		t.Fatalf("%.200s: %v", schema, err)
	}
	return s
}

func decoded(t *testing.T, value string) any {
	t.Helper()
	v, err := Decode([]byte(value))
	if err != nil {
		t.Fatalf("%.200s: %v", value, err)
	}
	return v
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		schema, value string
		want          bool
	}{
		{`{"required":["status"],"properties":{"status":{"const":"paid"}}}`, `{"status":"paid","n":1}`, true},
		{`{"required":["status"],"properties":{"status":{"const":"paid"}}}`, `{"status":"open"}`, false},
		{`{"required":["status"],"properties":{"status":{"const":"paid"}}}`, `{}`, false},
		{`{"type":"object"}`, `[]`, false},
		{`{"type":"array","items":{"$ref":"#/$defs/event"},"$defs":{"event":{"required":["id"]}}}`, `[{"id":1},{"id":2}]`, true},
		{`{"type":"array","items":{"$ref":"#/$defs/event"},"$defs":{"event":{"required":["id"]}}}`, `[{"id":1},{}]`, false},
		{`{"properties":{"n":{"const":12345678901234567890123}}}`, `{"n":12345678901234567890123}`, true},
		{`{"properties":{"n":{"const":12345678901234567890123}}}`, `{"n":12345678901234567890124}`, false},
		{`{"properties":{"n":{"multipleOf":0.01}}}`, `{"n":19.99}`, true},
		{`{"properties":{"a":{"pattern":"^x+$"}}}`, `{"a":"` + strings.Repeat("x", 2000) + `"}`, true},
		{`{"properties":{"a":{"format":"email"}}}`, `{"a":"nobody"}`, false},
	} {
		if got, err := compiled(t, c.schema).Matches(decoded(t, c.value)); got != c.want || err != nil {
			t.Errorf("%s with %.100s: %v %v", c.schema, c.value, got, err)
		}
	}
}

// list returns a JSON list of n times the same item.
func list(item string, n int) string {
	return "[" + strings.TrimSuffix(strings.Repeat(item+",", n), ",") + "]"
}

// Whatever is costly to check is refused before it is checked, and ordinary events are not.
func TestWorkIsBounded(t *testing.T) {
	object := func(n int) string {
		var members []string
		for i := range n {
			members = append(members, fmt.Sprintf(`"m%d":1`, i))
		}
		return "{" + strings.Join(members, ",") + "}"
	}
	for name, c := range map[string]struct{ schema, small, large string }{
		"items":                 {`{"items":{"type":"string"}}`, list("1", 500), list("1", maxWork)},
		"prefix items":          {`{"items":{"prefixItems":[{"enum":` + list("2", 100) + `}]}}`, list("[1]", 40), list("[1]", 600)},
		"contains":              {`{"contains":{"const":2}}`, list("1", 500), list("1", maxWork)},
		"allOf":                 {`{"items":{"allOf":` + list("{}", 100) + `}}`, list("1", 40), list("1", 600)},
		"anyOf":                 {`{"items":{"anyOf":` + list(`{"minimum":2}`, 100) + `}}`, list("1", 40), list("1", 600)},
		"not":                   {`{"items":{"not":{"oneOf":` + list(`{"minimum":2}`, 100) + `}}}`, list("1", 40), list("1", 600)},
		"if":                    {`{"items":{"if":{"enum":` + list("2", 100) + `},"else":{"enum":` + list("2", 100) + `}}}`, list("1", 40), list("1", 600)},
		"references":            {`{"items":{"$ref":"#/$defs/a"},"$defs":{"a":{"allOf":` + list(`{"$ref":"#/$defs/b"}`, 100) + `},"b":{}}}`, list("1", 40), list("1", 600)},
		"enum":                  {`{"items":{"enum":` + list("2", 1000) + `}}`, list("1", 5), list("1", 60)},
		"const":                 {`{"items":{"const":` + list("2", 1000) + `}}`, list("1", 5), list(list("2", 1000), 60)},
		"properties":            {`{"items":{"properties":{"m1":{"enum":` + list("2", 1000) + `}}}}`, list(`{"m1":1}`, 5), list(`{"m1":1}`, 60)},
		"names":                 {`{"propertyNames":{"enum":` + list(`"x"`, 100) + `}}`, object(40), object(600)},
		"additional properties": {`{"additionalProperties":{"enum":` + list("2", 100) + `}}`, object(40), object(600)},
		"unevaluated":           {`{"unevaluatedProperties":false,"allOf":` + list("{}", 100) + `}`, object(40), object(600)},
		"unevaluated items":     {`{"unevaluatedItems":{"enum":` + list("2", 100) + `}}`, list("1", 40), list("1", 600)},
		"pattern properties":    {`{"patternProperties":{"m":{"enum":` + list("2", 100) + `}}}`, object(40), object(600)},
		"dependent schemas":     {`{"items":{"dependentSchemas":{"m1":{"allOf":` + list("{}", 100) + `}}}}`, list(`{"m1":1}`, 40), list(`{"m1":1}`, 600)},
		"required":              {`{"items":{"required":` + list(`"x1"`, 1) + `}}`, list(`{"x1":1}`, 500), list(`{"x1":1}`, maxWork)},
		"differing items":       {`{"items":{"uniqueItems":true}}`, list("[1,2,3]", 40), list(list(list("1", 40), 20), 20)},
		"a pattern":             {`{"items":{"pattern":"(a|b){200}$"}}`, list(`"aaaa"`, 40), list(`"`+strings.Repeat("a", 1000)+`"`, 10)},
		"a format":              {`{"items":{"format":"email"}}`, list(`"aaaa"`, 40), list(`"`+strings.Repeat("a", 100_000)+`"`, 6)},
		"many members":          {`{"items":{}}`, list(object(10), 40), list(object(100), 5000)},
	} {
		s := compiled(t, c.schema)
		if _, err := s.Matches(decoded(t, c.small)); err != nil {
			t.Errorf("%s, small: %v", name, err)
		}
		if _, err := s.Matches(decoded(t, c.large)); err == nil {
			t.Errorf("%s, large: accepted", name)
		}
	}
}

// counter counts how often the library applies a schema.
type counter struct{ times *int }

func (c counter) Validate(*jsonschema.ValidatorContext, any) { *c.times++ }

// applications is how often the library applies the schemas of a schema to a value, leaving
// out those that do not match at once.
func applications(t *testing.T, schema, value string) int {
	t.Helper()
	times := 0
	c := jsonschema.NewCompiler()
	c.RegisterVocabulary(&jsonschema.Vocabulary{URL: "urn:counter", Compile: func(*jsonschema.CompilerContext, map[string]any) (jsonschema.SchemaExt, error) {
		return counter{&times}, nil
	}})
	c.AssertVocabs()
	if err := c.AddResource("urn:counted", decoded(t, schema)); err != nil {
		return 0
	}
	s, err := c.Compile("urn:counted")
	if err != nil {
		return 0
	}
	_ = s.Validate(decoded(t, value))
	return times
}

// schemas and values of all kinds, to be checked with each other.
var (
	manySchemas = []string{
		`{"items":{"allOf":[{},{"minimum":1}],"anyOf":[{"type":"string"},{"type":"number"}]}}`,
		`{"properties":{"a":{"items":[{},{}]},"b":{"if":{"required":["a"]},"then":{},"else":{"not":{}}}},"additionalProperties":{"oneOf":[{},{}]}}`,
		`{"prefixItems":[{},{"contains":{}}],"items":{"unevaluatedItems":{}}}`,
		`{"patternProperties":{"^a":{},"b":{}},"propertyNames":{"maxLength":3},"unevaluatedProperties":{}}`,
		`{"dependentSchemas":{"a":{"properties":{"b":{}}}},"$ref":"#/$defs/x","$defs":{"x":{"items":{"$ref":"#/$defs/y"}},"y":{}}}`,
		`{"$schema":"http://json-schema.org/draft-07/schema#","items":[{},{}],"additionalItems":{"items":{}},"dependencies":{"a":{},"b":["a"]}}`,
		`{"$schema":"https://json-schema.org/draft/2019-09/schema","items":[{},{}],"additionalItems":{},"unevaluatedItems":{}}`,
	}
	manyValues = []string{
		`[1,2,"x",[1,[2]],{"a":[1,2,3]}]`, `{"a":[1,2,{"a":1}],"b":{"a":1},"ab":1,"c":null}`, `"text"`, `12`, `[[],[[]],{}]`, `null`,
	}
)

// The library never does more than is counted.
func TestWorkIsCounted(t *testing.T) {
	most := 0
	for _, schema := range manySchemas {
		for _, value := range manyValues {
			most = max(most, atMost(t, schema, value))
		}
	}
	if most < 10 {
		t.Errorf("the library applied at most %d schemas", most)
	}
}

// atMost checks that a schema is not applied to a value more often than is counted, and
// returns how often it is.
func atMost(t *testing.T, schema, value string) int {
	t.Helper()
	s, err := Compile([]byte(schema), unknown)
	if err != nil {
		return 0
	}
	w := worker{top: s.top, unevaluated: s.unevaluated}
	if w.apply(s.top, decoded(t, value)) != nil {
		return 0
	}
	times := applications(t, schema, value)
	if times > w.work {
		t.Errorf("%s with %s: applied %d times, counted %d", schema, value, times, w.work)
	}
	return times
}
