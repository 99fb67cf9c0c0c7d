package rules

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// maxDecodedBytes bounds the memory of a decoded body. It was measured that a value
// takes up to 48 bytes, and an object with members 350 more.
const maxDecodedBytes = 16 << 20

// decode decodes JSON for expressions: numbers are exact up to 64 bits, and doubles
// beyond. A number too large for a double stays a [json.Number], which fails where it is
// used.
func decode(text []byte) (any, error) {
	if estimate(text) > maxDecodedBytes {
		return nil, &failure{ReasonCost, "the body has too many values to be judged"}
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, &failure{ReasonExpression, "the body is not JSON"}
	}
	return exact(value), nil
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
	return len(text) + 48*values + 350*objects
}

// count returns at least how many values a JSON text has, and how many objects with members.
func count(text []byte) (values, objects int) {
	values = 1
	for s := (scanner{text: text}); ; {
		switch s.next() {
		case 0:
			return values, objects
		case '"':
			s.quoted()
			continue
		case '{':
			s.at++
			if s.next() == '}' {
				values++ // an empty object takes as much as two other values
			} else {
				objects++
			}
			continue
		case ',', ':', '[':
			values++
		}
		s.at++
	}
}

// exact replaces the numbers in a decoded value by those that CEL calculates with.
func exact(value any) any {
	switch value := value.(type) {
	case json.Number:
		return number(value)
	case []any:
		for i := range value {
			value[i] = exact(value[i])
		}
	case map[string]any:
		for name := range value {
			value[name] = exact(value[name])
		}
	}
	return value
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
