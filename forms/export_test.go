package forms

import (
	"errors"

	"callback-relay/schemas"
)

// Each step of reading a form by itself, for tests.

// ParseFields returns the fields that a form shows for a schema.
func ParseFields(schema []byte) ([]Field, error) {
	fields, mistakes := parseFields(schema)
	var errs []error
	for _, wrong := range mistakes {
		errs = append(errs, &wrong)
	}
	return fields, errors.Join(errs...)
}

// Check checks the rest of a schema.
func Check(schema []byte) error {
	_, err := newForm(nil, schema, bounds)
	return err
}

// Validate checks an object against a stored schema.
func Validate(schema, object []byte, partial bool) ([]Problem, error) {
	return parseStored(schema).validate(object, partial)
}

// ReadSeveral reads what was typed, without checking it against a schema.
var ReadSeveral = readFields

// ReadFields is [ReadSeveral] for one text for each field.
func ReadFields(fields []Field, typed func(name string) string) (object []byte, problems []Problem) {
	return readFields(fields, func(name string) []string { return []string{typed(name)} })
}

// ShortNumber and WholeNumber judge numbers.
var (
	ShortNumber = schemas.IsShortNumber
	WholeNumber = schemas.IsWholeNumber
)

// CountParses makes a cache count how often it parses.
func (c *Cache) CountParses(count func()) {
	parse := c.parse
	c.parse = func(schema []byte) *Form {
		count()
		return parse(schema)
	}
}

// Kept returns how many forms a cache has, and how much memory it has counted.
func (c *Cache) Kept() (forms, bytes int) { return c.forms.Kept() }
