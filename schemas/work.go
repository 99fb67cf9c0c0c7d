package schemas

import (
	"errors"
)

// errWork says that checking a value would take too long.
var errWork = errors.New("too much work")

// maxWork bounds the work of [Schema.Matches]: how many times a schema, or one of its
// constants, is held against a value. It was measured that each time takes up to a
// microsecond, and up to bytesPerWork bytes while the value is checked.
const (
	maxWork      = 10_000
	bytesPerWork = 600
)

// formatSteps is more than the steps that checking a format takes for each byte.
const formatSteps = 10

// maxTextSteps bounds the steps of patterns that are matched against the texts of a value.
const maxTextSteps = 5_000_000

// Matches reports whether a value from [Decode] matches. It returns an error, which
// continues a sentence about the value, if finding that out would take too much work.
func (s *Schema) Matches(value any) (bool, error) {
	w := worker{top: s.top, unevaluated: s.unevaluated}
	if err := w.apply(s.top, value); err != nil {
		return false, errors.New("has too many values to be checked against the schema")
	}
	return s.schema.Validate(value) == nil, nil
}

// MatchMemory returns how many bytes [Schema.Matches] takes at most for a value that consists
// of that many values.
func (s *Schema) MatchMemory(values int) int {
	return bytesPerWork * min(maxWork, values*(s.size.schemas+s.size.values))
}

// worker counts the work of checking a value. It visits every pair of a schema and a value
// that the library may visit, without judging whether the value matches.
type worker struct {
	top         map[string]any
	unevaluated bool // the schema asks which members no other schema has seen, so all are noted each time
	work, steps int
}

// add counts work, and returns an error if it is too much.
func (w *worker) add(work, steps int) error {
	w.work += work
	w.steps += steps
	if w.work > maxWork || w.steps > maxTextSteps {
		return errWork
	}
	return nil
}

// apply counts the work of holding a schema against a value.
func (w *worker) apply(schema, value any) error {
	of, isObject := schema.(map[string]any)
	size := sizeOf(value)
	if !w.unevaluated {
		size /= 8 // it is only looked through
	}
	if err := w.add(1+size, 0); err != nil || !isObject {
		return err
	}
	for keyword, child := range of {
		if err := w.keyword(keyword, child, value); err != nil {
			return err
		}
	}
	return nil
}

func (w *worker) keyword(keyword string, child, value any) error {
	switch keyword {
	case "const", "enum":
		return w.add(countValues(child), 0)
	case "pattern":
		text, _ := value.(string)
		return w.pattern(child, text)
	case "format":
		text, _ := value.(string)
		return w.add(1, formatSteps*len(text))
	case "uniqueItems":
		return w.add(comparisons(value), 0)
	case "$ref":
		return w.apply(w.definition(child), value)
	case "not", "if", "then", "else":
		return w.apply(child, value)
	case "allOf", "anyOf", "oneOf":
		return eachItem(child, func(one any) error { return w.apply(one, value) })
	case "dependentSchemas", "dependencies":
		return eachMember(child, func(_ string, one any) error { return w.apply(one, value) })
	case "properties":
		return w.properties(child, value)
	case "patternProperties":
		return eachMember(child, func(pattern string, one any) error {
			return eachMember(value, func(name string, member any) error {
				if err := w.pattern(pattern, name); err != nil {
					return err
				}
				return w.apply(one, member)
			})
		})
	case "propertyNames":
		return eachMember(value, func(name string, _ any) error { return w.apply(child, name) })
	case "additionalProperties", "unevaluatedProperties":
		return eachMember(value, func(_ string, member any) error { return w.apply(child, member) })
	case "items", "prefixItems":
		return w.items(child, value)
	case "additionalItems", "contains", "unevaluatedItems":
		return eachItem(value, func(item any) error { return w.apply(child, item) })
	}
	return w.add(countValues(child)/8, 0)
}

// pattern counts the work of matching a pattern against a text.
func (w *worker) pattern(pattern any, text string) error {
	source, _ := pattern.(string)
	steps, _, err := patternCost(source)
	if err != nil {
		return errWork // it was compiled, so this cannot be
	}
	return w.add(1, steps*len(text))
}

// definition returns what a reference refers to.
func (w *worker) definition(to any) any {
	text, _ := to.(string)
	names := reference.FindStringSubmatch(text)
	if names == nil {
		return nil
	}
	definitions, _ := w.top[names[1]].(map[string]any)
	return definitions[names[2]]
}

func (w *worker) properties(schemas, value any) error {
	of, _ := value.(map[string]any)
	return eachMember(schemas, func(name string, schema any) error {
		if member, found := of[name]; found {
			return w.apply(schema, member)
		}
		return nil
	})
}

// items counts one schema for all items, or a list of schemas for the first ones.
func (w *worker) items(schemas, value any) error {
	list, isList := schemas.([]any)
	if !isList {
		return eachItem(value, func(item any) error { return w.apply(schemas, item) })
	}
	items, _ := value.([]any)
	for i := range min(len(list), len(items)) {
		if err := w.apply(list[i], items[i]); err != nil {
			return err
		}
	}
	return nil
}

// comparisons returns how many values are compared to find out whether the items of a list
// differ. The library compares each pair of up to 20 items, and the digests of more.
func comparisons(list any) int {
	if sizeOf(list) <= 20 {
		return 20 * countValues(list)
	}
	return countValues(list)
}

// sizeOf returns how many members or items a value has.
func sizeOf(value any) int {
	switch value := value.(type) {
	case map[string]any:
		return len(value)
	case []any:
		return len(value)
	}
	return 0
}

// eachItem calls do with each item of a list. Other values have none.
func eachItem(list any, do func(item any) error) error {
	items, _ := list.([]any)
	for _, item := range items {
		if err := do(item); err != nil {
			return err
		}
	}
	return nil
}

// eachMember calls do with each member of an object. Other values have none.
func eachMember(object any, do func(name string, member any) error) error {
	members, _ := object.(map[string]any)
	for name, member := range members {
		if err := do(name, member); err != nil {
			return err
		}
	}
	return nil
}

// mentions reports whether a schema has a keyword anywhere.
func mentions(schema any, keywords ...string) bool {
	found := false
	_ = eachMember(schema, func(name string, member any) error {
		for _, keyword := range keywords {
			found = found || name == keyword
		}
		found = found || mentions(member, keywords...)
		return nil
	})
	_ = eachItem(schema, func(item any) error {
		found = found || mentions(item, keywords...)
		return nil
	})
	return found
}
