package forms

import "errors"

// The steps of reading a form by themselves, for tests of each.

// ParseFields is what a form can show of a schema.
func ParseFields(schema []byte) ([]Field, error) {
	fields, mistakes := parseFields(schema)
	var errs []error
	for _, wrong := range mistakes {
		errs = append(errs, &wrong)
	}
	return fields, errors.Join(errs...)
}

// Check is what the rest of a schema is judged by.
func Check(schema []byte) error {
	_, _, err := compile(schema, maxSteps)
	return err
}

// Validate judges an object by a schema that was registered.
func Validate(schema, object []byte, partial bool) ([]Problem, error) {
	return parseStored(schema).validate(object, partial)
}

// ReadFields reads what was typed, and has no schema judge it.
var ReadFields = readFields

// ShortNumber and WholeNumber judge numbers.
var (
	ShortNumber = isShortNumber
	WholeNumber = isWholeNumber
)

// CountParses has a cache count how often it parses.
func (c *Cache) CountParses(count func()) {
	parse := c.parse
	c.parse = func(schema []byte) *Form {
		count()
		return parse(schema)
	}
}

// Kept tells how many forms a cache has, and how much memory it reckons with.
func (c *Cache) Kept() (forms, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.known), c.bytes
}
