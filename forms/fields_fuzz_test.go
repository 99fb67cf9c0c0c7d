package forms_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"callback-relay/forms"
)

// An accepted schema has fields that a form can show, with valid bounds. What is typed
// becomes a JSON object with only these fields. A refused schema is reported as a field
// of the request.
func FuzzParseFields(f *testing.F) {
	for _, schema := range []string{
		form(`"a":{"type":"string","maxLength":300},"b":{"type":"boolean"},"n":{"type":"number","minimum":1},"i":{"type":"integer"}`),
		form(`"c":{"enum":["a",1],"default":1},"o":{"oneOf":[{"const":"x","title":"X"}]},"d":{"type":"string","format":"date"}`),
		form(`"m":{"type":"array","items":{"enum":["a",1.0]},"minItems":1,"maxItems":2},"o":{"type":"array","items":{"oneOf":[{"const":"x","title":"X"}]},"uniqueItems":true}`),
		form(`"a":{"type":"string","default":"\ud800","title":" "}`), form(`"a":{"enum":["\ud800","\r\n",""]}`),
		`{"type":"object","required":["a"],"properties":{"a":{"type":"string"}}}`, `{"type":"object","properties":{"a":{"type":"string"},"a":1}}`,
		``, `{`, `[]`, `{"type":"object","properties":{"":{}}}`, form(`"a":{"enum":[`), strings.Repeat(`{"a":`, 600), `{"type":"object","required":,}`,
	} {
		for _, typed := range []string{"", "1", "1.5", "true", `"a"`, "1.0\n\n\"a\"\n1.0", " x\r\n", "\xff", "1e999999999", `"\ud800"`} {
			f.Add([]byte(schema), typed)
		}
	}
	f.Fuzz(func(t *testing.T, schema []byte, typed string) {
		before := bytes.Clone(schema)
		fields, err := forms.ParseFields(schema)
		if !bytes.Equal(before, schema) {
			t.Error("the bytes were changed")
		}
		if invalid := (*forms.Mistake)(nil); err != nil {
			if !errors.As(err, &invalid) || invalid.Problem == "" {
				t.Errorf("%q: %v", schema, err)
			}
			return
		}
		if len(fields) == 0 || len(fields) > forms.MaxFields || len(schema) > forms.MaxSchemaBytes || !json.Valid(schema) {
			t.Fatalf("%q passes with %d fields", schema, len(fields))
		}
		known := map[string]bool{}
		for _, field := range fields {
			if known[field.Name] || field.Title == "" || field.Kind == "" || (field.Kind == forms.FieldChoice || field.Kind == forms.FieldChoices) != (len(field.Choices) > 0) ||
				utf8.RuneCountInString(field.Title) > forms.MaxFieldTitleChars {
				t.Errorf("%q has the field %+v", schema, field)
			}
			known[field.Name] = true
		}
		for _, give := range []func(forms.Field) string{
			func(forms.Field) string { return typed },
			func(field forms.Field) string { return field.Default },
		} {
			byName := map[string]string{}
			for _, field := range fields {
				byName[field.Name] = give(field)
			}
			object, problems := forms.ReadSeveral(fields, func(name string) []string { return strings.Split(byName[name], "\n") })
			var read map[string]any
			if err := json.Unmarshal(object, &read); err != nil || !utf8.Valid(object) {
				t.Fatalf("%q makes %q: %v", typed, object, err)
			}
			for _, problem := range problems {
				if _, there := read[problem.Field]; there || !known[problem.Field] {
					t.Errorf("%q makes %q with %v", typed, object, problem)
				}
			}
			for name := range read {
				if !known[name] {
					t.Errorf("%q makes %q", typed, object)
				}
			}
			for _, field := range fields {
				if several, is := read[field.Name].([]any); is != (field.Kind == forms.FieldChoices && read[field.Name] != nil) || len(several) > len(field.Choices) {
					t.Errorf("%q makes %q of %+v", typed, object, field)
				}
			}
		}
	})
}
