package forms

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"callback-relay/bodies"
	"callback-relay/schemas"
)

var fieldName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,63}$`)

// IsFieldName reports whether a name is allowed for a field.
func IsFieldName(name string) bool { return fieldName.MatchString(name) }

// parseFields reads the fields of a form from its JSON Schema, in the order of the
// document. It checks only what matters for showing the form; [compile] checks the
// rest. If there are mistakes, it still returns the fields that it could read.
func parseFields(schema []byte) ([]Field, []Mistake) {
	if len(schema) > MaxSchemaBytes {
		return nil, []Mistake{{"", fmt.Sprintf("has %d bytes, but at most %d are allowed", len(schema), MaxSchemaBytes)}}
	}
	noSchema := []Mistake{{"", `must be a JSON Schema: an object with "type": "object" and properties`}}
	if bodies.CheckJSON(schema) != nil {
		return nil, noSchema
	}
	top, isObject := membersOf(schema)
	if !isObject {
		return nil, noSchema
	}
	if wrong := (*Mistake)(nil); errors.As(checkMembers(bodies.NewCursor(schema)), &wrong) {
		return nil, []Mistake{*wrong}
	}
	p := &fieldParser{}
	return p.form(top), p.mistakes
}

// fieldParser reads fields and collects the mistakes.
type fieldParser struct {
	mistakes []Mistake
}

func (p *fieldParser) add(at, format string, args ...any) {
	p.mistakes = append(p.mistakes, Mistake{at, fmt.Sprintf(format, args...)})
}

func (p *fieldParser) form(top members) []Field {
	if t, _ := top.text("type"); t != "object" {
		p.add("type", "must be object")
	}
	// Older drafts ignore all keywords next to a reference.
	if top.get("$ref") != nil {
		p.add("$ref", "cannot be used here: write the properties out")
	}
	properties, _ := membersOf(top.get("properties"))
	switch n := len(properties); {
	case n == 0:
		p.add("properties", "must be an object with at least one property")
	case n > MaxFields:
		p.add("properties", "has %d entries, but at most %d are allowed", n, MaxFields)
		return nil
	}
	required := p.required(top.get("required"), properties)
	var fields []Field
	for _, property := range properties {
		if !fieldName.MatchString(property.name) {
			p.add("properties", "has a name that is not 1 to 64 characters A-Z a-z 0-9 _ - that begin with a letter")
			continue
		}
		fields = append(fields, p.field(property.name, property.value, slices.Contains(required, property.name)))
	}
	return fields
}

func (p *fieldParser) required(value json.RawMessage, properties members) []string {
	if value == nil {
		return nil
	}
	var items []json.RawMessage
	if value[0] != '[' || json.Unmarshal(value, &items) != nil {
		p.add("required", "must be a list of property names")
		return nil
	}
	var names []string
	for _, item := range items {
		name, ok := textOf(item)
		if !ok || properties.get(name) == nil {
			p.add("required", "has an entry that is not the name of a property")
			continue
		}
		names = append(names, name)
	}
	return names
}

func (p *fieldParser) field(name string, value json.RawMessage, required bool) Field {
	at := "properties." + name
	f := Field{Name: name, Title: name, Required: required}
	of, _ := membersOf(value)
	f.Kind = p.kind(at, of)
	if title := p.shown(at, of, "title", MaxFieldTitleChars); strings.TrimSpace(title) != "" {
		f.Title = title
	}
	f.Description = p.shown(at, of, "description", MaxFieldDescriptionChars)
	switch f.Kind {
	case FieldChoice:
		f.Choices = p.choices(at, of)
	case FieldChoices:
		f.Choices, f.Minimum, f.Maximum = p.several(at, of)
	case FieldNumber, FieldInteger:
		f.Minimum = p.number(at, of, "minimum")
		f.Maximum = p.number(at, of, "maximum")
		f.MultipleOf = p.number(at, of, "multipleOf")
	case FieldEmail, FieldURL:
		f.MaxLength = p.maxLength(at, of)
	case FieldText:
		if f.MaxLength = p.maxLength(at, of); f.MaxLength > longTextChars {
			f.Kind = FieldLongText
		}
	case FieldBoolean:
		f.Required = string(of.get("const")) == "true"
	}
	f.Default = f.defaultOf(of.get("default"))
	return f
}

// formatKinds are the kinds of strings that have their own input in browsers, by
// format.
var formatKinds = map[string]FieldKind{
	"date": FieldDate, "date-time": FieldDateTime, "time": FieldTime, "email": FieldEmail, "uri": FieldURL,
}

// kind returns the kind of a property's input; a long text still counts as a text
// here.
func (p *fieldParser) kind(at string, of members) FieldKind {
	t, isText := of.text("type")
	choice := of.get("enum") != nil || of.get("oneOf") != nil
	format, _ := of.text("format")
	switch {
	case of.get("$ref") != nil:
		p.add(at, "cannot be a reference: write the property out")
	case choice && (isText && slices.Contains([]string{"string", "number", "integer"}, t) || of.get("type") == nil):
		return FieldChoice
	case choice:
		p.add(at, "is a choice: set its type to string, number or integer, or leave it out")
	case t == "array" && severalOf(of) != nil:
		return FieldChoices
	case t == "string" && formatKinds[format] != "":
		return formatKinds[format]
	case t == "string":
		return FieldText
	case t == "number" || t == "integer" || t == "boolean":
		return FieldKind(t)
	default:
		p.add(at, "cannot be shown in a form: use the type string, number, integer or boolean, an enum of strings or numbers, or a oneOf of {const, title}; for several choices, the type array with such an enum or oneOf in items")
	}
	return ""
}

// shown returns a text that people will read.
func (p *fieldParser) shown(at string, of members, name string, limit int) string {
	text, ok := of.text(name)
	if (!ok && of.get(name) != nil) || utf8.RuneCountInString(text) > limit {
		p.add(at+"."+name, "must be a string of at most %d characters", limit)
		return ""
	}
	return text
}

func (p *fieldParser) number(at string, of members, name string) string {
	text := string(of.get(name))
	if text != "" && !schemas.IsShortNumber(text) {
		p.add(at+"."+name, "must be a number")
		return ""
	}
	return text
}

func (p *fieldParser) maxLength(at string, of members) int {
	text := string(of.get("maxLength"))
	if text == "" {
		return 0
	}
	if n, ok := schemas.Whole(text); ok && n.Sign() > 0 && n.Cmp(big.NewInt(MaxFieldChars)) <= 0 {
		return int(n.Int64())
	}
	p.add(at+".maxLength", "must be a whole number from 1 to %d", MaxFieldChars)
	return 0
}

func (p *fieldParser) choices(at string, of members) []Choice {
	list, name := of.get("enum"), "enum"
	if list == nil {
		list, name = of.get("oneOf"), "oneOf"
	} else if of.get("oneOf") != nil {
		p.add(at, "has both enum and oneOf: give only one of them")
		return nil
	}
	t, _ := of.text("type")
	var items []json.RawMessage
	if list[0] != '[' || json.Unmarshal(list, &items) != nil || len(items) == 0 {
		p.add(at+"."+name, "must be a list with at least one entry")
		return nil
	}
	var all []Choice
	seen := map[string]bool{}
	for _, item := range items {
		value, title := item, ""
		if name == "oneOf" {
			entry, _ := membersOf(item)
			value, title = entry.get("const"), p.shown(at+"."+name, entry, "title", MaxFieldTitleChars)
		}
		text, isText := textOf(value)
		if isNumber := schemas.IsShortNumber(string(value)); !isText && !isNumber ||
			isText && (t == "number" || t == "integer") || isNumber && t == "string" || t == "integer" && !schemas.IsWholeNumber(string(value)) {
			p.add(at+"."+name, "has an entry that is not %s", choiceShape(name, t))
			return nil
		}
		if !isText {
			text = string(value)
		}
		if title == "" {
			title = text
		}
		if seen[string(value[:1])+text] || utf8.RuneCountInString(title) > MaxFieldTitleChars {
			p.add(at+"."+name, "must have entries that differ, each of at most %d characters", MaxFieldTitleChars)
			return nil
		}
		seen[string(value[:1])+text] = true
		all = append(all, Choice{Value: string(value), Title: title})
	}
	return all
}

// choiceShape says what the entries of a choice must be.
func choiceShape(list, of string) string {
	shape := map[string]string{"string": "a string", "number": "a number", "integer": "a whole number"}[of]
	if shape == "" {
		shape = "a string or a number"
	}
	if list == "oneOf" {
		return "an object with a title and a const that is " + shape
	}
	return shape
}

// defaultOf returns what the input shows at first: nothing if the default does not
// suit the field's kind.
func (f Field) defaultOf(value json.RawMessage) string {
	text, isText := textOf(value)
	switch f.Kind {
	case FieldText, FieldLongText, FieldEmail, FieldURL:
		return text
	case FieldDateTime:
		return shownTime(text, time.RFC3339, "2006-01-02T")
	case FieldTime:
		return shownTime(text, "15:04:05Z07:00", "")
	case FieldDate:
		if _, err := time.Parse(time.DateOnly, text); err == nil {
			return text
		}
	case FieldNumber, FieldInteger:
		if schemas.IsShortNumber(string(value)) && (f.Kind == FieldNumber || schemas.IsWholeNumber(string(value))) {
			return string(value)
		}
	case FieldBoolean:
		if string(value) == "true" {
			return "true"
		}
	case FieldChoice:
		for _, c := range f.Choices {
			if of, choiceIsText := textOf(json.RawMessage(c.Value)); c.Value == string(value) || isText && choiceIsText && of == text {
				return c.Value
			}
		}
	}
	return ""
}
