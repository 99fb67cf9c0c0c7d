package forms_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callback-relay/forms"
)

// form is a schema with the properties, and more keywords after them.
func form(properties string, more ...string) string {
	return `{"type":"object","properties":{` + properties + `}` + strings.Join(more, "") + `}`
}

// doubling is a chain of n definitions, each of which refers twice to the next.
func doubling(n int) string {
	var defs strings.Builder
	for i := range n {
		fmt.Fprintf(&defs, `"d%d":{"allOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]},`, i, i+1, i+1)
	}
	return form(`"a":{"type":"string"}`, `,"allOf":[{"$ref":"#/$defs/d0"}],"$defs":{`, defs.String(), fmt.Sprintf(`"d%d":{"minProperties":1}}`, n))
}

func TestCheck(t *testing.T) {
	for _, schema := range []string{
		form(`"a":{"type":"string"}`),
		form(`"a":{"type":"string","pattern":"^[A-Z]{2}-\\d{4}$"}`, `,"additionalProperties":false,"unevaluatedProperties":false`),
		form(`"$id":{"type":"string"},"$ref":{"type":"string"}`),
		form(`"a":{"type":"string"}`, `,"$id":"https://example.com/form","if":{"properties":{"a":{"$ref":"#/$defs/x"}}},"then":{"required":["a"]},"$defs":{"x":{"const":"y"}}`),
		form(`"a":{"type":"string","default":{"$ref":"file:///etc/passwd"},"const":{"$id":"x"}}`),
		`{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object"}`,
		`{"$schema":"https://json-schema.org/draft/2019-09/schema#","type":"object"}`,
		`{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","definitions":{"a":{"type":"string"}},"allOf":[{"$ref":"#/definitions/a"}]}`,
		form(`"a":{"type":"string","maxLength":1e6}`), form(`"a":{"type":"string"}`, strings.Repeat(" ", forms.MaxSchemaBytes-len(form(`"a":{"type":"string"}`)))),
		doubling(5),
	} {
		if err := forms.Check([]byte(schema)); err != nil {
			t.Errorf("%.120s: %v", schema, err)
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	const circle = `,"$defs":{"x":{"not":{"$ref":"#/$defs/y"}},"y":{"anyOf":[{"$ref":"#/$defs/x"}]}}`
	costly := make([]string, 20)
	for i := range costly {
		costly[i] = fmt.Sprintf(`"p%d":{"type":"string","pattern":"%d[a-z]{400}$"}`, i, i)
	}
	for name, c := range map[string]struct{ schema, problem string }{
		"no JSON":                   {`secret`, "is not one JSON value"},
		"two values":                {`{} {}`, "is not one JSON value"},
		"a list":                    {`["secret"]`, "must be an object"},
		"true":                      {`true`, "must be an object"},
		"too large":                 {form(`"a":{"type":"string"}`, strings.Repeat(" ", forms.MaxSchemaBytes)), "at most 16384 are allowed"},
		"too deep for JSON":         {strings.Repeat(`{"a":`, 600), "is not one JSON value"},
		"too deep":                  {form(`"a":{"type":"string"}`, `,"not":`, strings.Repeat(`{"not":`, 65), `{}`, strings.Repeat(`}`, 65)), "is nested deeper than 64 levels"},
		"draft-04":                  {`{"$schema":"http://json-schema.org/draft-04/schema#"}`, "unsupported $schema"},
		"draft-06":                  {`{"$schema":"http://json-schema.org/draft-06/schema#"}`, "unsupported $schema"},
		"a dialect of its own":      {`{"$schema":"https://example.com/secret"}`, "unsupported $schema"},
		"a dialect that is no text": {`{"$schema":["secret"]}`, "unsupported $schema"},
		"a dialect inside":          {form(`"a":{"type":"string","$schema":"https://example.com/secret"}`), "$schema, which is not supported, at properties/a/$schema"},
		"an id inside":              {form(`"a":{"type":"string","$id":"secret"}`), "$id, which is not supported"},
		"a dynamic reference":       {form(`"a":{"$dynamicRef":"#secret"}`), "$dynamicRef, which is not supported"},
		"a recursive reference":     {form(`"a":{"$recursiveRef":"#"}`), "$recursiveRef, which is not supported"},
		"a vocabulary":              {`{"$vocabulary":{}}`, "$vocabulary, which is not supported"},
		"a file":                    {form(`"a":{"$ref":"file:///etc/passwd"}`), "may only refer to #/$defs/… and #/definitions/…, at properties/a/$ref"},
		"a relative file":           {form(`"a":{"$ref":"secret.json"}`), "may only refer to"},
		"another host":              {form(`"a":{"type":"string"}`, `,"allOf":[{"$ref":"http://example.com/secret"}]`), "may only refer to"},
		"a metaschema":              {form(`"a":{"$ref":"https://json-schema.org/draft/2020-12/schema"}`), "may only refer to"},
		"the top":                   {form(`"a":{"$ref":"#"}`), "may only refer to"},
		"a place inside":            {form(`"a":{"$ref":"#/properties/secret"}`), "may only refer to"},
		"a reference that is a map": {form(`"a":{"$ref":{"secret":1}}`), "may only refer to"},
		"no definition":             {form(`"a":{"$ref":"#/$defs/secret"}`), "a definition that does not exist"},
		"definitions that are none": {form(`"a":{"$ref":"#/$defs/secret"}`, `,"$defs":["secret"]`), "a definition that does not exist"},
		"a circle":                  {form(`"a":{"type":"string"}`, circle), "in a circle"},
		"a circle of one":           {form(`"a":{"type":"string"}`, `,"$defs":{"x":{"$ref":"#/$defs/x"}}`), "in a circle"},
		"doubling":                  {doubling(120), "is too large"},
		"many schemas":              {form(`"a":{"type":"string"}`, `,"allOf":[{}`, strings.Repeat(",{}", 1000), `]`), "more than 1000 schemas"},
		"many values":               {form(`"a":{"type":"string"}`, `,"$defs":{"x":{"enum":[1`, strings.Repeat(",1", 6000), `]}},"allOf":[{"$ref":"#/$defs/x"}]`), "more than 10000 values"},
		"values for each property":  {form(`"a":{"type":"string"}`, `,"additionalProperties":{"enum":[1`, strings.Repeat(",1", 600), `]}`), "more than 10000 values"},
		"a vast number":             {form(`"a":{"type":"number","multipleOf":1e99999999}`), "exponent of more than 3 digits"},
		"a vast number in a const":  {form(`"a":{"type":"number","const":[1e-99999999]}`), "exponent of more than 3 digits"},
		"a vast length":             {form(`"a":{"type":"string","not":{"minLength":18446744073709551617}}`), "from 0 to 1000000 at properties/a/not/minLength"},
		"a negative length":         {form(`"a":{"type":"string","minLength":-1}`), "from 0 to 1000000"},
		"a fraction of a length":    {form(`"a":{"type":"string","minLength":1.5}`), "from 0 to 1000000"},
		"a pattern of ECMA only":    {form(`"a":{"type":"string","pattern":"(?=secret)"}`), "RE2 syntax, which has no look-around and no back references, at properties/a/pattern"},
		"a long pattern":            {form(`"a":{"type":"string","pattern":"` + strings.Repeat("s", 501) + `"}`), "has more than 500 characters"},
		"a costly pattern":          {form(`"a":{"type":"string","pattern":"(secret){900}"}`), "takes too long to match"},
		"costly patterns together":  {form(strings.Join(costly, ",")), "patterns that take too long to match"},
		"a large pattern":           {form(`"a":{"type":"string","maxLength":9,"pattern":"^\\pL{500}$"}`), "patterns that take too much memory"},
		"a costly name":             {form(`"a":{"type":"string"}`, `,"patternProperties":{"(secret){900}":{}}`), "takes too long to match"},
		"a pattern for each":        {form(`"a":{"type":"string"}`, `,"propertyNames":{"pattern":"s{200}"}`), "patterns that take too long to match"},
		"a type that is none":       {form(`"a":{"type":"secret"}`), "is not a valid JSON Schema, at properties/a/type"},
		"a multiple of nothing":     {form(`"a":{"type":"number","multipleOf":0}`), "is not a valid JSON Schema, at properties/a/multipleOf"},
		"a bound that is no number": {form(`"a":{"type":"number","minimum":"secret"}`), "is not a valid JSON Schema, at properties/a/minimum"},
		"a name that is no name":    {form(`"a":{"type":"string"}`, `,"$defs":{"a secret":{"type":1}}`), "is not a valid JSON Schema, at $defs/…/type"},
		"required, twice the same":  {form(`"a":{"type":"string"}`, `,"required":["a","a"]`), "is not a valid JSON Schema, at required"},
	} {
		start := time.Now()
		err := forms.Check([]byte(c.schema))
		var invalid *forms.Mistake
		switch {
		case !errors.As(err, &invalid):
			t.Errorf("%s: %v", name, err)
		case invalid.At != "" || !strings.Contains(invalid.Problem, c.problem):
			t.Errorf("%s: %v", name, err)
		case strings.Contains(err.Error(), "secret"):
			t.Errorf("%s: the error quotes a value: %v", name, err)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

// A schema with a reference to another place is refused, wherever the reference is, and
// nothing is loaded from that place.
func TestNothingIsLoaded(t *testing.T) {
	var asked atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write([]byte(`{}`))
	}))
	defer elsewhere.Close()
	file := filepath.Join(t.TempDir(), "schema.json")
	if err := os.WriteFile(file, []byte(`{}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{elsewhere.URL + "/x", "file://" + file, file} {
		for _, schema := range []string{
			form(`"a":{"type":"string"}`, `,"$ref":"`, to, `"`),
			form(`"a":{"$ref":"` + to + `#/a"}`),
			form(`"a":{"$dynamicRef":"` + to + `"}`),
			form(`"a":{"type":"string"}`, `,"$schema":"`, to, `"`),
			form(`"a":{"type":"string"}`, `,"$id":"`, to, `","$defs":{"b":{"$id":"x","$schema":"`, to, `"}}`),
			form(`"a":{"type":"string"}`, `,"$id":"`, to, `","$defs":{"b":{"$ref":"y"}}`),
			form(`"a":{"type":"string"}`, `,"dependencies":{"a":{"$ref":"`, to, `"}}`),
			form(`"a":{"type":"string"}`, `,"$vocabulary":{"`, to, `":true}`),
		} {
			if err := forms.Check([]byte(schema)); err == nil {
				t.Errorf("%s is taken", schema)
			}
		}
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("asked %d times", n)
	}
}

// The time for checking a form grows with the steps of its patterns: the cost that the
// guard counts is the real cost.
func TestWorstCaseIsBounded(t *testing.T) {
	fill := func(repeated int) time.Duration {
		properties := make([]string, forms.MaxFields)
		for i := range properties {
			properties[i] = fmt.Sprintf(`"p%02d":{"type":"string","maxLength":1000,"pattern":"(a|a|a?){%d}%db$"}`, i, repeated, i)
		}
		schema := []byte(form(strings.Join(properties, ",")))
		if err := forms.Check(schema); err != nil {
			t.Fatal(err)
		}
		fields, err := forms.ParseFields(schema)
		if err != nil {
			t.Fatal(err)
		}
		object, _ := forms.ReadFields(fields, func(string) string { return strings.Repeat("a", 1000) })
		best := time.Hour
		for range 3 {
			start := time.Now()
			problems, err := forms.Validate(schema, object, false)
			if err != nil || len(problems) != forms.MaxFields {
				t.Fatalf("%v, %v", problems, err)
			}
			best = min(best, time.Since(start))
		}
		return best
	}
	cheap, costly := fill(2), fill(12)
	t.Logf("cheap %v, costly %v", cheap, costly)
	if costly > 30*cheap {
		t.Errorf("six times the steps took %v, which is more than 30 times %v", costly, cheap)
	}
}

// The cost of a pattern is counted with the length of its texts: in a schema with a
// maxLength, patterns may cost more, since the texts are shorter.
func TestPatternsCostWhatTheirTextsAllow(t *testing.T) {
	properties := func(n int, property string) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(`"p%d":`+property, i))
		}
		return form(strings.Join(all, ","))
	}
	for name, c := range map[string]struct {
		schema string
		taken  bool
	}{
		"usual ones":                   {properties(20, `{"type":"string","pattern":"^\\d{5}$"}`), true},
		"a UUID":                       {form(`"a":{"type":"string","pattern":"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}`), true},
		"long texts":                   {properties(20, `{"type":"string","pattern":"^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$"}`), false},
		"the same for short texts":     {properties(20, `{"type":"string","maxLength":40,"pattern":"^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$"}`), true},
		"one that is costly":           {form(`"a":{"type":"string","pattern":"([a-z]?){400}z$"}`), false},
		"the same for a short text":    {form(`"a":{"type":"string","maxLength":1000,"pattern":"([a-z]?){400}z$"}`), true},
		"a length that is elsewhere":   {form(`"a":{"type":"string","allOf":[{"maxLength":1000},{"pattern":"([a-z]?){400}z$"}]}`), false},
		"a length that is for another": {form(`"a":{"type":"string","pattern":"([a-z]?){400}z$","not":{"maxLength":1000}}`), false},
	} {
		if err := forms.Check([]byte(c.schema)); (err == nil) != c.taken {
			t.Errorf("%s: %v", name, err)
		} else if err != nil && !strings.Contains(err.Error(), "or add a maxLength") {
			t.Errorf("%s: the error does not say what would be right: %v", name, err)
		}
	}
}

// The most costly accepted forms of several kinds, filled with the most costly text. The
// test logs how long they take: 10 to 40 ms on an idle machine.
func TestCostliestForms(t *testing.T) {
	for pattern, text := range map[string]string{
		`([a-z]?){%d}z$`: "a", `(\\p{L}?){%d}z$`: "ä", `(.?.?){%d}z$`: "a", `(a*){%d}z$`: "a",
	} {
		for _, length := range []int{200, forms.MaxFieldChars} {
			var schema []byte
			for n := 1000; n > 0; n = n * 9 / 10 {
				schema = []byte(form(fmt.Sprintf(`"p":{"type":"string","maxLength":%d,"pattern":"`+pattern+`"}`, length, n)))
				if forms.Check(schema) == nil {
					break
				}
			}
			fields, err := forms.ParseFields(schema)
			if err != nil {
				t.Fatal(err)
			}
			for _, chars := range []int{length, forms.MaxFieldChars} {
				object, _ := forms.ReadFields(fields, func(string) string { return strings.Repeat(text, chars) })
				start := time.Now()
				problems, err := forms.Validate(schema, object, false)
				took := time.Since(start)
				if err != nil || len(problems) != 1 || chars > length && problems[0].Kind != forms.ProblemTooLong {
					t.Errorf("%s: %v, %v", schema, problems, err)
				}
				t.Logf("%s for %d characters, with %d: %v", pattern, length, chars, took)
			}
		}
	}
}

// A text that is longer than its schema allows is not matched, and only its length is
// reported.
func TestLongTextsAreNotMatched(t *testing.T) {
	schema := []byte(form(`"a":{"type":"string","maxLength":5,"pattern":"^x*$"},"b":{"type":"string","pattern":"^x*$"}`))
	got, err := forms.Validate(schema, []byte(`{"a":"xxxxxx","b":"xxxxxx"}`), false)
	if diff := cmp.Diff([]forms.Problem{{Field: "a", Kind: forms.ProblemTooLong, Limit: "5"}}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

// A schema that was registered when more was allowed still checks its form.
func TestCostlySchemaThatWasTaken(t *testing.T) {
	schema := []byte(form(`"a":{"type":"string","pattern":"^(x?){400}$"}`))
	if forms.Check(schema) == nil {
		t.Fatal("it is not too costly")
	}
	for typed, want := range map[string][]forms.Problem{"xx": nil, "y": {{Field: "a", Kind: forms.ProblemPattern}}} {
		got, err := forms.Validate(schema, []byte(`{"a":"`+typed+`"}`), false)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%q: %v %s", typed, err, diff)
		}
	}
}

// A pattern that is typed into a field of the format regex costs no more than one in a
// schema.
func TestTypedPatternIsBounded(t *testing.T) {
	schema := []byte(form(`"a":{"type":"string","format":"regex"}`))
	for typed, want := range map[string][]forms.Problem{
		`"^a{900}$"`:   nil,
		`"(abc){900}"`: {{Field: "a", Kind: forms.ProblemInvalid}},
		`"("`:          {{Field: "a", Kind: forms.ProblemInvalid}},
	} {
		got, err := forms.Validate(schema, []byte(`{"a":`+typed+`}`), false)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", typed, err, diff)
		}
	}
}

func TestValidateErrors(t *testing.T) {
	schema := form(`"a":{"type":"number"}`)
	for _, c := range [][2]string{
		{schema, `secret`}, {schema, `["secret"]`}, {schema, `null`}, {schema, `{"a":1e1000}`}, {schema, `{"secret":` + strings.Repeat("1", 41) + `}`},
		{`{"type":"secret"}`, `{}`},
	} {
		problems, err := forms.Validate([]byte(c[0]), []byte(c[1]), false)
		if err == nil || problems != nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v: %v, %v", c, problems, err)
		}
	}
}

// A form is used concurrently, as for a callback with several approvers.
func TestOneFormForMany(t *testing.T) {
	one, mistakes := forms.Parse([]byte(form(`"a":{"type":"string","maxLength":3,"pattern":"^[0-9]*$"}`)))
	if mistakes != nil {
		t.Fatal(mistakes)
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			typed := strings.Repeat("1", i)
			object, problems := one.Read(func(string) []string { return []string{typed} })
			if (len(problems) > 0) != (i > 3) || i == 2 && string(object) != `{"a":"11"}` {
				t.Errorf("%q: %q, %v", typed, object, problems)
			}
		})
	}
	all.Wait()
}
