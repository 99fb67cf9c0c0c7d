package config

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"callback-relay/senders"
)

// decoder fills Go values from YAML. The decoder of the library stops at the first
// mistake, and its errors quote the lines around it, which may hold a secret.
//
// Fields of structs are named by their tags for JSON, so that one type describes a part
// of a registration and of the file.
type decoder struct {
	mistakes []*FileMistake
	places   map[string]*token.Position // of every field that was found
	misread  map[string]bool            // fields whose values have a wrong type
	misspelt map[string]bool            // structs in which a field is unknown
}

// maxTokens bounds the words and signs of a file. The parser's time grows with the square
// of the number of keys in a mapping and with the depth; with this bound it takes less
// than a second, and more than 500 senders fit.
const maxTokens = 25_000

// decode fills a struct from the only document of a file.
func (d *decoder) decode(content []byte, target any) {
	d.places, d.misread, d.misspelt = map[string]*token.Position{}, map[string]bool{}, map[string]bool{}
	if len(content) > largestFile {
		d.wrong("", "the file has more than %d bytes; make it smaller", largestFile)
		return
	}
	if !utf8.Valid(content) {
		d.wrong("", "the file is not UTF-8 text")
		return
	}
	// The relay must survive a file on which the parser panics.
	defer func() {
		if recover() != nil {
			d.wrong("", "the file is not YAML")
		}
	}()
	tokens := lexer.Tokenize(string(content))
	if len(tokens) > maxTokens {
		d.wrong("", "the file has more than %d words and signs; make it smaller", maxTokens)
		return
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey()) // repeated keys are found below, all of them
	if err != nil {
		d.syntax(err)
		return
	}
	var body ast.Node
	for _, document := range file.Docs {
		switch {
		case document.Body == nil:
		case document.Body.Type() == ast.DirectiveType:
			d.wrongAt(start(document.Body), "", "the file has a directive (%%), which is not supported; leave it out")
			return
		case body != nil:
			d.wrongAt(start(document.Body), "", "the file has a second document; keep one, without --- in between")
			return
		default:
			body = document.Body
		}
	}
	if body != nil && body.Type() != ast.NullType {
		d.places[""] = start(body)
		d.value("", body, reflect.ValueOf(target).Elem())
	}
}

// wrong adds a mistake in a field, unless the field could not be read at all, which is
// one already. Its place is that of the field, or of the nearest part of the file around
// it.
func (d *decoder) wrong(field, format string, args ...any) {
	place, at := d.places[field], field
	for !d.misread[at] {
		if at == "" {
			d.wrongAt(cmp.Or(place, &token.Position{}), field, format, args...)
			return
		}
		at = at[:max(0, strings.LastIndexAny(at, ".["))]
		place = cmp.Or(place, d.places[at])
	}
}

// unreadable adds a mistake in a field that cannot be read at all.
func (d *decoder) unreadable(field, format string, args ...any) {
	d.wrong(field, format, args...)
	d.misread[field] = true
}

// wrongAt adds a mistake at a place.
func (d *decoder) wrongAt(place *token.Position, field, format string, args ...any) {
	d.mistakes = append(d.mistakes, &FileMistake{
		Line: place.Line, Column: place.Column, Field: field, Problem: fmt.Sprintf(format, args...),
	})
}

// syntax adds an error of the parser, without the lines that it quotes.
func (d *decoder) syntax(err error) {
	wrong, ok := errors.AsType[yaml.Error](err)
	if !ok || wrong.GetToken() == nil {
		d.wrong("", "the file is not YAML")
		return
	}
	// A message quotes nothing of the file, except for things between quotes.
	message, _, _ := strings.Cut(wrong.GetMessage(), `"`)
	d.wrongAt(wrong.GetToken().Position, "", "not YAML: %s", strings.TrimSpace(message))
}

// value fills a value from a node.
func (d *decoder) value(path string, node ast.Node, v reflect.Value) {
	switch node.Type() {
	case ast.AnchorType, ast.AliasType, ast.TagType:
		d.unreadable(path, "anchors, aliases and tags (&, * and !) are not supported; write the value itself, in quotes if it is a text")
		return
	case ast.NullType:
		if v.Kind() != reflect.Map {
			d.unreadable(path, "has no value; must be %s", expected(v.Type()))
		}
		return
	}
	if names, ok := v.Addr().Interface().(*senders.Names); ok {
		if text, ok := text(node); ok {
			*names = senders.Names{text}
			return
		}
	}
	if proof, ok := v.Addr().Interface().(*fileProof); ok {
		d.proof(path, node, proof)
		return
	}
	var fits bool
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(path, node, v.Elem())
		return
	case reflect.Struct:
		fits = d.mapping(path, node, func(key *ast.MappingValueNode, name, at string) { d.field(path, key, name, at, v) })
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		fits = d.mapping(path, node, func(key *ast.MappingValueNode, name, at string) {
			member := reflect.New(v.Type().Elem()).Elem()
			d.value(at, key.Value, member)
			v.SetMapIndex(reflect.ValueOf(name), member)
		})
	case reflect.Slice:
		fits = d.list(path, node, v)
	case reflect.String:
		var s string
		s, fits = text(node)
		v.SetString(s)
	case reflect.Int:
		var n int
		n, fits = number(node)
		v.SetInt(int64(n))
	default:
		panic("config: cannot decode a " + v.Type().String()) // the types of the file are wrong
	}
	if !fits {
		d.unreadable(path, "must be %s", expected(v.Type()))
	}
}

// proof fills a proof, which can also be the word none.
func (d *decoder) proof(path string, node ast.Node, proof *fileProof) {
	if word, ok := text(node); ok {
		if proof.none = word == NoProof; !proof.none {
			d.unreadable(path, "must be %s", expected(reflect.TypeFor[fileProof]()))
		}
		return
	}
	d.value(path, node, reflect.ValueOf(&proof.Proof).Elem())
}

// mapping calls a function for each member of a mapping, unless its key is repeated. It
// returns whether the node is a mapping.
func (d *decoder) mapping(path string, node ast.Node, member func(value *ast.MappingValueNode, name, at string)) bool {
	var values []*ast.MappingValueNode
	switch node := node.(type) {
	case *ast.MappingNode:
		values = node.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{node}
	default:
		return false
	}
	seen := map[string]int{}
	for _, value := range values {
		place := value.Key.GetToken().Position
		name, ok := key(value.Key)
		if !ok {
			d.wrongAt(place, path, "has a key that is not a plain name; write name: value")
			continue
		}
		at := join(path, name)
		if line, repeated := seen[name]; repeated {
			d.wrongAt(place, shown(path, name), "is given again; it is in line %d already", line)
			continue
		}
		seen[name] = place.Line
		d.places[at] = place
		switch value.Value.Type() {
		case ast.MappingType, ast.MappingValueType, ast.SequenceType, ast.NullType:
		default:
			d.places[at] = value.Value.GetToken().Position
		}
		member(value, name, at)
	}
	return true
}

// field fills the field of a struct that a key names.
func (d *decoder) field(path string, key *ast.MappingValueNode, name, at string, v reflect.Value) {
	fields := fieldsOf(v.Type())
	for i, known := range fields {
		if known == name {
			d.value(at, key.Value, v.Field(i))
			return
		}
	}
	d.misspelt[path] = true
	d.wrongAt(key.Key.GetToken().Position, shown(path, name), "is unknown; known here: %s", strings.Join(fields, ", "))
}

// list fills a slice, and returns whether the node is a list.
func (d *decoder) list(path string, node ast.Node, v reflect.Value) bool {
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		return false
	}
	v.Set(reflect.MakeSlice(v.Type(), len(sequence.Values), len(sequence.Values)))
	for i, value := range sequence.Values {
		at := fmt.Sprintf("%s[%d]", path, i)
		d.places[at] = start(value)
		d.value(at, value, v.Index(i))
	}
	return true
}

// expected describes the values of a type.
func expected(t reflect.Type) string {
	const neverHere = "; a secret itself must not be in this file"
	switch t {
	case reflect.TypeFor[reference]():
		return "a reference, such as {env: PARTNER_SECRET} or {file: /run/secrets/partner}" + neverHere
	case reflect.TypeFor[[]reference]():
		return "a list of references, such as [{env: PARTNER_SECRET}] or [{file: /run/secrets/partner}]" + neverHere
	case reflect.TypeFor[fileProof](), reflect.TypeFor[senders.Proof]():
		return "a mapping, with the fields " + strings.Join(fieldsOf(reflect.TypeFor[senders.Proof]()), ", ") + `; or the word none, beside a hook to which everybody may post`
	case reflect.TypeFor[durationText]():
		return "a duration, such as 15m or 1h"
	case reflect.TypeFor[senders.Names]():
		return "a name or a list of names, such as [x-signature]"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return expected(t.Elem())
	case reflect.Struct:
		return "a mapping, with the fields " + strings.Join(fieldsOf(t), ", ")
	case reflect.Map:
		return "a mapping, with lines like name: value"
	case reflect.Slice:
		return "a list of texts, such as [body]"
	case reflect.Int:
		return "a whole number"
	}
	return `a text; write it in quotes, such as "value"`
}

// fieldsOf returns the names of a struct's fields.
func fieldsOf(t reflect.Type) []string {
	names := make([]string, t.NumField())
	for i := range names {
		names[i], _, _ = strings.Cut(t.Field(i).Tag.Get("json"), ",")
	}
	return names
}

// join returns the path of a member.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// fieldName is the form of all names of fields, and of a name that an error may show: a
// secret in the wrong place is longer or has other characters.
var fieldName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,32}$`)

// shown is the path of a member for an error, if the name can be shown.
func shown(path, name string) string {
	if fieldName.MatchString(name) {
		return join(path, name)
	}
	return join(path, "[left out]")
}
