package forms

import (
	"cmp"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// ranks orders the problems of one field: only the first one is reported.
var ranks = []ProblemKind{
	ProblemMissing, ProblemNotANumber, ProblemNotWhole, ProblemNotADate, ProblemNotAChoice,
	ProblemTooShort, ProblemTooLong, ProblemTooSmall, ProblemTooLarge, ProblemNotAMultiple,
	ProblemFormat, ProblemPattern, ProblemInvalid,
}

// examples has an example of each format that people may be asked for. Times are in
// the form that an input for times accepts.
var examples = map[string]string{
	"date-time": "2030-01-31 14:30", "time": "14:30", "email": "name@example.com", "idn-email": "name@example.com",
	"uri": "https://example.com/page", "iri": "https://example.com/page", "hostname": "www.example.com", "idn-hostname": "www.example.com",
	"ipv4": "192.0.2.1", "ipv6": "2001:db8::1", "uuid": "123e4567-e89b-12d3-a456-426614174000", "duration": "P1DT12H",
}

// problemsOf turns the library's errors into at most one problem for each field, in
// the order of the fields, and then one for the form as a whole. It sorts everything,
// since the library walks through objects in random order.
func problemsOf(wrong *jsonschema.ValidationError, fields []Field, partial bool) []Problem {
	all := collect(wrong)
	if partial {
		all = slices.DeleteFunc(all, missing)
	}
	if len(all) == 0 {
		return nil
	}
	place := func(name string) int {
		if i := slices.IndexFunc(fields, func(f Field) bool { return f.Name == name }); i >= 0 {
			return i
		}
		if name == "" {
			return len(fields) + 1
		}
		return len(fields)
	}
	slices.SortFunc(all, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(place(a.Field), place(b.Field)),
			cmp.Compare(a.Field, b.Field),
			cmp.Compare(slices.Index(ranks, a.Kind), slices.Index(ranks, b.Kind)),
			cmp.Compare(a.Limit, b.Limit),
		)
	})
	return slices.CompactFunc(all, func(a, b Problem) bool { return a.Field == b.Field })
}

func missing(p Problem) bool { return p.Kind == ProblemMissing }

// collect lists every problem under an error of the library.
func collect(wrong *jsonschema.ValidationError) []Problem {
	field := ""
	if len(wrong.InstanceLocation) > 0 {
		field = wrong.InstanceLocation[0]
	}
	switch k := wrong.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.AllOf, *kind.Reference:
		var all []Problem
		for _, cause := range wrong.Causes {
			all = append(all, collect(cause)...)
		}
		return all
	case *kind.AnyOf, *kind.OneOf:
		return either(field, wrong.Causes)
	case *kind.Required:
		return each(k.Missing, ProblemMissing)
	case *kind.DependentRequired:
		return each(k.Missing, ProblemMissing)
	case *kind.Dependency:
		return each(k.Missing, ProblemMissing)
	case *kind.AdditionalProperties:
		return each(k.Properties, ProblemInvalid)
	}
	problem, limit := kindOf(wrong.ErrorKind)
	return []Problem{{Field: field, Kind: problem, Limit: limit}}
}

func each(names []string, problem ProblemKind) []Problem {
	all := make([]Problem, 0, len(names))
	for _, name := range names {
		all = append(all, Problem{Field: name, Kind: problem})
	}
	return all
}

// either says what is wrong if a value matches none of several schemas, the branches.
// A problem that only some branches have would mislead, so it reports a problem only
// if all branches agree. If one branch would match with more filled in, something is
// missing. branches is empty if the value matches more than one schema.
func either(field string, branches []*jsonschema.ValidationError) []Problem {
	var all []Problem
	whole := Problem{Field: field, Kind: ProblemInvalid}
	for _, branch := range branches {
		found := collect(branch)
		if !slices.ContainsFunc(found, func(p Problem) bool { return !missing(p) }) {
			whole.Kind = ProblemMissing
		}
		all = append(all, found...)
	}
	if len(all) == 0 {
		return []Problem{whole}
	}
	one := all[0]
	for _, other := range all {
		if other.Field != one.Field || other.Kind != one.Kind {
			return []Problem{whole}
		}
		if other.Limit != one.Limit {
			one.Limit = ""
		}
	}
	return []Problem{one}
}

// kindOf returns the kind of a problem with one value, and the bound that the value
// violates. It leaves out exclusive bounds, since "at least 5" would be wrong for them.
func kindOf(wrong jsonschema.ErrorKind) (ProblemKind, string) {
	switch k := wrong.(type) {
	case *kind.MinLength:
		return ProblemTooShort, strconv.Itoa(k.Want)
	case *kind.MaxLength:
		return ProblemTooLong, strconv.Itoa(k.Want)
	case *kind.Minimum:
		return ProblemTooSmall, number(k.Want)
	case *kind.Maximum:
		return ProblemTooLarge, number(k.Want)
	case *kind.ExclusiveMinimum:
		return ProblemTooSmall, ""
	case *kind.ExclusiveMaximum:
		return ProblemTooLarge, ""
	case *kind.MultipleOf:
		return ProblemNotAMultiple, number(k.Want)
	case *kind.Pattern:
		return ProblemPattern, ""
	case *kind.MinProperties:
		return ProblemMissing, ""
	case *kind.Const:
		return notAChoice(k.Got, k.Want), ""
	case *kind.Enum:
		return notAChoice(k.Got, k.Want...), ""
	case *kind.Format:
		if k.Want == "date" {
			return ProblemNotADate, ""
		}
		if example, known := examples[k.Want]; known {
			return ProblemFormat, example
		}
	case *kind.Type:
		return wrongType(k), ""
	}
	return ProblemInvalid, ""
}

// notAChoice distinguishes a box that must be ticked and is not from a value that is
// not one of the choices.
func notAChoice(got any, want ...any) ProblemKind {
	if ticked, isBox := got.(bool); isBox && !ticked && slices.ContainsFunc(want, func(w any) bool { return w == true }) {
		return ProblemMissing
	}
	return ProblemNotAChoice
}

func wrongType(k *kind.Type) ProblemKind {
	switch {
	case slices.Contains(k.Want, "number"):
		return ProblemNotANumber
	case slices.Contains(k.Want, "integer") && k.Got == "number":
		return ProblemNotWhole
	case slices.Contains(k.Want, "integer"):
		return ProblemNotANumber
	}
	return ProblemInvalid
}

// number writes a bound as a decimal, or "" if it is too long to read.
func number(bound *big.Rat) string {
	digits, _ := bound.FloatPrec() // a JSON number is always a decimal
	if text := bound.FloatString(digits); len(text) <= 24 {
		return text
	}
	return ""
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
