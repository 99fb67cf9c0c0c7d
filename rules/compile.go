package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"cel.dev/cel-go/cel"

	"callback-relay/schemas"
)

// MaxOutcomes is the most outcomes of a [Source].
const MaxOutcomes = 20

// Program judges events. It never changes, so it is safe for concurrent use.
type Program struct {
	id, kind  *expression // of the event; nil for none
	outcomes  []outcome
	otherwise Do
	decodes   bool // the body must be decoded for expressions
	schemas   bool // and for schemas
	bytes     int  // an upper estimate of the memory that the program takes
}

// schemaBounds bound the schema of an outcome. What checking a body costs is bounded when
// it comes.
var schemaBounds = schemas.Bounds{Bytes: 16 << 10, PatternSteps: 20_000, PatternBytes: maxPatternBytes, Strict: true}

// outcome is a compiled [Outcome].
type outcome struct {
	when   *expression     // nil for every event
	schema *schemas.Schema // nil for every body
	do     Do
	output *output // nil for the body
	err    text
	cause  text
}

// compiler compiles a source and collects the mistakes.
type compiler struct {
	vars     []string
	program  Program
	mistakes []error
}

func (c *compiler) add(path string, err error) {
	if err != nil {
		c.mistakes = append(c.mistakes, &Error{path, err.Error()})
	}
}

// Compile compiles a source. Its error joins an *[Error] for each mistake.
func Compile(src Source) (*Program, error) {
	c := &compiler{vars: src.Vars, program: Program{otherwise: src.Otherwise, bytes: 1 << 10}}
	c.program.id = c.expression("event.id", eventEnv, src.Event.ID, isText)
	c.program.kind = c.expression("event.type", eventEnv, src.Event.Type, isText)
	if len(src.Outcomes) > MaxOutcomes {
		c.add("outcomes", fmt.Errorf("has %d entries, but at most %d are allowed", len(src.Outcomes), MaxOutcomes))
		src.Outcomes = nil
	}
	for i, o := range src.Outcomes {
		c.program.outcomes = append(c.program.outcomes, c.outcome(fmt.Sprintf("outcomes[%d].", i), o))
	}
	if src.Otherwise != Ignore && src.Otherwise != Succeed {
		c.add("otherwise", fmt.Errorf(`must be "ignore" or "succeed", but is %.20q`, string(src.Otherwise)))
	}
	if len(c.mistakes) > 0 {
		return nil, errors.Join(c.mistakes...)
	}
	return &c.program, nil
}

func (c *compiler) expression(path string, env *cel.Env, text string, allowed func(*cel.Type) error) *expression {
	if text == "" {
		return nil
	}
	compiled, err := compileExpression(env, text, c.vars, allowed)
	if err != nil {
		c.add(path, err)
		return nil
	}
	c.program.decodes = true
	c.program.bytes += compiled.bytes
	return compiled
}

func (c *compiler) outcome(path string, o Outcome) outcome {
	compiled := outcome{when: c.expression(path+"when", whenEnv, o.When, isCondition), do: o.Do}
	switch o.Do {
	case Succeed, Fail, Heartbeat, Ignore:
	default:
		c.add(path+"do", fmt.Errorf(`must be "succeed", "fail", "heartbeat" or "ignore", but is %.20q`, string(o.Do)))
		return compiled
	}
	unused := func(name string, given bool, needed Do) {
		if given && o.Do != needed {
			c.add(path+name, fmt.Errorf("must be left out: only an outcome that does %q has it", string(needed)))
		}
	}
	unused("output", given(o.Output), Succeed)
	unused("error", o.Error != "", Fail)
	unused("cause", o.Cause != "", Fail)
	var err error
	if given(o.Schema) {
		compiled.schema, err = schemas.Compile(o.Schema, schemaBounds)
		c.add(path+"schema", err)
	}
	if compiled.schema != nil {
		c.program.schemas = true
		c.program.bytes += compiled.schema.Memory()
	}
	if given(o.Output) {
		compiled.output, err = parseOutput(o.Output)
		c.add(path+"output", err)
	}
	compiled.err, err = parseText(o.Error, maxErrorChars)
	c.add(path+"error", err)
	compiled.cause, err = parseText(o.Cause, maxCauseChars)
	c.add(path+"cause", err)
	c.program.bytes += 1<<10 + 64*(len(o.Output)+len(o.Error)+len(o.Cause))
	return compiled
}

// isCondition allows conditions. What a body holds is known only when it comes.
func isCondition(t *cel.Type) error {
	if t.IsExactType(cel.BoolType) || t.IsExactType(cel.DynType) {
		return nil
	}
	return fmt.Errorf("must be a condition, which is true or false, but is of the type %s", cel.FormatCELType(t))
}

// isText allows what can be an event's id or type.
func isText(t *cel.Type) error {
	if kind := withoutOptional(t).Kind(); kind == cel.BoolKind || isTextual(kind) {
		return nil
	}
	return fmt.Errorf("must be a text, a whole number or a condition, but is of the type %s", cel.FormatCELType(t))
}

// isKey allows what can be an event's key.
func isKey(t *cel.Type) error {
	const example = "a text or a whole number, such as body.data.object.id"
	switch kind := withoutOptional(t).Kind(); {
	case kind == cel.BoolKind:
		return errors.New("is a condition, which is true or false: did you mean accept? A key is " + example)
	case !isTextual(kind):
		return fmt.Errorf("is of the type %s, but an event has one key: %s", cel.FormatCELType(t), example)
	}
	return nil
}

// isTextual tells whether a value of this kind can be a text or a whole number.
func isTextual(kind cel.Kind) bool {
	return slices.Contains([]cel.Kind{cel.StringKind, cel.IntKind, cel.UintKind, cel.DynKind}, kind)
}

// withoutOptional returns the type of the value in an optional, and of everything else its
// own.
func withoutOptional(t *cel.Type) *cel.Type {
	if t.Kind() == cel.OpaqueKind && t.TypeName() == cel.OptionalType(cel.DynType).TypeName() {
		return withoutOptional(t.Parameters()[0])
	}
	return t
}

// given reports whether a member of an outcome was given: null is as good as none.
func given(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }
