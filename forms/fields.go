package forms

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"callback-relay/bodies"
	"callback-relay/schemas"
)

// FieldKind says what kind of input a field of an approval form has.
type FieldKind string

// The kinds. A string whose format has its own input in browsers has its own kind.
const (
	FieldText     FieldKind = "text"
	FieldLongText FieldKind = "longtext" // a string that may be longer than 200 characters
	FieldNumber   FieldKind = "number"
	FieldInteger  FieldKind = "integer"
	FieldBoolean  FieldKind = "boolean"
	FieldChoice   FieldKind = "choice"
	FieldChoices  FieldKind = "choices"  // an array of choices, each at most once
	FieldDate     FieldKind = "date"     // a string of the format date: 2030-01-31
	FieldDateTime FieldKind = "datetime" // of the format date-time, shown and typed in UTC
	FieldTime     FieldKind = "time"     // of the format time, likewise
	FieldEmail    FieldKind = "email"    // of the format email
	FieldURL      FieldKind = "url"      // of the format uri
)

// Field is one input of an approval form.
type Field struct {
	Name        string
	Title       string // the name where the schema gives none
	Description string
	Kind        FieldKind
	// Required says that the field must be filled in. A boolean always has a value,
	// since an unticked box means no; if it is required, it must be ticked.
	Required   bool
	Choices    []Choice
	Minimum    string // a JSON number as the schema writes it, "" for none; of several choices, how many
	Maximum    string // likewise
	MultipleOf string // likewise
	MaxLength  int    // characters, 0 for none
	Default    string // in the form in which it is typed: for a choice its Value, for a boolean "true" or ""
}

// Choice is one option of a field of kind choice or choices.
type Choice struct {
	Value string // its JSON text, which is also what the form sends
	Title string
}

// ProblemKind says what is wrong with what was typed into a field.
type ProblemKind string

// The kinds of problems. ProblemInvalid is for all problems without a kind of their
// own.
const (
	ProblemMissing      ProblemKind = "missing"
	ProblemTooLong      ProblemKind = "too-long"
	ProblemTooShort     ProblemKind = "too-short"
	ProblemTooSmall     ProblemKind = "too-small"
	ProblemTooLarge     ProblemKind = "too-large"
	ProblemNotANumber   ProblemKind = "not-a-number"
	ProblemNotWhole     ProblemKind = "not-whole"
	ProblemNotAMultiple ProblemKind = "not-a-multiple"
	ProblemNotADate     ProblemKind = "not-a-date"
	ProblemNotAChoice   ProblemKind = "not-a-choice"
	ProblemTooFew       ProblemKind = "too-few"  // choices
	ProblemTooMany      ProblemKind = "too-many" // likewise
	ProblemPattern      ProblemKind = "pattern"
	ProblemFormat       ProblemKind = "format" // Limit is an example of what would be right
	ProblemInvalid      ProblemKind = "invalid"
)

// Problem is one mistake in a filled form. It does not contain what was typed.
type Problem struct {
	Field string // its name, "" for the form as a whole
	Kind  ProblemKind
	Limit string // the bound that was violated; "" if it does not fit in a few characters
}

// The bounds of an approval form.
const (
	MaxSchemaBytes           = 16_384
	MaxFields                = 20
	MaxChoices               = 40 // of a field that takes several: all that can be ticked fit into one form
	MaxFieldTitleChars       = 200
	MaxFieldDescriptionChars = 1000
	// MaxFieldChars bounds the text in a field, even if its schema allows more. It
	// limits the cost of matching a pattern.
	MaxFieldChars = 10_000
	// longTextChars is the maxLength above which a text gets an input of several
	// lines.
	longTextChars = 200
)

var newlines = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// readFields turns what was typed into a JSON object, in the order of the fields.
// typed returns the texts for a field, none or one unless it takes several choices. Empty
// fields are left out, and so are fields with a problem. The schema may then report such a field as missing too,
// but the problem from readFields says more. readFields does not check the object
// against the schema.
//
// Numbers keep their digits but are written as in JSON: .5 becomes 0.5, and 05
// becomes 5. A time without a zone is in UTC. Line ends become \n, as browsers show
// them. Blanks around a value are removed: they come from pasting, and people cannot
// see them. Only a long text keeps them, since its first line may be indented on
// purpose. A boolean is true for the text "true" and false for none. Several choices are
// in the order of the schema.
func readFields(fields []Field, typed func(name string) []string) (object []byte, problems []Problem) {
	object = []byte{'{'}
	for _, f := range fields {
		value, problem := f.read(typed(f.Name))
		if problem != "" {
			limit := ""
			if problem == ProblemTooLong {
				limit = strconv.Itoa(MaxFieldChars)
			}
			problems = append(problems, Problem{Field: f.Name, Kind: problem, Limit: limit})
		}
		if value == nil {
			continue
		}
		if len(object) > 1 {
			object = append(object, ',')
		}
		object = append(append(append(object, bodies.Encode(f.Name)...), ':'), value...)
	}
	return append(object, '}'), problems
}

// read returns the JSON of what was typed, nil if nothing was typed, or the problem.
func (f Field) read(typed []string) ([]byte, ProblemKind) {
	switch {
	case f.Kind == FieldChoices:
		return f.readChoices(typed)
	case len(typed) == 0:
		return f.readOne("")
	}
	return f.readOne(typed[0])
}

// readChoices reads the choices that were ticked.
func (f Field) readChoices(typed []string) ([]byte, ProblemKind) {
	ticked := map[string]bool{}
	for _, value := range typed {
		if value == "" {
			continue
		}
		if !f.offers(value) {
			return nil, ProblemNotAChoice
		}
		ticked[value] = true
	}
	if len(ticked) == 0 {
		return nil, ""
	}
	var chosen []string
	for _, c := range f.Choices {
		if ticked[c.Value] {
			chosen = append(chosen, c.Value)
		}
	}
	return []byte("[" + strings.Join(chosen, ",") + "]"), ""
}

// offers tells whether a value is one of the choices.
func (f Field) offers(value string) bool {
	return slices.ContainsFunc(f.Choices, func(c Choice) bool { return c.Value == value })
}

// readOne reads the text of a field that takes one.
func (f Field) readOne(typed string) ([]byte, ProblemKind) {
	text := newlines.Replace(typed)
	bare := Trim(text)
	switch {
	case !utf8.ValidString(typed):
		return nil, ProblemInvalid
	case utf8.RuneCountInString(text) > MaxFieldChars:
		return nil, ProblemTooLong
	case f.Kind == FieldBoolean && bare == "":
		return []byte("false"), ""
	case bare == "":
		return nil, ""
	}
	switch f.Kind {
	case FieldBoolean:
		if bare != "true" {
			return nil, ProblemNotAChoice
		}
		return []byte("true"), ""
	case FieldChoice:
		if !f.offers(typed) {
			return nil, ProblemNotAChoice
		}
		return []byte(typed), ""
	case FieldNumber, FieldInteger:
		if len(bare) > schemas.MaxNumberChars {
			return nil, ProblemNotANumber
		}
		number := numberText(bare)
		if !schemas.IsShortNumber(number) {
			return nil, ProblemNotANumber
		}
		if f.Kind == FieldInteger && !schemas.IsWholeNumber(number) {
			return nil, ProblemNotWhole
		}
		return []byte(number), ""
	case FieldDateTime:
		return bodies.Encode(dateTimeText(bare)), ""
	case FieldTime:
		return bodies.Encode(timeText(bare)), ""
	case FieldLongText:
		return bodies.Encode(text), ""
	case FieldText: // invisible characters may be part of the last letter
		return bodies.Encode(strings.TrimSpace(text)), ""
	default:
		return bodies.Encode(bare), ""
	}
}
