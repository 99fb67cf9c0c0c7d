package schemas

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

// Schema is a compiled schema. It never changes, so it is safe for concurrent use.
type Schema struct {
	schema      *jsonschema.Schema
	top         map[string]any // as decoded
	unevaluated bool           // it uses unevaluatedItems or unevaluatedProperties
	size        size
}

// Compile compiles a schema. The error says what is wrong with it: it continues a sentence
// about the schema, and quotes no values.
func Compile(schema []byte, bounds Bounds) (*Schema, error) {
	if len(schema) > bounds.Bytes {
		return nil, refuse("has %d bytes, but at most %d are allowed", len(schema), bounds.Bytes)
	}
	decoded, err := Decode(schema)
	if err != nil {
		return nil, refuse("%v", err)
	}
	top, isObject := decoded.(map[string]any)
	if !isObject {
		return nil, refuse("must be an object")
	}
	draft, err := draftOf(top)
	if err != nil {
		return nil, err
	}
	g := &guard{top: top, bounds: bounds, known: map[string]*cost{}, longest: map[string]int{}}
	if err := g.count(); err != nil {
		return nil, err
	}
	compiled, err := compileAs(draft, top, g.longest)
	if err != nil {
		return nil, err
	}
	return &Schema{compiled, top, mentions(top, "unevaluatedItems", "unevaluatedProperties"), g.size}, nil
}

// The most memory that a compiled schema takes, in bytes. A test of package forms measures
// it.
const (
	bytesPerSchema = 1200
	bytesPerValue  = 100
	bytesPerStep   = 100 // of a pattern
	bytesPerEnd    = 8   // of a range of characters in it
)

// Memory returns an upper estimate of the bytes that the schema takes.
func (s *Schema) Memory() int {
	return bytesPerSchema*s.size.schemas + bytesPerValue*s.size.values + s.size.patternBytes
}

// here is the name of a schema while it is compiled.
const here = "urn:callback-relay:schema"

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

// Decode reads JSON for [Schema.Check]: it keeps numbers as they are written, and refuses
// those that are not [IsShortNumber]. The errors continue a sentence.
func Decode(text []byte) (value any, err error) {
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

// eachShort reports whether every number in a value is an [IsShortNumber].
func eachShort(value any) bool {
	switch value := value.(type) {
	case json.Number:
		return IsShortNumber(value.String())
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
	return fmt.Errorf(format, args...)
}

// deepest returns the place in a schema of the first mistake that the library found.
func deepest(wrong *jsonschema.ValidationError) []string {
	if len(wrong.Causes) == 0 {
		return wrong.InstanceLocation
	}
	var first []string
	for i, cause := range wrong.Causes {
		if at := deepest(cause); i == 0 || strings.Join(at, "/") < strings.Join(first, "/") {
			first = at
		}
	}
	return first
}
