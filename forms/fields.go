package forms

import (
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"callback-relay/bodies"
)

// FieldKind says what kind of input a field of an approval form has.
type FieldKind string

// The kinds. Texts of a format that browsers have an input for are kinds of
// their own.
const (
	FieldText     FieldKind = "text"
	FieldLongText FieldKind = "longtext" // a string that may be longer than 200 characters
	FieldNumber   FieldKind = "number"
	FieldInteger  FieldKind = "integer"
	FieldBoolean  FieldKind = "boolean"
	FieldChoice   FieldKind = "choice"
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
	// Required says that the form must fill it. A boolean always has a value,
	// since a box that is not ticked says no: of it, that it must be ticked.
	Required   bool
	Choices    []Choice
	Minimum    string // a JSON number as the schema writes it, "" for none
	Maximum    string // likewise
	MultipleOf string // likewise
	MaxLength  int    // characters, 0 for none
	Default    string // as it is typed: for a choice its Value, for a boolean "true" or ""
}

// Choice is one of the values that a choice can have.
type Choice struct {
	Value string // its JSON text, which is also what the form sends
	Title string
}

// ProblemKind says what is wrong with what was typed into a field.
type ProblemKind string

// The kinds of problems. ProblemInvalid stands for all that have no name.
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
	ProblemPattern      ProblemKind = "pattern"
	ProblemFormat       ProblemKind = "format" // Limit is an example of what would be right
	ProblemInvalid      ProblemKind = "invalid"
)

// Problem is one thing wrong with a filled form. Nothing of what was typed
// is in it.
type Problem struct {
	Field string // its name, "" for the form as a whole
	Kind  ProblemKind
	Limit string // the bound that does not hold, "" where it cannot be said in a few characters
}

// The bounds of an approval form.
const (
	MaxSchemaBytes           = 16_384
	MaxFields                = 20
	MaxFieldTitleChars       = 200
	MaxFieldDescriptionChars = 1000
	// MaxFieldChars is how much text a field takes, whatever its schema says:
	// it bounds what matching a pattern costs.
	MaxFieldChars = 10_000
	// longTextChars is from where on a text gets an input of several lines.
	longTextChars = 200
	// maxNumberChars bounds how long a number may be written.
	maxNumberChars = 40
)

var (
	shortNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$`)
	newlines    = strings.NewReplacer("\r\n", "\n", "\r", "\n")
)

// isShortNumber reports whether a text is a JSON number that is cheap to reckon
// with: at most 40 characters, and an exponent of at most 3 digits. Exact
// arithmetic writes an exponent out: 1e999999999 would take a gigabyte.
func isShortNumber(text string) bool {
	return len(text) <= maxNumberChars && shortNumber.MatchString(text)
}

// isWholeNumber reports whether a [isShortNumber] is whole, as JSON Schema means
// it: 1.0 and 1e2 are.
func isWholeNumber(text string) bool {
	_, ok := whole(text)
	return ok
}

func whole(text string) (*big.Int, bool) {
	if !isShortNumber(text) {
		return nil, false
	}
	n, ok := new(big.Rat).SetString(text)
	if !ok || !n.IsInt() {
		return nil, false
	}
	return n.Num(), true
}

// readFields turns what was typed into a JSON object, in the order of the
// fields. typed returns what came for a field, "" for nothing. A field left
// empty is left out, and so is one with a problem: the schema may then call it
// missing as well, and the problem told here says more. Whether the object fits
// the schema is not judged.
//
// Numbers keep their digits, and are written as JSON has them: .5 becomes 0.5,
// and 05 becomes 5. A time without a zone is in UTC. Line ends become \n, as
// browsers show them. Blanks around a value are dropped, since they come from
// pasting and a person cannot see them; only a long text keeps them, where an
// indented first line is meant. A boolean is true when "true" came and false when
// nothing did.
func readFields(fields []Field, typed func(name string) string) (object []byte, problems []Problem) {
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

// read returns the JSON of what was typed, nil for nothing, or what is wrong.
func (f Field) read(typed string) ([]byte, ProblemKind) {
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
		if !slices.ContainsFunc(f.Choices, func(c Choice) bool { return c.Value == typed }) {
			return nil, ProblemNotAChoice
		}
		return []byte(typed), ""
	case FieldNumber, FieldInteger:
		if len(bare) > maxNumberChars {
			return nil, ProblemNotANumber
		}
		number := numberText(bare)
		if !isShortNumber(number) {
			return nil, ProblemNotANumber
		}
		if f.Kind == FieldInteger && !isWholeNumber(number) {
			return nil, ProblemNotWhole
		}
		return []byte(number), ""
	case FieldDateTime:
		return bodies.Encode(dateTimeText(bare)), ""
	case FieldTime:
		return bodies.Encode(timeText(bare)), ""
	case FieldLongText:
		return bodies.Encode(text), ""
	case FieldText: // what is not seen may be part of its last letter
		return bodies.Encode(strings.TrimSpace(text)), ""
	default:
		return bodies.Encode(bare), ""
	}
}
