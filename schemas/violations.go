package schemas

import (
	"errors"
	"math/big"
	"slices"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// Kind says in which way a value does not match a schema.
type Kind string

// The kinds. Invalid is for everything without a kind of its own.
const (
	Missing      Kind = "missing"
	TooLong      Kind = "too-long"
	TooShort     Kind = "too-short"
	TooSmall     Kind = "too-small"
	TooLarge     Kind = "too-large"
	NotANumber   Kind = "not-a-number"
	NotWhole     Kind = "not-whole"
	NotAMultiple Kind = "not-a-multiple"
	NotAChoice   Kind = "not-a-choice"
	TooFew       Kind = "too-few"  // items of an array
	TooMany      Kind = "too-many" // likewise
	Pattern      Kind = "pattern"
	Format       Kind = "format" // Limit is the name of the format
	Invalid      Kind = "invalid"
)

// Violation is one way in which an object does not match a schema. It contains nothing
// of the object but names of members.
type Violation struct {
	Member string // of the object, "" for the object as a whole
	Kind   Kind
	Limit  string // the bound that was violated; "" if it does not fit in a few characters
}

// Violations lists how a value from [Decode] does not match, in random order; none if it
// matches. It returns an error if the value cannot be checked.
func (s *Schema) Violations(value any) ([]Violation, error) {
	err := s.schema.Validate(value)
	if err == nil {
		return nil, nil
	}
	wrong, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return nil, errors.New("the value cannot be checked")
	}
	return collect(wrong), nil
}

// collect lists every violation under an error of the library.
func collect(wrong *jsonschema.ValidationError) []Violation {
	member := ""
	if len(wrong.InstanceLocation) > 0 {
		member = wrong.InstanceLocation[0]
	}
	switch k := wrong.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.AllOf, *kind.Reference:
		var all []Violation
		for _, cause := range wrong.Causes {
			all = append(all, collect(cause)...)
		}
		return all
	case *kind.AnyOf, *kind.OneOf:
		return either(member, wrong.Causes)
	case *kind.Required:
		return each(k.Missing, Missing)
	case *kind.DependentRequired:
		return each(k.Missing, Missing)
	case *kind.Dependency:
		return each(k.Missing, Missing)
	case *kind.AdditionalProperties:
		return each(k.Properties, Invalid)
	}
	kind, limit := kindOf(wrong.ErrorKind)
	return []Violation{{Member: member, Kind: kind, Limit: limit}}
}

func each(names []string, kind Kind) []Violation {
	all := make([]Violation, 0, len(names))
	for _, name := range names {
		all = append(all, Violation{Member: name, Kind: kind})
	}
	return all
}

// either says what is wrong if a value matches none of several schemas, the branches.
// A violation of only some branches would mislead, so it reports one only if all
// branches agree. If one branch would match with more filled in, something is
// missing. branches is empty if the value matches more than one schema.
func either(member string, branches []*jsonschema.ValidationError) []Violation {
	var all []Violation
	whole := Violation{Member: member, Kind: Invalid}
	for _, branch := range branches {
		found := collect(branch)
		if !slices.ContainsFunc(found, func(v Violation) bool { return v.Kind != Missing }) {
			whole.Kind = Missing
		}
		all = append(all, found...)
	}
	if len(all) == 0 {
		return []Violation{whole}
	}
	one := all[0]
	for _, other := range all {
		if other.Member != one.Member || other.Kind != one.Kind {
			return []Violation{whole}
		}
		if other.Limit != one.Limit {
			one.Limit = ""
		}
	}
	return []Violation{one}
}

// kindOf returns what is wrong with one value, and the bound that the value violates. It
// leaves out exclusive bounds, since "at least 5" would be wrong for them.
func kindOf(wrong jsonschema.ErrorKind) (Kind, string) {
	switch k := wrong.(type) {
	case *kind.MinLength:
		return TooShort, strconv.Itoa(k.Want)
	case *kind.MaxLength:
		return TooLong, strconv.Itoa(k.Want)
	case *kind.MinItems:
		return TooFew, strconv.Itoa(k.Want)
	case *kind.MaxItems:
		return TooMany, strconv.Itoa(k.Want)
	case *kind.Minimum:
		return TooSmall, number(k.Want)
	case *kind.Maximum:
		return TooLarge, number(k.Want)
	case *kind.ExclusiveMinimum:
		return TooSmall, ""
	case *kind.ExclusiveMaximum:
		return TooLarge, ""
	case *kind.MultipleOf:
		return NotAMultiple, number(k.Want)
	case *kind.Pattern:
		return Pattern, ""
	case *kind.MinProperties:
		return Missing, ""
	case *kind.Const:
		return notAChoice(k.Got, k.Want), ""
	case *kind.Enum:
		return notAChoice(k.Got, k.Want...), ""
	case *kind.Format:
		return Format, k.Want
	case *kind.Type:
		return wrongType(k), ""
	}
	return Invalid, ""
}

// notAChoice distinguishes a box that must be ticked and is not from a value that is
// not one of the choices.
func notAChoice(got any, want ...any) Kind {
	if ticked, isBox := got.(bool); isBox && !ticked && slices.ContainsFunc(want, func(w any) bool { return w == true }) {
		return Missing
	}
	return NotAChoice
}

func wrongType(k *kind.Type) Kind {
	switch {
	case slices.Contains(k.Want, "number"):
		return NotANumber
	case slices.Contains(k.Want, "integer") && k.Got == "number":
		return NotWhole
	case slices.Contains(k.Want, "integer"):
		return NotANumber
	}
	return Invalid
}

// number writes a bound as a decimal, or "" if it is too long to read.
func number(bound *big.Rat) string {
	digits, _ := bound.FloatPrec() // a JSON number is always a decimal
	if text := bound.FloatString(digits); len(text) <= 24 {
		return text
	}
	return ""
}
