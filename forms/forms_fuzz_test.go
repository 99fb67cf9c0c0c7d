package forms_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"callback-relay/forms"
)

// For every accepted schema, anything that is typed into its form can be checked, with the
// same result each time. Each field has at most one problem, and a rejection never has
// more problems.
func FuzzValidate(f *testing.F) {
	for _, schema := range []string{
		form(`"a":{"type":"string","pattern":"^x+$","maxLength":3},"b":{"type":"boolean","const":true}`, `,"required":["a","b"]`),
		form(`"a":{"type":"number","minimum":0.1,"exclusiveMaximum":1e9,"multipleOf":0.01},"i":{"type":"integer"}`, `,"minProperties":2`),
		form(`"a":{"enum":["x",1.0]},"b":{"oneOf":[{"const":"y","title":"Y"}]},"d":{"type":"string","format":"date"}`, `,"dependentRequired":{"a":["b"]}`),
		form(`"a":{"type":"string","format":"regex"},"b":{"type":"string","format":"time"},"c":{"type":"string","format":"email"}`),
		form(`"a":{"type":"string","format":"uri-template"},"b":{"type":"string","format":"duration"},"c":{"type":"string","format":"period"}`),
		form(`"a":{"type":"string"}`, `,"if":{"required":["a"]},"then":{"properties":{"a":{"$ref":"#/$defs/x"}}},"else":false,"$defs":{"x":{"not":{"const":"y"}}}`),
		form(`"a":{"type":"string"}`, `,"anyOf":[{"required":["b"]},{"properties":{"a":{"minLength":2}}}],"unevaluatedProperties":false,"propertyNames":{"pattern":"a"}`),
		form(`"a":{"type":"string"}`, `,"$schema":"http://json-schema.org/draft-07/schema#","dependencies":{"a":{"required":["b"]}},"patternProperties":{".":{"items":[{}]}}`),
		form(`"a":{"type":"string"}`, `,"$schema":"https://json-schema.org/draft/2019-09/schema","dependentSchemas":{"a":{"maxProperties":0}},"contains":{"$anchor":"x"}`),
		form(`"m":{"type":"array","items":{"enum":["x","y",1]},"minItems":2,"maxItems":2},"n":{"type":"array","items":{"oneOf":[{"const":"x"}]}}`, `,"required":["m"]`),
		doubling(3), doubling(60),
	} {
		for _, typed := range []string{"", "x", "true", "1", "-0.10", "1e999", `"y"`, "\"x\"\n\"y\"\n1", "2030-01-31", "23:59:60Z", "P1DT1H", "a@[IPv6:::1]", "(a{900}){2}", "\xff"} {
			f.Add([]byte(schema), typed)
		}
	}
	f.Fuzz(func(t *testing.T, schema []byte, typed string) {
		err := forms.Check(schema)
		if invalid := (*forms.Mistake)(nil); err != nil {
			if !errors.As(err, &invalid) || invalid.At != "" {
				t.Errorf("%q: %v", schema, err)
			}
			return
		}
		fields, err := forms.ParseFields(schema)
		if err != nil {
			return
		}
		object, _ := forms.ReadSeveral(fields, func(string) []string { return strings.Split(typed, "\n") })
		all, err := forms.Validate(schema, object, false)
		if err != nil {
			t.Fatalf("%q with %q: %v", schema, object, err)
		}
		again, err := forms.Validate(schema, object, false)
		if diff := cmp.Diff(all, again); diff != "" || err != nil {
			t.Errorf("%q with %q: %v, not the same again: %s", schema, object, err, diff)
		}
		seen := map[string]bool{}
		for _, problem := range all {
			if seen[problem.Field] || problem.Kind == "" {
				t.Errorf("%q with %q: %v", schema, object, all)
			}
			seen[problem.Field] = true
		}
		if form, mistakes := forms.Parse(schema); mistakes == nil {
			valid := form.ReadValid(func(string) []string { return strings.Split(typed, "\n") })
			wrong, err := forms.Validate(schema, valid, true)
			if string(valid) != "{}" && (len(wrong) > 0 || err != nil) {
				t.Errorf("%q keeps %q, with %v, %v", schema, valid, wrong, err)
			}
		}
		some, err := forms.Validate(schema, object, true)
		if err != nil {
			t.Fatalf("%q with %q: %v", schema, object, err)
		}
		for _, problem := range some {
			if problem.Kind == forms.ProblemMissing || !slices.ContainsFunc(all, func(p forms.Problem) bool { return p.Field == problem.Field }) {
				t.Errorf("%q with %q: %v is a problem of a rejection, and of an approval %v", schema, object, problem, all)
			}
		}
	})
}
