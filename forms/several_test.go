package forms_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"callback-relay/forms"
)

// numbers lists the numbers from 1 to n.
func numbers(n int) string {
	var all []string
	for i := range n {
		all = append(all, strconv.Itoa(i+1))
	}
	return strings.Join(all, ",")
}

// An array of choices is one field with a box for each.
func TestParseSeveral(t *testing.T) {
	schema := []byte(form(`"areas":{"type":"array","title":"Areas","description":"Which?","minItems":1,"maxItems":2.0,"uniqueItems":true,
			"items":{"type":"string","oneOf":[{"const":"db","title":"Database"},{"const":"ui"},{"const":"api"}]}},
		"n":{"type":"array","items":{"enum":[2,1.0]},"minItems":0,"maxItems":9,"default":[2]},
		"most":{"type":"array","items":{"enum":[`+numbers(40)+`]}}`, `,"required":["areas"]`))
	fields, err := forms.ParseFields(schema)
	if err != nil {
		t.Fatal(err)
	}
	want := []forms.Field{
		{Name: "areas", Title: "Areas", Description: "Which?", Kind: forms.FieldChoices, Required: true, Minimum: "1", Maximum: "2",
			Choices: []forms.Choice{{`"db"`, "Database"}, {`"ui"`, "ui"}, {`"api"`, "api"}}},
		{Name: "n", Title: "n", Kind: forms.FieldChoices, Choices: []forms.Choice{{"2", "2"}, {"1.0", "1.0"}}},
	}
	if diff := cmp.Diff(want, fields[:2]); diff != "" || len(fields[2].Choices) != 40 {
		t.Errorf("%d choices, %s", len(fields[2].Choices), diff)
	}
	if _, mistakes := forms.Parse(schema); mistakes != nil {
		t.Error(mistakes)
	}
	if !forms.TakesSeveral(schema) || forms.TakesSeveral([]byte(form(`"a":{"enum":["b"]}`))) || forms.TakesSeveral(nil) {
		t.Error("a field that takes several choices is not recognised, or another one is taken for it")
	}
}

// What is ticked becomes an array in the order of the schema, each choice once, as it is
// written there.
func TestReadSeveral(t *testing.T) {
	schema := form(`"areas":{"type":"array","minItems":2,"maxItems":3,"items":{"enum":["db","\u0075i",1.50,"x"]}},"more":{"type":"array","items":{"enum":["a"]}}`)
	for name, c := range map[string]struct {
		schema   string
		ticked   []string
		object   string
		problems []forms.Problem
	}{
		"two":              {schema, []string{`"db"`, "1.50"}, `{"areas":["db",1.50]}`, nil},
		"another order":    {schema, []string{"1.50", `"\u0075i"`, `"db"`, "1.50"}, `{"areas":["db","\u0075i",1.50]}`, nil},
		"none":             {schema, nil, `{}`, nil},
		"empty":            {schema, []string{"", ""}, `{}`, nil},
		"one":              {schema, []string{`"x"`}, `{"areas":["x"]}`, []forms.Problem{{Field: "areas", Kind: forms.ProblemTooFew, Limit: "2"}}},
		"all":              {schema, []string{`"x"`, `"db"`, "1.50", `"\u0075i"`}, `{"areas":["db","\u0075i",1.50,"x"]}`, []forms.Problem{{Field: "areas", Kind: forms.ProblemTooMany, Limit: "3"}}},
		"not offered":      {schema, []string{`"db"`, `"ui"`}, "", []forms.Problem{{Field: "areas", Kind: forms.ProblemNotAChoice}}},
		"two in one":       {schema, []string{`"db",1.50`}, "", []forms.Problem{{Field: "areas", Kind: forms.ProblemNotAChoice}}},
		"required":         {strings.Replace(schema, `"object"`, `"object","required":["areas"]`, 1), nil, `{}`, []forms.Problem{{Field: "areas", Kind: forms.ProblemMissing}}},
		"text takes first": {form(`"areas":{"type":"string"}`), []string{"a", "b"}, `{"areas":"a"}`, nil},
	} {
		parsed, mistakes := forms.Parse([]byte(c.schema))
		if mistakes != nil {
			t.Fatal(name, mistakes)
		}
		object, problems := parsed.Read(func(field string) []string {
			if field == "areas" {
				return c.ticked
			}
			return nil
		})
		if string(object) != c.object || !slices.Equal(problems, c.problems) {
			t.Errorf("%s: %s with %v, want %s with %v", name, object, problems, c.object, c.problems)
		}
	}
}
