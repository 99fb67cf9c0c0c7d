package rules

import (
	"context"
	"encoding/json"
)

// Kept returns how many programs a cache has, and how much memory it has counted.
func (c *Cache) Kept() (programs, bytes int) { return c.programs.Kept() }

// Cut follows a JSON Pointer into a JSON text.
func Cut(text []byte, at string) (value []byte, found bool, err error) {
	p, err := parsePointer(at)
	if err != nil {
		return nil, false, err
	}
	value, found = p.cut(text)
	return value, found, nil
}

// Names returns the names of a JSON Pointer.
func Names(at string) ([]string, error) { return parsePointer(at) }

// Estimate returns the counted memory of a decoded text.
func Estimate(text json.RawMessage) int { return estimate(text) }

// Decode decodes a body.
func Decode(text []byte) (any, error) { return decode(text) }

// EvalTooLate evaluates a condition for which there is no time left.
func EvalTooLate(condition string, body []byte) error {
	e, err := compileExpression(whenEnv, condition, nil, isCondition)
	if err != nil {
		return err
	}
	in, err := input(Post{JSON: body})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = e.eval(ctx, in)
	return err
}
