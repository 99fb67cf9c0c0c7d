package forms

import (
	"errors"
	"math"
	"slices"

	"callback-relay/schemas"
)

// Form is the form of an approval, made from its JSON Schema. It never changes, so it
// is safe for concurrent use.
type Form struct {
	fields []Field
	schema *schemas.Schema // nil if this release cannot use the registered schema
	bytes  int             // an upper estimate of the memory that the form takes
}

// Mistake is one mistake in a schema. It quotes no values.
type Mistake struct {
	At      string // the path of the keyword, such as "properties.amount.minimum"; "" for the schema as a whole
	Problem string
}

// Error implements error.
func (m *Mistake) Error() string { return m.Problem }

// Parse reads the schema in a new registration, or lists what is wrong with it.
func Parse(schema []byte) (*Form, []Mistake) {
	fields, mistakes := parseFields(schema)
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	form, err := newForm(fields, schema, bounds)
	if wrong := (*Mistake)(nil); errors.As(err, &wrong) {
		return nil, []Mistake{*wrong}
	}
	return form, nil
}

// parseStored reads a stored schema, perhaps from a release that allowed more. It
// leaves out what it cannot read; a form that is then typed has a problem.
func parseStored(schema []byte) *Form {
	fields, _ := parseFields(schema)
	form, err := newForm(fields, schema, boundsStored)
	if err != nil {
		return &Form{fields: fields, bytes: bytesPerByte * len(schema)}
	}
	return form
}

// bounds keep the check of a form well under a tenth of a second, whatever was typed: a step
// was measured to take up to 20 ns.
var bounds = schemas.Bounds{
	Bytes: MaxSchemaBytes, Members: MaxFields, Chars: MaxFieldChars, PatternSteps: 3_000_000, PatternBytes: 4 << 20,
}

// boundsStored are for schemas that are already registered, perhaps by a release that allowed
// more. Their memory is only counted.
var boundsStored = schemas.Bounds{
	Bytes: MaxSchemaBytes, Members: MaxFields, Chars: MaxFieldChars,
	PatternSteps: schemas.MaxPatternSteps * MaxFieldChars, PatternBytes: math.MaxInt,
}

// bytesPerByte is the most memory that the fields of a form take for each byte of its
// schema's text. TestCacheIsBounded measures it.
const bytesPerByte = 32

func newForm(fields []Field, schema []byte, bounds schemas.Bounds) (*Form, error) {
	compiled, err := schemas.Compile(schema, bounds)
	if err != nil {
		return nil, &Mistake{"", err.Error()}
	}
	return &Form{fields: fields, schema: compiled, bytes: bytesPerByte*len(schema) + compiled.Memory()}, nil
}

// Fields returns the inputs of the form, in the order of the schema. The caller must
// not change them. A nil form has none.
func (f *Form) Fields() []Field {
	if f == nil {
		return nil
	}
	return f.fields
}

// Read turns what was typed into a JSON object, or lists the problems: at most one
// for each field, in the order of the fields. typed returns the texts for a field: only
// one that takes several choices reads more than the first.
func (f *Form) Read(typed func(name string) []string) (object []byte, problems []Problem) {
	object, problems = readFields(f.fields, typed)
	if len(problems) > 0 {
		return nil, problems
	}
	problems, err := f.validate(object, false)
	if err != nil {
		problems = append(slices.Clip(problems), Problem{Kind: ProblemInvalid})
	}
	return object, problems
}

// ReadValid turns into a JSON object what was typed and is valid, and leaves the rest out,
// since a rejection need not fill in the form.
func (f *Form) ReadValid(typed func(name string) []string) (object []byte) {
	left := slices.Clone(f.fields)
	for range validTries {
		object, _ = readFields(left, typed)
		problems, err := f.validate(object, true)
		if err != nil {
			break
		}
		if len(problems) == 0 {
			return object
		}
		left = slices.DeleteFunc(left, func(field Field) bool {
			return slices.ContainsFunc(problems, func(p Problem) bool { return p.Field == field.Name })
		})
	}
	return []byte("{}")
}

// validTries bounds the work: without one field, another can become invalid, and so on.
const validTries = 3

// validate lists what is wrong with an object. With partial, a missing value is not a
// problem. It returns an error if the object cannot be checked at all.
func (f *Form) validate(object []byte, partial bool) ([]Problem, error) {
	if f.schema == nil {
		return nil, errors.New("the schema cannot be used")
	}
	filled, err := schemas.Decode(object)
	if err != nil {
		return nil, err
	}
	if _, isObject := filled.(map[string]any); !isObject {
		return nil, errors.New("the filled form is not an object")
	}
	violations, err := f.schema.Violations(filled)
	if err != nil {
		return nil, err
	}
	return problemsOf(violations, f.fields, partial), nil
}
