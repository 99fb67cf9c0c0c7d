package rules

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
)

// misuse is a part of an expression that is valid CEL, but can only be a mistake or cost
// too much.
type misuse struct {
	at      int64 // the part's id
	problem string
}

// reviewer looks at the parts of an expression.
type reviewer struct {
	vars     []string // of the link or await
	patterns int      // an upper estimate of the memory that the patterns take
	first    *misuse  // nil for none
}

func (r *reviewer) review(of ast.Expr) {
	ast.PreOrderVisit(of, ast.NewExprVisitor(func(e ast.Expr) {
		if r.first == nil {
			r.first = r.part(e)
		}
	}))
}

func (r *reviewer) part(e ast.Expr) *misuse {
	if isCallOf(e, overloads.Matches) {
		return r.pattern(e)
	}
	of, name := selected(e)
	switch {
	case of == "vars" && !slices.Contains(r.vars, name):
		return &misuse{e.ID(), unknownVar(name, r.vars)}
	case of == "headers" && name != strings.ToLower(name):
		return &misuse{e.ID(), fmt.Sprintf("names of headers are in lower case: headers['%s']", strings.ToLower(name))}
	}
	return nil
}

// maxPatternBytes bounds the memory of the patterns of an expression. A class such as \pL
// takes kilobytes for each of its repetitions.
const maxPatternBytes = 512 << 10

// pattern reviews a call of matches.
func (r *reviewer) pattern(e ast.Expr) *misuse {
	arguments := e.AsCall().Args()
	last := arguments[len(arguments)-1]
	if last.Kind() != ast.LiteralKind {
		return &misuse{e.ID(), "the pattern of matches must be written as a text"}
	}
	text, _ := last.AsLiteral().(types.String)
	if r.patterns += patternBytes(string(text)); r.patterns > maxPatternBytes {
		return &misuse{e.ID(), "the patterns take too much memory: shorten this one, especially the counts in braces"}
	}
	return nil
}

// patternBytes estimates the memory of a compiled pattern. It was measured that a step takes up
// to 100 bytes, and 8 for each end of a range of characters.
func patternBytes(pattern string) int {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0 // CEL has refused it
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return 0
	}
	bytes := 1 << 10
	for _, step := range program.Inst {
		bytes += 100 + 8*len(step.Rune)
	}
	return bytes
}

func unknownVar(name string, vars []string) string {
	known := "there are none here, since only a registration gives vars, beside its outcomes"
	if len(vars) > 0 {
		known = "the vars are " + strings.Join(slices.Sorted(slices.Values(vars)), ", ")
	}
	return fmt.Sprintf("there is no vars.%s: %s", name, known)
}

func isCallOf(e ast.Expr, function string) bool {
	return e.Kind() == ast.CallKind && e.AsCall().FunctionName() == function
}

// selected returns the variable and the member that a part reads as of.name or
// of['name']; "" for all else. What only asks whether the member is there does not
// count.
func selected(e ast.Expr) (of, name string) {
	var operand ast.Expr
	switch {
	case e.Kind() == ast.SelectKind && !e.AsSelect().IsTestOnly():
		operand, name = e.AsSelect().Operand(), e.AsSelect().FieldName()
	case isCallOf(e, operators.Index):
		index := e.AsCall().Args()[1]
		text, isText := types.String(""), false
		if index.Kind() == ast.LiteralKind {
			text, isText = index.AsLiteral().(types.String)
		}
		if !isText {
			return "", ""
		}
		operand, name = e.AsCall().Args()[0], string(text)
	default:
		return "", ""
	}
	if operand.Kind() != ast.IdentKind {
		return "", ""
	}
	return operand.AsIdent(), name
}
