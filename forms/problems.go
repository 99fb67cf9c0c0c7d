package forms

import (
	"cmp"
	"slices"

	"callback-relay/schemas"
)

// ranks orders the problems of one field: only the first one is reported.
var ranks = []ProblemKind{
	ProblemMissing, ProblemNotANumber, ProblemNotWhole, ProblemNotADate, ProblemNotAChoice, ProblemTooFew, ProblemTooMany,
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

// problemsOf turns violations of the schema into at most one problem for each field, in
// the order of the fields, and then one for the form as a whole.
func problemsOf(violations []schemas.Violation, fields []Field, partial bool) []Problem {
	var all []Problem
	for _, v := range violations {
		all = append(all, problemOf(v))
	}
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

// problemOf is the problem of a violation.
func problemOf(v schemas.Violation) Problem {
	p := Problem{Field: v.Member, Kind: ProblemKind(v.Kind), Limit: v.Limit}
	if v.Kind == schemas.Format {
		switch p.Limit = examples[v.Limit]; {
		case v.Limit == "date":
			p.Kind = ProblemNotADate
		case p.Limit == "":
			p.Kind = ProblemInvalid
		}
	}
	return p
}
