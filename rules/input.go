package rules

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"callback-relay/bodies"
)

// maxDecodedBytes bounds the memory of a decoded body. It was measured that a value
// takes up to 57 bytes, and an object with members 350 more.
const maxDecodedBytes = 16 << 20

var errNotJSON = &failure{ReasonExpression, "the body is not JSON"}

// decode decodes JSON for expressions: numbers are exact up to 64 bits, and doubles
// beyond. A number too large for a double stays a [json.Number], which fails where it is
// used.
func decode(text []byte) (any, error) {
	if bodies.CheckJSON(text) != nil {
		return nil, errNotJSON
	}
	if estimate(text) > maxDecodedBytes {
		return nil, &failure{ReasonCost, "the body has too many values to be judged"}
	}
	return value(bodies.NewCursor(text)), nil
}

// value passes over the next value, and returns it. If an object has a name twice, the last
// one counts.
func value(c *bodies.Cursor) any {
	switch c.Next() {
	case '{':
		object := map[string]any{}
		_ = c.Members(func(name []byte) error { // which has no error of its own
			object[bodies.Unquote(name)] = value(c)
			return nil
		})
		return object
	case '[':
		list := []any{}
		_ = c.Elements(func(int) error { // likewise
			list = append(list, value(c))
			return nil
		})
		return list
	}
	switch token := c.Token(); token[0] {
	case '"':
		return bodies.Unquote(token)
	case 't', 'f':
		return token[0] == 't'
	case 'n':
		return nil
	default:
		return number(json.Number(token))
	}
}

// Memory returns how many bytes judging a body takes at most, beside the body.
func (p *Program) Memory(body []byte) int {
	decoded := min(estimate(body), maxDecodedBytes) // a body that takes more is not decoded
	total := 0
	if p.decodes {
		total = decoded
	}
	if p.schemas {
		values, _ := count(body)
		checking := 0 // outcomes are tried one after the other
		for _, o := range p.outcomes {
			if o.schema != nil {
				checking = max(checking, o.schema.MatchMemory(values))
			}
		}
		total += decoded + checking // schemas and expressions decode it each in their own way
	}
	return total
}

// estimate returns how many bytes a JSON text takes at most once it is decoded.
func estimate(text []byte) int {
	values, objects := count(text)
	return len(text) + 64*values + 350*objects
}

// count returns how many values and names a JSON text has, and how many objects with members.
func count(text []byte) (values, objects int) {
	c := bodies.NewCursor(text)
	for token := c.Token(); token != nil; token = c.Token() {
		switch token[0] {
		case '}', ']':
			continue
		case '[':
			if c.Next() == ']' {
				values++ // an empty list takes as much as two other values
			}
		case '{':
			if c.Next() == '}' {
				values++ // likewise
			} else {
				objects++
			}
		}
		values++ // also for a name, which takes as much
	}
	return values, objects
}

func number(n json.Number) any {
	if i, err := strconv.ParseInt(n.String(), 10, 64); err == nil {
		return i
	}
	if u, err := strconv.ParseUint(n.String(), 10, 64); err == nil {
		return u
	}
	if f, err := n.Float64(); err == nil && !math.IsInf(f, 0) {
		return f
	}
	return n
}

// input returns the variables of expressions.
func input(post Post) (map[string]any, error) {
	body, err := decode(post.JSON)
	if err != nil {
		return nil, err
	}
	vars := make(map[string]any, len(post.Vars))
	for name, raw := range post.Vars {
		if vars[name], err = decode(raw); err != nil {
			return nil, fmt.Errorf("vars.%s: %w", name, err)
		}
	}
	return map[string]any{"body": body, "headers": headers(post.Header), "query": firsts(post.Query), "vars": vars}, nil
}

// headers returns the first value of each header, by its name in lower case.
func headers(all http.Header) map[string]string {
	first := make(map[string]string, len(all))
	for name, values := range all {
		if len(values) > 0 {
			first[strings.ToLower(name)] = values[0]
		}
	}
	return first
}

func firsts(all url.Values) map[string]string {
	first := make(map[string]string, len(all))
	for name, values := range all {
		if len(values) > 0 {
			first[name] = values[0]
		}
	}
	return first
}
