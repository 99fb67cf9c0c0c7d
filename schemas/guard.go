package schemas

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
)

// Bounds limit what a schema may cost, and say what is known of the values that will be
// checked against it.
type Bounds struct {
	Bytes int // of the schema's text
	// Members is the most members of an object, and Chars the most characters of a
	// text, in the values that will be checked. 0 if they are not known; [Schema.Work]
	// then says what checking a value costs.
	Members, Chars int
	// PatternSteps bounds the steps of all patterns together: for texts of the most
	// characters, or for one character if these are not known.
	PatternSteps int
	PatternBytes int // of memory, of all patterns together
	// Strict refuses keywords that JSON Schema does not have, but for those that begin with
	// x-: a misspelt one demands nothing.
	Strict bool
}

// Bounds on the cost of a schema with all references written out. Without them, a
// chain of definitions that each refer twice to the next one would double the work
// with every definition.
const (
	maxDepth        = 64     // of objects and lists in a schema
	maxSchemas      = 1000   // in a schema, including itself
	maxValues       = 10_000 // JSON values in a schema
	maxPatternChars = 500
	maxLength       = 1_000_000 // the largest value of minLength and similar keywords

	// MaxPatternSteps bounds one pattern, for each character.
	MaxPatternSteps = 2000
)

var (
	// reference matches the only kind of reference that is allowed.
	reference = regexp.MustCompile(`^#/(\$defs|definitions)/([A-Za-z0-9_.-]{1,64})$`)
	// plainName matches names that an error may quote.
	plainName = regexp.MustCompile(`^[A-Za-z0-9_$.-]{1,64}$`)
)

// The keywords whose value is a schema or a list of them, and those whose value
// is an object of schemas, in any of the dialects.
var (
	schemaKeywords = []string{
		"additionalItems", "additionalProperties", "allOf", "anyOf", "contains", "contentSchema", "else", "if", "items", "not",
		"oneOf", "prefixItems", "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties",
	}
	mapKeywords    = []string{"$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"}
	lengthKeywords = []string{"maxItems", "maxLength", "maxProperties", "minItems", "minLength", "minProperties"}
	eachKeywords   = []string{"additionalProperties", "patternProperties", "propertyNames", "unevaluatedProperties"} // for each property
	// otherKeywords are all others, in any of the dialects.
	otherKeywords = []string{
		"$anchor", "$comment", "const", "contentEncoding", "contentMediaType", "default", "dependentRequired", "deprecated", "description",
		"enum", "examples", "exclusiveMaximum", "exclusiveMinimum", "format", "maxContains", "maximum", "minContains", "minimum", "multipleOf",
		"pattern", "readOnly", "required", "title", "type", "uniqueItems", "writeOnly",
	}
	// Only schemas that other schemas refer to need these.
	refusedKeywords = []string{"$dynamicAnchor", "$dynamicRef", "$id", "$recursiveAnchor", "$recursiveRef", "$schema", "$vocabulary"}
)

// cost is the most that checking one value against a schema can cost.
type cost struct{ schemas, values, steps int }

// size is what a compiled schema keeps in memory.
type size struct{ schemas, values, patternBytes int }

func (g *guard) add(c *cost, more cost) error {
	c.schemas += more.schemas
	c.values += more.values
	c.steps += more.steps
	switch {
	case c.schemas > maxSchemas:
		return refuse("is too large: with its references written out it has more than %d schemas", maxSchemas)
	case c.values > maxValues:
		return refuse("is too large: with its references written out it has more than %d values", maxValues)
	case c.steps > g.bounds.PatternSteps:
		return refuse("has patterns that take too long to match: shorten them, especially the counts in braces, " +
			"or add a maxLength")
	}
	return nil
}

func (c cost) times(n int) cost {
	return cost{c.schemas * n, c.values * n, c.steps * n}
}

// guard counts the cost of a schema, and refuses what must not reach the library.
type guard struct {
	top     map[string]any
	bounds  Bounds
	known   map[string]*cost // of each definition; nil while it is being counted
	longest map[string]int   // the most characters that each pattern is matched against
	size    size             // of the whole schema
}

// count counts the cost of the schema. It refuses a schema that refers to anything outside
// itself, refers to itself in a circle, or costs too much.
func (g *guard) count() error {
	total, err := g.schema(g.top, nil, g.anyText())
	g.size.schemas, g.size.values = total.schemas, total.values
	return err
}

// anyText is how many characters a text has at most that no maxLength bounds.
func (g *guard) anyText() int {
	if g.bounds.Chars == 0 {
		return math.MaxInt
	}
	return g.bounds.Chars
}

// schema counts a schema for texts of at most chars characters. The schema's own
// maxLength lowers that, since longer texts do not match it anyway.
func (g *guard) schema(value any, at []string, chars int) (cost, error) {
	total := cost{schemas: 1}
	of, isObject := value.(map[string]any)
	if !isObject {
		return total, nil // true, false, or something that the library judges
	}
	if len(at) > maxDepth {
		return total, refuse("is nested deeper than %d levels", maxDepth)
	}
	own := chars
	if number, ok := of["maxLength"].(json.Number); ok && lengthInBounds(number.String()) {
		n, _ := strconv.ParseFloat(number.String(), 64)
		own = min(own, int(n))
	}
	for _, keyword := range slices.Sorted(maps.Keys(of)) {
		here := append(slices.Clip(at), keyword)
		var more cost
		var err error
		if text, isText := of[keyword].(string); isText && keyword == "pattern" {
			more, err = g.pattern(text, here, own)
		} else {
			more, err = g.keyword(keyword, of[keyword], here, chars)
		}
		if err == nil {
			err = g.add(&total, more)
		}
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

func (g *guard) keyword(keyword string, value any, at []string, chars int) (cost, error) {
	switch {
	case slices.Contains(refusedKeywords, keyword):
		return cost{}, refuse("uses %s, which is not supported, at %s", keyword, shown(at))
	case keyword == "$ref":
		to, _ := value.(string)
		return g.reference(to, at)
	case slices.Contains(lengthKeywords, keyword):
		// The library truncates numbers to their last 64 bits.
		if number, ok := value.(json.Number); ok && !lengthInBounds(number.String()) {
			return cost{}, refuse("must have a whole number from 0 to %d at %s", maxLength, shown(at))
		}
		return cost{values: 1}, nil
	case slices.Contains(eachKeywords, keyword):
		once, err := g.children(keyword, value, at, g.anyText())
		return once.times(max(1, g.bounds.Members)), err
	case slices.Contains(schemaKeywords, keyword), slices.Contains(mapKeywords, keyword):
		return g.children(keyword, value, at, chars)
	case g.bounds.Strict && !slices.Contains(otherKeywords, keyword) && !strings.HasPrefix(keyword, "x-"):
		return cost{}, refuse("has a keyword that JSON Schema does not have, at %s", shown(at))
	default:
		return cost{values: countValues(value)}, nil
	}
}

// children counts the schemas under a keyword.
func (g *guard) children(keyword string, value any, at []string, chars int) (cost, error) {
	total := cost{values: 1}
	each := func(name string, child any) error {
		here := append(slices.Clip(at), name)
		more, err := g.schema(child, here, chars)
		if err == nil && keyword == "patternProperties" {
			err = g.add(&total, more)
			if err == nil {
				more, err = g.pattern(name, here, g.anyText())
			}
		}
		if err != nil {
			return err
		}
		return g.add(&total, more)
	}
	switch value := value.(type) {
	case []any:
		for i, child := range value {
			if err := each(strconv.Itoa(i), child); err != nil {
				return total, err
			}
		}
	case map[string]any:
		if !slices.Contains(mapKeywords, keyword) {
			return g.schema(value, at, chars)
		}
		for _, name := range slices.Sorted(maps.Keys(value)) {
			if err := each(name, value[name]); err != nil {
				return total, err
			}
		}
	}
	return total, nil
}

// reference counts the definition that a reference points to as if it were written
// here.
func (g *guard) reference(to string, at []string) (cost, error) {
	names := reference.FindStringSubmatch(to)
	if names == nil {
		return cost{}, refuse("may only refer to #/$defs/… and #/definitions/…, at %s", shown(at))
	}
	definitions, _ := g.top[names[1]].(map[string]any)
	target, found := definitions[names[2]]
	if !found {
		return cost{}, refuse("refers to a definition that does not exist, at %s", shown(at))
	}
	if counted, seen := g.known[to]; seen {
		if counted == nil {
			return cost{}, refuse("refers to itself in a circle, at %s", shown(at))
		}
		return *counted, nil
	}
	g.known[to] = nil
	counted, err := g.schema(target, []string{names[1], names[2]}, g.anyText())
	g.known[to] = &counted
	return counted, err
}

// pattern counts a pattern that is matched against chars characters.
func (g *guard) pattern(text string, at []string, chars int) (cost, error) {
	steps, bytes, err := patternCost(text)
	if err != nil {
		return cost{}, refuse("has a pattern that %v, at %s", err, shown(at))
	}
	if g.size.patternBytes += bytes; g.size.patternBytes > g.bounds.PatternBytes {
		return cost{}, refuse("has patterns that take too much memory: shorten them, especially the counts in braces, at %s", shown(at))
	}
	g.longest[text] = max(g.longest[text], chars)
	if g.bounds.Chars > 0 {
		steps *= chars
	}
	return cost{values: 1, steps: steps}, nil
}

// patternCost returns the most steps that matching one character can take, and the most memory
// of the compiled pattern. The error continues a sentence, and does not quote the
// pattern.
func patternCost(text string) (steps, bytes int, err error) {
	if len(text) > maxPatternChars {
		return 0, 0, fmt.Errorf("has more than %d characters", maxPatternChars)
	}
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return 0, 0, errors.New("is not in RE2 syntax, which has no look-around and no back references")
	}
	steps, ends := stepsOf(parsed)
	if steps > MaxPatternSteps {
		return 0, 0, errors.New("takes too long to match: shorten it, especially the counts in braces")
	}
	return steps, bytesPerStep*steps + bytesPerEnd*ends, nil
}

// stepsOf counts the steps of a pattern, and the ends of the ranges in its classes. Unlike
// compiling, it does not write repetitions out.
func stepsOf(of *syntax.Regexp) (steps, ends int) {
	steps = 1
	switch of.Op {
	case syntax.OpLiteral:
		steps = len(of.Rune)
	case syntax.OpCharClass:
		ends = len(of.Rune)
	}
	for _, sub := range of.Sub {
		more, moreEnds := stepsOf(sub)
		steps, ends = steps+more, ends+moreEnds
	}
	if of.Op == syntax.OpRepeat {
		times := max(of.Min+1, of.Max)
		steps, ends = steps*times, ends*times
	}
	return steps, ends
}

func lengthInBounds(number string) bool {
	if !IsWholeNumber(number) {
		return false
	}
	n, err := strconv.ParseFloat(number, 64)
	return err == nil && n >= 0 && n <= maxLength
}

// countValues counts the JSON values in a value, including the value itself.
func countValues(value any) int {
	n := 1
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			n += countValues(item)
		}
	case map[string]any:
		for _, item := range value {
			n += countValues(item)
		}
	}
	return n
}

// shown formats a place in a schema for an error. It leaves out names that could
// contain anything.
func shown(at []string) string {
	names := slices.Clone(at)
	for i, name := range names {
		if !plainName.MatchString(name) {
			names[i] = "…"
		}
	}
	const most = 12
	if len(names) > most {
		names = append(names[:most], "…")
	}
	if len(names) == 0 {
		return "its top"
	}
	return strings.Join(names, "/")
}
