package config

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// start is where a node begins.
func start(node ast.Node) *token.Position {
	if m, ok := node.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return m.Values[0].Key.GetToken().Position
	}
	return node.GetToken().Position
}

// text returns the value of a node that is a text.
func text(node ast.Node) (string, bool) {
	switch node := node.(type) {
	case *ast.StringNode:
		return node.Value, true
	case *ast.LiteralNode:
		return node.Value.Value, true
	}
	return "", false
}

// number returns the value of a node that is a whole number.
func number(node ast.Node) (int, bool) {
	integer, ok := node.(*ast.IntegerNode)
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(integer.GetToken().Value)
	return n, err == nil
}

// key returns the name that a key is. A name such as 1 or true is a text here.
func key(node ast.MapKeyNode) (string, bool) {
	switch node.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		name := node.GetToken().Value
		return name, name != "" && !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
	}
	return "", false
}
