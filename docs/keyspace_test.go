package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"callback-relay/relay"
)

// script is the header of a .lua file, and its uses of the callback's hash.
type script struct {
	keys            []string // names in the order of KEYS, from the header
	reads           map[string]bool
	writes, removes map[string]bool // fields
}

var (
	scriptKey = regexp.MustCompile(`(?m)^-- KEYS\[\d+\] (\S+(?: \S+)*?)(?:   .*)?$`)
	// read, of prelude.lua, is HMGET by names, and wipe is HDEL of these fields and of declined.
	scriptCall = regexp.MustCompile(`(\w+)(?:', |\(|, )KEYS\[1\]`)
	luaText    = regexp.MustCompile(`^'([^']*)'( \.\. .*)?$`) // a name, or the beginning of one
)

// scripts reads every script of the repository, by name.
func scripts(t *testing.T) map[string]script {
	t.Helper()
	all := map[string]script{}
	walk(t, ".lua", func(file string) {
		source := read(t, filepath.Join(root, file))
		s := script{reads: map[string]bool{}, writes: map[string]bool{}, removes: map[string]bool{}}
		for _, m := range scriptKey.FindAllStringSubmatch(source, -1) {
			s.keys = append(s.keys, m[1])
		}
		for _, at := range scriptCall.FindAllStringSubmatchIndex(source, -1) {
			args := luaArguments(source[at[1]:])
			switch command := source[at[2]:at[3]]; command {
			case "HSET":
				if len(args)%2 != 0 {
					t.Fatalf("%s: HSET with an odd number of arguments: %q", file, args)
				}
				for i := 0; i < len(args); i += 2 {
					s.writes[fieldOf(t, file, args[i])] = true
				}
			case "HMGET", "read":
				for _, arg := range args {
					if strings.HasPrefix(arg, "unpack(ARGV") {
						continue // of the store's own lists, which TestKeyspaceFieldsInGo reads
					}
					s.reads[fieldOf(t, file, arg)] = true
				}
			case "HDEL", "wipe":
				if command == "wipe" {
					args = append(args, "'declined'")
				}
				for _, arg := range args {
					s.removes[fieldOf(t, file, arg)] = true
				}
			default:
				if strings.HasPrefix(command, "H") {
					t.Fatalf("%s: this test does not know %s yet", file, command)
				}
			}
		}
		all[strings.TrimSuffix(filepath.Base(file), ".lua")] = s
	})
	delete(all, "prelude") // no scripts, but what stands in front of them
	delete(all, "refusal")
	delete(all, "matching")
	return all
}

// luaArguments splits the rest of a call, ", a, f(b, c))…", into its arguments.
func luaArguments(rest string) []string {
	var args []string
	depth, quoted, start := 0, false, -1
	for at, c := range rest {
		switch {
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == ',' && depth == 0, c == ')' && depth == 0:
			if start >= 0 {
				args = append(args, strings.TrimSpace(rest[start:at]))
			}
			if c == ')' {
				return args
			}
			start = at + 1
		case c == '(', c == '[', c == '{':
			depth++
		case c == ')', c == ']', c == '}':
			depth--
		}
	}
	return args
}

func fieldOf(t *testing.T, file, arg string) string {
	t.Helper()
	m := luaText.FindStringSubmatch(arg)
	if m == nil {
		t.Fatalf("%s: the field %s is not written out", file, arg)
	}
	if m[2] != "" {
		return m[1] + "<number>"
	}
	return m[1]
}

// allKeys returns the keys that store/keys.go can make, with {NN} and <id> for the
// variable parts, and the keys of migrations.
func allKeys(t *testing.T) []string {
	t.Helper()
	var keys []string
	text := func(e ast.Expr) (string, bool) {
		lit, ok := e.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return "", false
		}
		s, err := strconv.Unquote(lit.Value)
		return s, err == nil
	}
	constants := func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			for i, name := range spec.Names {
				if s, ok := text(spec.Values[i]); ok && strings.HasSuffix(name.Name, "Key") {
					keys = append(keys, s)
				}
			}
		}
		return true
	}
	ast.Inspect(parse(t, "migrations/keys.go"), constants)
	ast.Inspect(parse(t, "store/keys.go"), func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			constants(n)
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.Ident); !ok || f.Name != "partitionKey" {
				return true
			}
			rest, ok := text(n.Args[1])
			switch arg := n.Args[1].(type) {
			case *ast.BinaryExpr: // with a parameter, perhaps a conversion of it
				rest, ok = text(arg.X)
				name := arg.Y
				if conversion, is := name.(*ast.CallExpr); is {
					name = conversion.Args[0]
				}
				rest += "<" + name.(*ast.Ident).Name + ">"
			case *ast.CallExpr: // a conversion of a parameter
				var name *ast.Ident
				name, ok = arg.Args[0].(*ast.Ident)
				rest = "<" + name.Name + " state>"
			}
			if !ok {
				t.Fatal("store/keys.go makes a key in a way that this test does not know yet")
			}
			keys = append(keys, "relay:v1:{NN}:"+rest)
		}
		return true
	})
	slices.Sort(keys)
	return slices.Compact(keys) // both have the marker
}

func parse(t *testing.T, file string) *ast.File {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// documented returns the rows of a table by the code span in their first cell.
func documented(t *testing.T, heading string) map[string][]string {
	t.Helper()
	rows := map[string][]string{}
	for _, row := range table(t, read(t, "keyspace.md"), heading) {
		names := code(row[0])
		if len(names) != 1 || rows[names[0]] != nil {
			t.Fatalf("%s: row %q does not begin with one new name", heading, row)
		}
		rows[names[0]] = row
	}
	return rows
}

func TestKeyspaceKeys(t *testing.T) {
	got := slices.Sorted(maps.Keys(documented(t, "## Keys")))
	if diff := cmp.Diff(allKeys(t), got); diff != "" {
		t.Errorf("keys of the code (-) and of keyspace.md (+):\n%s", diff)
	}
	if want := fmt.Sprintf("%d partitions", relay.Partitions); !strings.Contains(read(t, "keyspace.md"), want) {
		t.Errorf("keyspace.md does not say %q", want)
	}
}

// The table of fields says which scripts write and remove each field.
func TestKeyspaceFields(t *testing.T) {
	type field struct{ Writes, Removes []string }
	want, got := map[string]field{}, map[string]field{}
	all := scripts(t)
	maps.DeleteFunc(all, func(_ string, s script) bool { return s.keys[0] == "events" }) // they have a table of their own
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for f := range all[name].writes {
			was := want[f]
			was.Writes = append(was.Writes, name)
			want[f] = was
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for f := range all[name].removes {
			was := want[f]
			was.Removes = append(was.Removes, name)
			want[f] = was
		}
		for f := range all[name].reads {
			if _, written := want[f]; !written {
				t.Errorf("%s.lua reads the field %s, which no script writes", name, f)
			}
		}
	}
	for name, row := range documented(t, "## Fields of a callback") {
		if len(row) != 5 {
			t.Fatalf("field %s: want five columns, got %q", name, row)
		}
		writes, removes := code(row[3]), code(row[4])
		slices.Sort(writes)
		slices.Sort(removes)
		got[name] = field{writes, removes}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields of the scripts (-) and of keyspace.md (+):\n%s", diff)
	}
}

// The fields of the hash that scripts of awaits have first, which matching.lua and the
// scripts behind it write and remove.
func TestKeyspaceFieldsOfEvents(t *testing.T) {
	var want []string
	for _, use := range []*regexp.Regexp{regexp.MustCompile(`'HSET', KEYS\[1\], (.*)\)`), regexp.MustCompile(`'HDEL', KEYS\[1\], (.*)\)`)} {
		fields := map[string]bool{}
		for _, file := range []string{"matching", "event", "join", "serve", "take", "drop"} {
			for _, m := range use.FindAllStringSubmatch(read(t, filepath.Join(root, "store/scripts/"+file+".lua")), -1) {
				for _, name := range regexp.MustCompile(`'([a-z]+:?)'`).FindAllStringSubmatch(m[1], -1) {
					fields[strings.Replace(name[1], ":", ":<name>", 1)] = true
				}
			}
		}
		written := slices.Sorted(maps.Keys(fields))
		if want != nil && !slices.Equal(want, written) {
			t.Errorf("fields that are written: %q, and removed: %q", want, written)
		}
		want = written
	}
	got := slices.Sorted(maps.Keys(documented(t, "## Fields of events")))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields of the scripts (-) and of keyspace.md (+):\n%s", diff)
	}
}

// The fields that the store reads and seals outside the scripts are in the table
// too.
func TestKeyspaceFieldsInGo(t *testing.T) {
	rows := documented(t, "## Fields of a callback")
	sealed := map[string]bool{}
	for _, file := range []string{"store/store.go", "store/record.go"} {
		ast.Inspect(parse(t, file), func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			name := spec.Names[0].Name
			for _, text := range texts(spec.Values[0]) {
				if name == "viewFields" && rows[text] == nil {
					t.Errorf("the store reads the field %s, which keyspace.md does not have", text)
				}
				if strings.HasSuffix(text, ":") {
					text += "<number>"
				}
				if strings.HasSuffix(name, "Field") {
					sealed[text] = true
				}
			}
			return true
		})
	}
	documentedSealed := map[string]bool{}
	for name, row := range rows {
		if row[2] == "sealed" {
			documentedSealed[name] = true
		}
	}
	if diff := cmp.Diff(sealed, documentedSealed); diff != "" {
		t.Errorf("sealed fields of the store (-) and of keyspace.md (+):\n%s", diff)
	}
}

// texts returns the string literals in an expression.
func texts(e ast.Expr) []string {
	var found []string
	ast.Inspect(e, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			s, _ := strconv.Unquote(lit.Value)
			found = append(found, s)
		}
		return true
	})
	return found
}

// The members of the JSON in the field spec.
func TestKeyspaceSpec(t *testing.T) {
	var want []string
	ast.Inspect(parse(t, "store/record.go"), func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != "spec" {
			return true
		}
		for _, f := range spec.Type.(*ast.StructType).Fields.List {
			tag, _, _ := strings.Cut(reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("json"), ",")
			want = append(want, tag)
		}
		return false
	})
	slices.Sort(want)
	got := slices.Sorted(maps.Keys(documented(t, "### The JSON in `registration`")))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("members of the struct spec (-) and of keyspace.md (+):\n%s", diff)
	}
}

func TestKeyspaceScripts(t *testing.T) {
	want, got := map[string][]string{}, map[string][]string{}
	for name, s := range scripts(t) {
		want[name] = s.keys
	}
	for name, row := range documented(t, "## Scripts") {
		got[name] = strings.Split(row[1], ", ")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("scripts and their KEYS in the .lua files (-) and in keyspace.md (+):\n%s", diff)
	}
}
