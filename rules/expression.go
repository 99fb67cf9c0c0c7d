package rules

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

// The bounds of one expression.
const (
	MaxExpressionBytes = 4 << 10
	maxCost            = 10_000 // in CEL's units: about one for each step, and for each ten characters that are read
	// maxPatternSteps bounds a pattern: its time grows with its steps times the length of
	// the text, and CEL counts the cost only afterwards.
	maxPatternSteps = 200
	// maxTime bounds all expressions for one event together. It is a second barrier, far
	// above what they take: the time of a step grows with the values that it reads.
	maxTime = time.Second
)

// The environments of CEL: what expressions can name. Those of an event's id and type
// cannot refer to these two themselves.
var (
	eventEnv = newEnv()
	whenEnv  = newEnv(cel.Variable("event.id", cel.StringType), cel.Variable("event.type", cel.StringType))
)

func newEnv(more ...cel.EnvOption) *cel.Env {
	texts := cel.MapType(cel.StringType, cel.StringType)
	env, err := cel.NewEnv(append([]cel.EnvOption{
		cel.Variable("body", cel.DynType),
		cel.Variable("headers", texts),
		cel.Variable("query", texts),
		cel.Variable("vars", cel.MapType(cel.StringType, cel.DynType)),
		cel.OptionalTypes(),
		parsing(),
		cel.RegexProgramSizeLimit(maxPatternSteps),
		cel.ASTValidators(cel.ValidateRegexLiterals()),
		// The default strategy counts an object as one, however large it is.
		cel.CostSizingStrategy(cost.AggregateSizingStrategy()),
	}, more...)...)
	if err != nil {
		panic(err) // the options are constants
	}
	return env
}

// expression is a compiled CEL expression. It is safe for concurrent use.
type expression struct {
	program cel.Program
	info    *ast.SourceInfo
	bytes   int // an upper estimate of the memory that it takes
}

// compileExpression compiles a text whose result must have one of the types that allowed
// names. vars are the names that the link gives. The error is for the author of the
// expression: it quotes the line and points into it.
func compileExpression(env *cel.Env, text string, vars []string, allowed func(*cel.Type) error) (*expression, error) {
	if len(text) > MaxExpressionBytes {
		return nil, fmt.Errorf("has %d bytes, but at most %d are allowed", len(text), MaxExpressionBytes)
	}
	source := common.NewTextSource(text)
	compiled, issues := env.CompileSource(source)
	if issues.Err() != nil {
		first := issues.Errors()[0]
		return nil, pointed(text, first.Location, first.Message)
	}
	native := compiled.NativeRep()
	r := &reviewer{vars: vars}
	if r.review(native.Expr()); r.first != nil {
		return nil, pointed(text, native.SourceInfo().GetStartLocation(r.first.at), r.first.problem)
	}
	if err := allowed(compiled.OutputType()); err != nil {
		return nil, err
	}
	program, err := env.Program(compiled, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost),
		cel.CostTracking(texts{}), cel.InterruptCheckFrequency(10))
	if err != nil {
		return nil, errors.New("cannot be used: " + firstLine(err.Error()))
	}
	return &expression{program, native.SourceInfo(), bytesPerExpression + bytesPerChar*len(text) + r.patterns}, nil
}

// The most memory of an expression without its patterns. TestCacheIsBounded measures it.
const (
	bytesPerExpression = 12 << 10
	bytesPerChar       = 100
)

// texts counts what CEL counts as one: making a text out of two costs what reading it
// does, and parsing one what its values take. Otherwise a loop that joins or parses long
// texts fills the memory within its cost.
type texts struct{}

// CallCost implements [interpreter.ActualCostEstimator].
func (texts) CallCost(function, _ string, arguments []ref.Val, result ref.Val) *uint64 {
	if text, ok := arguments[0].(types.String); ok && function == parseJSON {
		units := parsingCost(string(text))
		return &units
	}
	if function != "_+_" {
		return nil
	}
	var length int
	switch value := result.Value().(type) {
	case string:
		length = len(value)
	case []byte:
		length = len(value)
	default:
		return nil
	}
	units := uint64(length)/10 + 1
	return &units
}

// pointed formats a problem with the line of the expression in which it is, and a caret
// below the place.
func pointed(text string, at common.Location, problem string) error {
	const most = 60 // characters of the line on each side of the place
	lines := strings.Split(text, "\n")
	number, column := at.Line(), at.Column()
	if number < 1 || number > len(lines) {
		return errors.New("is not valid: " + firstLine(problem))
	}
	line := []rune(strings.TrimSuffix(lines[number-1], "\r"))
	column = min(max(column, 0), len(line))
	from, to := max(column-most, 0), min(column+most, len(line))
	shown := strings.ReplaceAll(string(line[from:to]), "\t", " ")
	return fmt.Errorf("is not valid, at line %d, column %d: %s\n%s\n%s^", number, column+1, firstLine(problem), shown, strings.Repeat(" ", column-from))
}

// hints say what would be right where the library's message does not.
var hints = []struct{ in, says string }{
	{"token recognition error at: '=", "write == to compare"},
	{"extraneous input '='", "write == to compare"},
	{"'_-_' applied to '(string, !error!)'", "a name with a hyphen needs brackets, such as headers['x-kind']"},
	{"undeclared reference to 'includes'", "a text has contains"},
}

// firstLine shortens a message of the library: its lists of what a parser would rather
// have seen are long and tell an author nothing.
func firstLine(message string) string {
	message, _, _ = strings.Cut(message, "\n")
	message, _, _ = strings.Cut(message, " expecting {")
	message = strings.TrimPrefix(message, "Syntax error: ")
	message = strings.ReplaceAll(message, " (in container '')", "")
	for _, hint := range hints {
		if strings.Contains(message, hint.in) {
			message += "; " + hint.says
		}
	}
	if shown := []rune(message); len(shown) > 200 {
		message = string(shown[:200]) + "…"
	}
	return message
}

// errMissing is the result of an expression that needs a member which is not there.
var errMissing = errors.New("a member is not there")

// eval returns the result of an expression: [errMissing], or an error that quotes no
// values.
func (e *expression) eval(ctx context.Context, in map[string]any) (ref.Val, error) {
	result, _, err := e.program.ContextEval(ctx, in)
	if err == nil {
		return result, nil
	}
	if cancelled := (interpreter.EvalCancelledError{}); errors.As(err, &cancelled) {
		return nil, &failure{ReasonCost, fmt.Sprintf("the expression takes more than %d steps", maxCost)}
	}
	if ctx.Err() != nil {
		return nil, &failure{ReasonCost, fmt.Sprintf("the expressions take more than %v", maxTime)}
	}
	if ours := known(err); ours != nil {
		return nil, ours
	}
	cause := err
	for inner := errors.Unwrap(cause); inner != nil; inner = errors.Unwrap(cause) {
		cause = inner
	}
	problem := cause.Error()
	if isMissing(problem) {
		return nil, errMissing
	}
	return nil, &failure{ReasonExpression, explain(problem) + e.place(err)}
}

// isMissing tells the errors of CEL for what is not there by how they begin. They have no
// type. What follows is a value; no other error of CEL begins with one.
func isMissing(problem string) bool {
	for _, missing := range []string{
		"no such key: ",                           // also of null, a text, a number
		"index out of bounds: ",                   // of a list
		"unsupported index type 'string' in list", // a member of a list
		"optional.none() dereference",
	} {
		if strings.HasPrefix(problem, missing) {
			return true
		}
	}
	return false
}

// explain returns what an error of CEL means, without the values that it may quote.
func explain(problem string) string {
	switch problem {
	case "no such overload":
		return "an operator or function got a value of a type that it cannot take"
	case "division by zero", "modulus by zero", "integer overflow", "unsigned integer overflow":
		return problem
	}
	switch {
	case strings.HasPrefix(problem, "unsupported conversion to ref.Val: (json.Number)"):
		return "a number is too large to be calculated with"
	case strings.HasPrefix(problem, "type conversion error"), strings.HasPrefix(problem, "invalid RFC 3339"):
		return "a value cannot be converted"
	}
	return "a value does not suit an operator or function"
}

// place says where in an expression an error arose.
func (e *expression) place(err error) string {
	if at, ok := err.(interface{ NodeID() int64 }); ok && at.NodeID() != 0 {
		where := e.info.GetStartLocation(at.NodeID())
		if where.Line() > 0 {
			return fmt.Sprintf(", at line %d, column %d", where.Line(), where.Column()+1)
		}
	}
	return ""
}
