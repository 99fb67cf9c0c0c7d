package forms

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"callback-relay/bodies"
)

// drafts are the dialects that a schema can choose with $schema. The default is the
// newest.
var drafts = map[string]*jsonschema.Draft{
	"https://json-schema.org/draft/2020-12/schema": jsonschema.Draft2020,
	"https://json-schema.org/draft/2019-09/schema": jsonschema.Draft2019,
	"http://json-schema.org/draft-07/schema":       jsonschema.Draft7,
}

// compile compiles a schema, or returns what is wrong with it as a *[Mistake].
func compile(schema []byte, most limits) (*jsonschema.Schema, size, error) {
	if len(schema) > MaxSchemaBytes {
		return nil, size{}, refuse("has %d bytes, but at most %d are allowed", len(schema), MaxSchemaBytes)
	}
	decoded, err := decode(schema)
	if err != nil {
		return nil, size{}, refuse("%v", err)
	}
	top, isObject := decoded.(map[string]any)
	if !isObject {
		return nil, size{}, refuse("must be an object")
	}
	draft, err := draftOf(top)
	if err != nil {
		return nil, size{}, err
	}
	g, err := guardAgainst(top, most)
	if err != nil {
		return nil, size{}, err
	}
	compiled, err := compileAs(draft, top, g.longest)
	return compiled, g.size, err
}

// here is the name of a schema while it is compiled.
const here = "urn:callback-relay:fields"

func compileAs(draft *jsonschema.Draft, schema map[string]any, longest map[string]int) (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(draft)
	c.AssertFormat()
	c.UseLoader(nowhere{}) // the guard already refuses such references: this is a second barrier
	c.UseRegexpEngine(func(text string) (jsonschema.Regexp, error) { return compilePattern(text, longest) })
	if err := c.AddResource(here, schema); err != nil {
		return nil, refuse("is not a valid JSON Schema")
	}
	compiled, err := c.Compile(here)
	if wrong := (*jsonschema.SchemaValidationError)(nil); errors.As(err, &wrong) {
		where := (*jsonschema.ValidationError)(nil)
		if errors.As(wrong.Err, &where) {
			return nil, refuse("is not a valid JSON Schema, at %s", shown(deepest(where)))
		}
	}
	if err != nil {
		return nil, refuse("is not a valid JSON Schema")
	}
	return compiled, nil
}

// draftOf removes $schema and $id from a schema and returns its dialect. The id is a
// name for other schemas to refer to, and there are none.
func draftOf(schema map[string]any) (*jsonschema.Draft, error) {
	name, given := schema["$schema"]
	delete(schema, "$schema")
	delete(schema, "$id")
	if !given {
		return jsonschema.Draft2020, nil
	}
	text, _ := name.(string)
	draft, known := drafts[strings.TrimSuffix(text, "#")]
	if !known {
		return nil, refuse("has an unsupported $schema: use 2020-12, 2019-09 or draft-07, or leave it out")
	}
	return draft, nil
}

// nowhere loads nothing.
type nowhere struct{}

// Load implements [jsonschema.URLLoader].
func (nowhere) Load(string) (any, error) {
	return nil, errors.New("nothing is loaded from elsewhere")
}

// compilePattern compiles a pattern of bounded cost. The library also calls it for
// typed texts of the format regex, which are compiled but never matched.
func compilePattern(text string, longest map[string]int) (jsonschema.Regexp, error) {
	if _, _, err := patternCost(text); err != nil {
		return nil, err
	}
	compiled, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	return pattern{compiled, longest[text]}, nil
}

// pattern matches texts up to the length for which its cost was counted. A longer text
// does not match the schema anyway.
type pattern struct {
	*regexp.Regexp
	longest int // characters
}

// MatchString implements [jsonschema.Regexp].
func (p pattern) MatchString(text string) bool {
	return utf8.RuneCountInString(text) <= p.longest && p.Regexp.MatchString(text)
}

// decode reads JSON, keeps numbers as they are written, and refuses numbers that are
// too costly. The errors continue a sentence.
func decode(text []byte) (value any, err error) {
	if bodies.CheckJSON(text) != nil {
		return nil, errors.New("is not one JSON value")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		return nil, errors.New("is not one JSON value")
	}
	if !eachShort(value) {
		return nil, errors.New("has a number of more than 40 characters or with an exponent of more than 3 digits")
	}
	return value, nil
}

// eachShort reports whether every number in a value is an [isShortNumber].
func eachShort(value any) bool {
	switch value := value.(type) {
	case json.Number:
		return isShortNumber(value.String())
	case []any:
		for _, item := range value {
			if !eachShort(item) {
				return false
			}
		}
	case map[string]any:
		for _, item := range value {
			if !eachShort(item) {
				return false
			}
		}
	}
	return true
}

// refuse makes the error of a schema that cannot be used.
func refuse(format string, args ...any) error {
	return &Mistake{"", fmt.Sprintf(format, args...)}
}
