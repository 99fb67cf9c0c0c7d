package forms_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"callback-relay/forms"
)

func TestParseFields(t *testing.T) {
	fields, err := forms.ParseFields([]byte(`{"type":"object","required":["z","ok","a"],"properties":{
		"z":{"type":"string","title":"Reason","description":"Why?","maxLength":200,"default":"none"},
		"a":{"type":"string","maxLength":201},
		"n":{"type":"number","minimum":-1.50,"maximum":1e3,"multipleOf":0.5,"default":2.50},
		"i":{"type":"integer","default":1.0},
		"ok":{"type":"boolean","const":true,"default":true},
		"no":{"type":"boolean","default":false},
		"c":{"enum":["b","\u0061",3.10],"default":"a"},
		"o":{"type":"integer","oneOf":[{"const":1,"title":"One"},{"const":2}],"default":2},
		"d":{"type":"string","format":"date","default":"2030-01-31"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []forms.Field{
		{Name: "z", Title: "Reason", Description: "Why?", Kind: forms.FieldText, Required: true, MaxLength: 200, Default: "none"},
		{Name: "a", Title: "a", Kind: forms.FieldLongText, Required: true, MaxLength: 201},
		{Name: "n", Title: "n", Kind: forms.FieldNumber, Minimum: "-1.50", Maximum: "1e3", MultipleOf: "0.5", Default: "2.50"},
		{Name: "i", Title: "i", Kind: forms.FieldInteger, Default: "1.0"},
		{Name: "ok", Title: "ok", Kind: forms.FieldBoolean, Required: true, Default: "true"},
		{Name: "no", Title: "no", Kind: forms.FieldBoolean},
		{Name: "c", Title: "c", Kind: forms.FieldChoice, Choices: []forms.Choice{{`"b"`, "b"}, {`"\u0061"`, "a"}, {"3.10", "3.10"}}, Default: `"\u0061"`},
		{Name: "o", Title: "o", Kind: forms.FieldChoice, Choices: []forms.Choice{{"1", "One"}, {"2", "2"}}, Default: "2"},
		{Name: "d", Title: "d", Kind: forms.FieldDate, Default: "2030-01-31"},
	}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Error(diff)
	}
}

// A boolean always has a value, so listing it in required changes nothing for the person:
// only a const does.
func TestRequiredBoolean(t *testing.T) {
	fields, err := forms.ParseFields([]byte(`{"type":"object","required":["b"],"properties":{"b":{"type":"boolean"}}}`))
	if err != nil || fields[0].Required {
		t.Errorf("%+v, %v", fields, err)
	}
}

func TestDefaultsOfAnotherType(t *testing.T) {
	for _, property := range []string{
		`{"type":"string","default":1}`, `{"type":"number","default":"1"}`, `{"type":"integer","default":1.5}`,
		`{"type":"boolean","default":"true"}`, `{"enum":["a"],"default":"b"}`, `{"enum":["1"],"default":1}`,
		`{"type":"string","format":"date","default":"tomorrow"}`, `{"type":"string","default":null}`,
	} {
		fields, err := forms.ParseFields([]byte(form(`"a":` + property)))
		if err != nil || fields[0].Default != "" {
			t.Errorf("%s: %+v, %v", property, fields, err)
		}
	}
}

func TestParseFieldsRefuses(t *testing.T) {
	const at, a = "", "properties.a"
	many := make([]string, forms.MaxFields+1)
	for i := range many {
		many[i] = fmt.Sprintf(`"p%d":{"type":"string"}`, i)
	}
	for _, c := range []struct{ schema, field, problem string }{
		{``, at, "must be a JSON Schema"},
		{`secret`, at, "must be a JSON Schema"},
		{`true`, at, "must be a JSON Schema"},
		{form(`"a":{"type":"string"}`) + ` {}`, at, "must be a JSON Schema"},
		{`{"properties":{"a":{"type":"string"}}}`, at + ".type", "must be object"},
		{`{"type":["object"],"properties":{"a":{"type":"string"}}}`, at + ".type", "must be object"},
		{`{"type":"object"}`, at + ".properties", "at least one property"},
		{`{"type":"object","properties":["secret"]}`, at + ".properties", "at least one property"},
		{form(``), at + ".properties", "at least one property"},
		{form(strings.Join(many, ",")), at + ".properties", "has 21 entries, but at most 20"},
		{form(`"a":{"type":"string","default":"` + strings.Repeat("x", forms.MaxSchemaBytes) + `"}`), at, "at most 16384 are allowed"},
		{`{"type":"object","$ref":"#/$defs/secret","properties":{"a":{"type":"string"}}}`, at + ".$ref", "cannot be used here"},
		{form(`"1secret":{"type":"string"}`), at + ".properties", "has a name that is not"},
		{form(`"` + strings.Repeat("s", 65) + `":{"type":"string"}`), at + ".properties", "has a name that is not"},
		{form(`"a":{"type":"string"},"a":{"type":"string"}`), at, "a name is given more than once"},
		{form(`"a":{"type":"string","not":{"const":{"secret":1,"secret":1}}}`), at, "a name is given more than once"},
		{form(`"a":{"type":"number","multipleOf":1e1000}`), at, "exponent of more than 3 digits"},
		{form(`"a":{"type":"number","not":{"const":[1e999999999]}}`), at, "exponent of more than 3 digits"},
		{form(`"a":{"type":"number","minimum":` + strings.Repeat("1", 41) + `}`), at, "more than 40 characters"},
		{`{"type":"object","required":["secret"],"properties":{"a":{"type":"string"}}}`, at + ".required", "not the name of a property"},
		{`{"type":"object","required":[1],"properties":{"a":{"type":"string"}}}`, at + ".required", "not the name of a property"},
		{`{"type":"object","required":"a","properties":{"a":{"type":"string"}}}`, at + ".required", "must be a list"},
		{form(`"a":true`), a, "use the type string, number, integer or boolean"},
		{form(`"a":{}`), a, "use the type string, number, integer or boolean"},
		{form(`"a":{"type":"array","items":{"type":"string"}}`), a, "use the type string, number, integer or boolean"},
		{form(`"a":{"type":"array","items":[{"enum":["secret"]}]}`), a, "use the type string, number, integer or boolean"},
		{form(`"a":{"type":"array","items":{"enum":["secret"],"type":"boolean"}}`), a + ".items", "is a choice: set its type"},
		{form(`"a":{"type":"array","items":{"enum":["secret"],"$ref":"#/$defs/a"}}`), a + ".items", "cannot be a reference"},
		{form(`"a":{"type":"array","items":{"enum":["secret","secret"]}}`), a + ".items.enum", "entries that differ"},
		{form(`"a":{"type":"array","items":{"enum":[true]}}`), a + ".items.enum", "a string or a number"},
		{form(`"a":{"type":"array","items":{"enum":["b","c"]},"minItems":3}`), a + ".minItems", "must be at most 2"},
		{form(`"a":{"type":"array","items":{"enum":["b","c"]},"minItems":2,"maxItems":1}`), a + ".minItems", "must be at most 1"},
		{form(`"a":{"type":"array","items":{"enum":["b"]},"minItems":0.5}`), a + ".minItems", "must be a whole number"},
		{form(`"a":{"type":"array","items":{"enum":["b"]},"maxItems":-1}`), a + ".maxItems", "must be a whole number"},
		{form(`"a":{"type":"array","items":{"enum":[` + strings.Trim(strings.Repeat("1,", 41), ",") + `]}}`), a + ".items.enum", "entries that differ"},
		{form(`"a":{"type":"array","items":{"enum":[` + numbers(41) + `]}}`), a + ".items", "has 41 choices, but at most 40"},
		{form(`"a":{"type":"object"}`), a, "use the type string, number, integer or boolean"},
		{form(`"a":{"type":"null"}`), a, "use the type string, number, integer or boolean"},
		{form(`"a":{"type":["string","null"]}`), a, "use the type string, number, integer or boolean"},
		{form(`"a":{"type":"string","$ref":"#/$defs/secret"}`), a, "cannot be a reference"},
		{form(`"a":{"type":"boolean","enum":[true]}`), a, "is a choice: set its type"},
		{form(`"a":{"type":["string"],"enum":["secret"]}`), a, "is a choice: set its type"},
		{form(`"a":{"enum":["secret"],"oneOf":[{"const":"secret"}]}`), a, "both enum and oneOf"},
		{form(`"a":{"enum":[]}`), a + ".enum", "at least one entry"},
		{form(`"a":{"enum":null}`), a + ".enum", "at least one entry"},
		{form(`"a":{"enum":["secret",null]}`), a + ".enum", "a string or a number"},
		{form(`"a":{"type":"string","enum":[1]}`), a + ".enum", "not a string"},
		{form(`"a":{"type":"number","enum":["secret"]}`), a + ".enum", "not a number"},
		{form(`"a":{"type":"integer","enum":[1.5]}`), a + ".enum", "not a whole number"},
		{form(`"a":{"enum":["secret","secret"]}`), a + ".enum", "entries that differ"},
		{form(`"a":{"enum":["a","\u0061"]}`), a + ".enum", "entries that differ"},
		{form(`"a":{"enum":["` + strings.Repeat("s", 201) + `"]}`), a + ".enum", "at most 200 characters"},
		{form(`"a":{"oneOf":[{"title":"secret"}]}`), a + ".oneOf", "an object with a title and a const that is a string or a number"},
		{form(`"a":{"oneOf":["secret"]}`), a + ".oneOf", "an object with a title and a const"},
		{form(`"a":{"oneOf":[{"const":1,"title":2}]}`), a + ".oneOf.title", "must be a string"},
		{form(`"a":{"type":"string","title":1}`), a + ".title", "must be a string of at most 200"},
		{form(`"a":{"type":"string","title":"` + strings.Repeat("é", 201) + `"}`), a + ".title", "must be a string of at most 200"},
		{form(`"a":{"type":"string","description":"` + strings.Repeat("é", 1001) + `"}`), a + ".description", "must be a string of at most 1000"},
		{form(`"a":{"type":"string","maxLength":0}`), a + ".maxLength", "from 1 to 10000"},
		{form(`"a":{"type":"string","maxLength":10001}`), a + ".maxLength", "from 1 to 10000"},
		{form(`"a":{"type":"string","maxLength":1.5}`), a + ".maxLength", "from 1 to 10000"},
		{form(`"a":{"type":"string","maxLength":"secret"}`), a + ".maxLength", "from 1 to 10000"},
		{form(`"a":{"type":"number","minimum":"secret"}`), a + ".minimum", "must be a number"},
	} {
		_, err := forms.ParseFields([]byte(c.schema))
		var invalid *forms.Mistake
		switch {
		case !errors.As(err, &invalid):
			t.Errorf("%.80s: %v", c.schema, err)
		case invalid.At != strings.TrimPrefix(c.field, ".") || !strings.Contains(invalid.Problem, c.problem):
			t.Errorf("%.80s: %v", c.schema, err)
		case strings.Contains(err.Error(), "secret"):
			t.Errorf("the error quotes a value: %v", err)
		}
	}
}

// Values exactly at a bound are accepted.
func TestParseFieldsTakesItsBounds(t *testing.T) {
	twenty := make([]string, forms.MaxFields)
	for i := range twenty {
		twenty[i] = fmt.Sprintf(`"%s%02d":{"type":"string"}`, strings.Repeat("n", 62), i)
	}
	full := form(`"a":{"type":"string"}`)
	full += strings.Repeat(" ", forms.MaxSchemaBytes-len(full))
	for _, schema := range []string{
		form(strings.Join(twenty, ",")), full,
		form(`"a":{"type":"string","title":"` + strings.Repeat("é", 200) + `","description":"` + strings.Repeat("é", 1000) + `","maxLength":1e4}`),
		form(`"a":{"type":"number","minimum":` + strings.Repeat("1", 40) + `,"maximum":1e999}`),
		form(`"a":{"enum":["` + strings.Repeat("é", 200) + `"]}`),
	} {
		if _, err := forms.ParseFields([]byte(schema)); err != nil {
			t.Errorf("%.80s: %v", schema, err)
		}
	}
}

// All mistakes are reported at once.
func TestParseFieldsJoinsItsErrors(t *testing.T) {
	_, err := forms.ParseFields([]byte(`{"properties":{"a":{},"b":{"type":"string","title":1}}}`))
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 3 {
		t.Errorf("%v", err)
	}
}

func TestReadFields(t *testing.T) {
	const none = ""
	choices := []forms.Choice{{`"a b"`, "a b"}, {"1.0", "one"}}
	for _, c := range []struct {
		kind    forms.FieldKind
		typed   string
		value   string // none for left out
		problem forms.ProblemKind
	}{
		{forms.FieldText, "", none, ""},
		{forms.FieldText, " \t\u00a0", none, ""},
		{forms.FieldText, "  a <b> & \"c\" é ", `"a <b> & \"c\" é"`, ""},
		{forms.FieldText, "a\r\nb\rc", `"a\nb\nc"`, ""},
		{forms.FieldText, "a\xff", none, forms.ProblemInvalid},
		{forms.FieldText, strings.Repeat("é", forms.MaxFieldChars), `"` + strings.Repeat("é", forms.MaxFieldChars) + `"`, ""},
		{forms.FieldText, strings.Repeat("é", forms.MaxFieldChars+1), none, forms.ProblemTooLong},
		{forms.FieldLongText, "  a\r\n  b\r\n", `"  a\n  b\n"`, ""},
		{forms.FieldLongText, " \r\n ", none, ""},
		{forms.FieldDate, " 2030-01-31 ", `"2030-01-31"`, ""},
		{forms.FieldBoolean, "", "false", ""},
		{forms.FieldBoolean, "true", "true", ""},
		{forms.FieldBoolean, "on", none, forms.ProblemNotAChoice},
		{forms.FieldNumber, "", none, ""},
		{forms.FieldNumber, " 12345678901234567890.120 ", "12345678901234567890.120", ""},
		{forms.FieldNumber, "-0", "-0", ""},
		{forms.FieldNumber, "1E+09", "1E+09", ""},
		{forms.FieldNumber, "1e-999", "1e-999", ""},
		{forms.FieldNumber, strings.Repeat("9", 40), strings.Repeat("9", 40), ""},
		{forms.FieldNumber, strings.Repeat("9", 41), none, forms.ProblemNotANumber},
		{forms.FieldNumber, "1e1000", none, forms.ProblemNotANumber},
		{forms.FieldNumber, "+1", none, forms.ProblemNotANumber},
		{forms.FieldNumber, ",5", none, forms.ProblemNotANumber},
		{forms.FieldNumber, ".", none, forms.ProblemNotANumber},
		{forms.FieldNumber, "-", none, forms.ProblemNotANumber},
		{forms.FieldNumber, "-.", none, forms.ProblemNotANumber},
		{forms.FieldNumber, "e5", none, forms.ProblemNotANumber},
		{forms.FieldNumber, "1.2.3", none, forms.ProblemNotANumber},
		{forms.FieldNumber, "--1", none, forms.ProblemNotANumber},
		{forms.FieldNumber, "0x1f", none, forms.ProblemNotANumber},
		{forms.FieldNumber, "1_000", none, forms.ProblemNotANumber},
		{forms.FieldNumber, "1 000", none, forms.ProblemNotANumber},
		{forms.FieldNumber, "1\n2", none, forms.ProblemNotANumber},
		{forms.FieldNumber, "1,5", none, forms.ProblemNotANumber},
		{forms.FieldNumber, "NaN", none, forms.ProblemNotANumber},
		{forms.FieldNumber, "١", none, forms.ProblemNotANumber},
		{forms.FieldInteger, "1.0", "1.0", ""},
		{forms.FieldInteger, "1e2", "1e2", ""},
		{forms.FieldInteger, "10e-1", "10e-1", ""},
		{forms.FieldInteger, "1.5", none, forms.ProblemNotWhole},
		{forms.FieldInteger, "1e-1", none, forms.ProblemNotWhole},
		{forms.FieldInteger, "one", none, forms.ProblemNotANumber},
		{forms.FieldChoice, "", none, ""},
		{forms.FieldChoice, `"a b"`, `"a b"`, ""},
		{forms.FieldChoice, "1.0", "1.0", ""},
		{forms.FieldChoice, "1", none, forms.ProblemNotAChoice},
		{forms.FieldChoice, ` "a b"`, none, forms.ProblemNotAChoice},
		{forms.FieldChoice, `{"a":1}`, none, forms.ProblemNotAChoice},
	} {
		object, problems := forms.ReadFields([]forms.Field{{Name: "f", Kind: c.kind, Choices: choices}}, func(string) string { return c.typed })
		want, wantProblems := `{"f":`+c.value+`}`, []forms.Problem(nil)
		if c.value == none {
			want = `{}`
		}
		if c.problem != "" {
			wantProblems = []forms.Problem{{Field: "f", Kind: c.problem}}
		}
		if c.problem == forms.ProblemTooLong {
			wantProblems[0].Limit = "10000"
		}
		if string(object) != want || !cmp.Equal(problems, wantProblems) {
			t.Errorf("%s %.40q: %.60s %v, want %.60s %v", c.kind, c.typed, object, problems, want, wantProblems)
		}
	}
}

// The object has the order of the fields, and each field is read by its own name.
func TestReadFieldsOrder(t *testing.T) {
	fields := []forms.Field{{Name: "z", Kind: forms.FieldText}, {Name: "b", Kind: forms.FieldBoolean}, {Name: "n", Kind: forms.FieldNumber}, {Name: "a", Kind: forms.FieldInteger}}
	typed := map[string]string{"z": "last", "n": "x", "a": "7"}
	object, problems := forms.ReadFields(fields, func(name string) string { return typed[name] })
	if string(object) != `{"z":"last","b":false,"a":7}` {
		t.Errorf("%s", object)
	}
	if diff := cmp.Diff([]forms.Problem{{Field: "n", Kind: forms.ProblemNotANumber}}, problems); diff != "" {
		t.Error(diff)
	}
}

// A number with a huge exponent is refused before anything calculates with it.
func TestVastNumbersCostNothing(t *testing.T) {
	start := time.Now()
	for _, kind := range []forms.FieldKind{forms.FieldNumber, forms.FieldInteger} {
		for _, typed := range []string{"1e99999999", "1e-99999999", "1" + strings.Repeat("0", 5000), "1e" + strings.Repeat("9", 5000)} {
			_, problems := forms.ReadFields([]forms.Field{{Name: "n", Kind: kind}}, func(string) string { return typed })
			if len(problems) != 1 || problems[0].Kind != forms.ProblemNotANumber {
				t.Errorf("%s %.20s: %v", kind, typed, problems)
			}
		}
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("took %v", took)
	}
}

// An accepted number is written into the object digit by digit, and only whole numbers
// count as whole.
func TestNumbersKeepTheirDigits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.StringMatching(`-?(0|[1-9][0-9]{0,12})(\.[0-9]{1,12})?([eE][+-]?[0-9]{1,3})?`).Draw(t, "number")
		object, problems := forms.ReadFields([]forms.Field{{Name: "n", Kind: forms.FieldNumber}}, func(string) string { return number })
		if string(object) != `{"n":`+number+`}` || problems != nil {
			t.Fatalf("%s becomes %s %v", number, object, problems)
		}
	})
}

// Row 96: numbers are understood as browsers send them and as people paste them.
func TestNumbersAsTyped(t *testing.T) {
	for typed, want := range map[string]string{
		".5": "0.5", "-.5": "-0.5", "05": "5", "-05": "-5", "007.50": "7.50", "5.": "5", "-0.": "-0", "00": "0", "0": "0", "0.0": "0.0", "00.5": "0.5",
		"1e3": "1e3", "1E+3": "1E+3", ".5e-1": "0.5e-1", "5.e2": "5e2", "01e05": "1e05",
		"\n5\t": "5", "\u00a05\u202f": "5", "\u200b5\ufeff": "5", "\t-.5\r\n": "-0.5", "\u22125": "-5",
	} {
		object, problems := forms.ReadFields([]forms.Field{{Name: "n", Kind: forms.FieldNumber}}, func(string) string { return typed })
		if string(object) != `{"n":`+want+`}` || problems != nil {
			t.Errorf("%q becomes %s %v, want %s", typed, object, problems, want)
		}
	}
	for typed, want := range map[string]string{"05": "5", "1e3": "1e3", "5.": "5", "\u00a0007\u00a0": "7", "5.0": "5.0"} {
		object, problems := forms.ReadFields([]forms.Field{{Name: "n", Kind: forms.FieldInteger}}, func(string) string { return typed })
		if string(object) != `{"n":`+want+`}` || problems != nil {
			t.Errorf("%q becomes %s %v, want %s", typed, object, problems, want)
		}
	}
}

// Row 96: dates with times, times, email addresses and URLs are converted to their formats,
// however a browser sends them or a person pastes them.
func TestFormatsAsTyped(t *testing.T) {
	for _, c := range []struct {
		kind        forms.FieldKind
		typed, want string
	}{
		{forms.FieldDateTime, "2030-01-31T14:30", "2030-01-31T14:30:00Z"},
		{forms.FieldDateTime, "2030-01-31T14:30:05", "2030-01-31T14:30:05Z"},
		{forms.FieldDateTime, "2030-01-31T14:30:05.25", "2030-01-31T14:30:05.25Z"},
		{forms.FieldDateTime, " 2030-01-31 14:30\u200b", "2030-01-31T14:30:00Z"},
		{forms.FieldDateTime, "2030-01-31, 9:30 UTC", "2030-01-31T09:30:00Z"},
		{forms.FieldDateTime, "2030-01-31t14:30z", "2030-01-31T14:30:00Z"},
		{forms.FieldDateTime, "2030-01-31T14:30:00+01:00", "2030-01-31T14:30:00+01:00"},
		{forms.FieldDateTime, "2030-01-31 14:30 -0330", "2030-01-31T14:30:00-03:30"},
		{forms.FieldDateTime, "tomorrow", "tomorrow"},
		{forms.FieldDateTime, "2030-01-31", "2030-01-31"},
		{forms.FieldDateTime, "2030-01-31 soon", "2030-01-31 soon"},
		{forms.FieldTime, "14:30", "14:30:00Z"},
		{forms.FieldTime, "9:30", "09:30:00Z"},
		{forms.FieldTime, "14:30:05", "14:30:05Z"},
		{forms.FieldTime, "14:30 GMT", "14:30:00Z"},
		{forms.FieldTime, "14:30+02:00", "14:30:00+02:00"},
		{forms.FieldTime, "14h30", "14h30"},
		{forms.FieldEmail, "\u00a0dana@example.com\u200b", "dana@example.com"},
		{forms.FieldURL, " https://example.com/?a=1\ufeff\n", "https://example.com/?a=1"},
	} {
		object, problems := forms.ReadFields([]forms.Field{{Name: "f", Kind: c.kind}}, func(string) string { return c.typed })
		if string(object) != `{"f":"`+c.want+`"}` || problems != nil {
			t.Errorf("%s %q becomes %s %v, want %s", c.kind, c.typed, object, problems, c.want)
		}
	}
	// A text may end in an invisible character that belongs to the letter before it.
	if object, _ := forms.ReadFields([]forms.Field{{Name: "f", Kind: forms.FieldText}}, func(string) string { return " ❤\ufe0f " }); string(object) != "{\"f\":\"❤\ufe0f\"}" {
		t.Errorf("%q", object)
	}
}

// The default of a time is shown in the form that its input accepts.
func TestDefaultsOfFormats(t *testing.T) {
	for property, want := range map[string]string{
		`{"type":"string","format":"date-time","default":"2030-01-31T14:30:00Z"}`:      "2030-01-31T14:30",
		`{"type":"string","format":"date-time","default":"2030-01-31T14:30:05+01:00"}`: "2030-01-31T13:30:05",
		`{"type":"string","format":"date-time","default":"now"}`:                       "",
		`{"type":"string","format":"time","default":"14:30:00Z"}`:                      "14:30",
		`{"type":"string","format":"time","default":"00:30:00+01:00"}`:                 "23:30",
		`{"type":"string","format":"email","default":"dana@example.com"}`:              "dana@example.com",
	} {
		fields, err := forms.ParseFields([]byte(`{"type":"object","properties":{"a":` + property + `}}`))
		if err != nil || len(fields) != 1 || fields[0].Default != want {
			t.Errorf("%s: %+v %v, want %q", property, fields, err, want)
		}
	}
}
