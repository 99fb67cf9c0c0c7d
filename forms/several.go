package forms

import (
	"slices"
	"strconv"

	"callback-relay/schemas"
)

// TakesSeveral tells whether the form of a schema has a field that takes several choices.
// Releases before such fields cannot show it.
func TakesSeveral(schema []byte) bool {
	fields, _ := parseFields(schema)
	return slices.ContainsFunc(fields, func(f Field) bool { return f.Kind == FieldChoices })
}

// severalOf returns the items of an array of choices; nil if the property is none.
func severalOf(of members) members {
	items, _ := membersOf(of.get("items"))
	if items.get("enum") == nil && items.get("oneOf") == nil {
		return nil
	}
	return items
}

// several reads the choices of a field that takes several, and how many must and may be
// chosen; "" for no bound.
func (p *fieldParser) several(at string, of members) (all []Choice, least, most string) {
	items := severalOf(of)
	if p.kind(at+".items", items) != FieldChoice {
		return nil, "", ""
	}
	switch all = p.choices(at+".items", items); {
	case len(all) == 0: // which is a mistake that is already reported
		return nil, "", ""
	case len(all) > MaxChoices:
		p.add(at+".items", "has %d choices, but at most %d are allowed where several can be chosen", len(all), MaxChoices)
		return nil, "", ""
	}
	from, to := p.count(at, of, "minItems", 0), p.count(at, of, "maxItems", len(all))
	if from > min(to, len(all)) {
		p.add(at+".minItems", "must be at most %d, or nobody can choose enough", min(to, len(all)))
	}
	if from > 0 {
		least = strconv.Itoa(from)
	}
	if to < len(all) {
		most = strconv.Itoa(to)
	}
	return all, least, most
}

// count reads how many choices a keyword demands or allows.
func (p *fieldParser) count(at string, of members, name string, otherwise int) int {
	text := string(of.get(name))
	if text == "" {
		return otherwise
	}
	n, ok := schemas.Whole(text)
	if !ok || n.Sign() < 0 || !n.IsInt64() {
		p.add(at+"."+name, "must be a whole number that is not negative")
		return otherwise
	}
	return int(n.Int64())
}
