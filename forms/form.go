package forms

import (
	"errors"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Form is the form of an approval, made from its JSON Schema. It never changes, so it
// is safe for concurrent use.
type Form struct {
	fields []Field
	schema *jsonschema.Schema // nil if this release cannot use the registered schema
	bytes  int                // an upper estimate of the memory that the form takes
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
	form, err := newForm(fields, schema, limitsNew)
	if wrong := (*Mistake)(nil); errors.As(err, &wrong) {
		return nil, []Mistake{*wrong}
	}
	return form, nil
}

// parseStored reads a stored schema, perhaps from a release that allowed more. It
// leaves out what it cannot read; a form that is then typed has a problem.
func parseStored(schema []byte) *Form {
	fields, _ := parseFields(schema)
	form, err := newForm(fields, schema, limitsStored)
	if err != nil {
		return &Form{fields: fields, bytes: bytesPerByte * len(schema)}
	}
	return form
}

// The most memory that a form can take, in bytes. TestCacheIsBounded measures it.
const (
	bytesPerByte   = 32 // of the schema's text, for the fields
	bytesPerSchema = 1200
	bytesPerValue  = 100
	bytesPerStep   = 100 // of a pattern
	bytesPerEnd    = 8   // of a range of characters in it
)

func newForm(fields []Field, schema []byte, most limits) (*Form, error) {
	compiled, size, err := compile(schema, most)
	if err != nil {
		return nil, err
	}
	bytes := bytesPerByte*len(schema) + bytesPerSchema*size.schemas + bytesPerValue*size.values + size.patternBytes
	return &Form{fields: fields, schema: compiled, bytes: bytes}, nil
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
// for each field, in the order of the fields. typed returns the text for a field, ""
// for none. With partial, a missing value is not a problem, since a rejection need not
// fill in the form.
func (f *Form) Read(typed func(name string) string, partial bool) (object []byte, problems []Problem) {
	object, problems = readFields(f.fields, typed)
	if len(problems) > 0 {
		return nil, problems
	}
	problems, err := f.validate(object, partial)
	if err != nil {
		problems = append(slices.Clip(problems), Problem{Kind: ProblemInvalid})
	}
	return object, problems
}

// validate lists what is wrong with an object. It returns an error if the object cannot
// be checked at all.
func (f *Form) validate(object []byte, partial bool) ([]Problem, error) {
	if f.schema == nil {
		return nil, errors.New("the schema cannot be used")
	}
	filled, err := decode(object)
	if err != nil {
		return nil, err
	}
	if _, isObject := filled.(map[string]any); !isObject {
		return nil, errors.New("the filled form is not an object")
	}
	err = f.schema.Validate(filled)
	if err == nil {
		return nil, nil
	}
	wrong := (*jsonschema.ValidationError)(nil)
	if !errors.As(err, &wrong) {
		return nil, errors.New("the filled form cannot be checked")
	}
	return problemsOf(wrong, f.fields, partial), nil
}
