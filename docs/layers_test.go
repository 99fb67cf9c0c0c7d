package docs_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is the prefix of the repository's own imports.
const module = "callback-relay/"

// imports are what the files of one package import, tests aside: other
// packages of the module by folder, and third-party packages by path.
type imports struct {
	ours, others map[string]bool
}

// packages reads the imports of every package. Build tags are not looked at:
// what is imported under any of them counts.
func packages(t *testing.T) map[string]imports {
	t.Helper()
	all := map[string]imports{}
	walk(t, ".go", func(file string) {
		if strings.HasSuffix(file, "_test.go") {
			return
		}
		folder := path.Dir(file)
		if all[folder].ours == nil {
			all[folder] = imports{map[string]bool{}, map[string]bool{}}
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(imported, "/")
			switch {
			case strings.HasPrefix(imported, module):
				all[folder].ours[strings.TrimPrefix(imported, module)] = true
			case strings.Contains(first, "."): // the standard library has no dot there
				all[folder].others[imported] = true
			}
		}
	})
	return all
}

// readLayers reads the arrows of the layers block. "nothing" means no arrow, and
// "all of them" means an arrow to every package on a line above.
func readLayers(lines []string) (map[string]map[string]bool, error) {
	layers := map[string]map[string]bool{}
	for _, line := range lines {
		from, to, found := strings.Cut(line, "->")
		from, to = strings.TrimSpace(from), strings.TrimSpace(to)
		if !found || from == "" || to == "" || layers[from] != nil {
			return nil, fmt.Errorf("line %q: want a new package, -> and what it imports", line)
		}
		arrows := map[string]bool{}
		switch to {
		case "nothing":
		case "all of them":
			for above := range layers {
				arrows[above] = true
			}
		default:
			for _, name := range strings.Fields(to) {
				arrows[name] = true
			}
		}
		layers[from] = arrows
	}
	return layers, nil
}

// judgeLayers compares the arrows on the page with the imports in the code, and
// returns every difference.
func judgeLayers(drawn map[string]map[string]bool, found map[string]imports) []string {
	var wrong []string
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	for _, from := range slices.Sorted(maps.Keys(found)) {
		arrows, known := drawn[from]
		if !known {
			add("package %s is missing", from)
			continue
		}
		for _, to := range slices.Sorted(maps.Keys(found[from].ours)) {
			if !arrows[to] {
				add("%s imports %s, and no arrow allows it", from, to)
			}
		}
	}
	for _, from := range slices.Sorted(maps.Keys(drawn)) {
		if _, there := found[from]; !there {
			add("package %s does not exist", from)
			continue
		}
		for _, to := range slices.Sorted(maps.Keys(drawn[from])) {
			if !found[from].ours[to] {
				add("the arrow %s -> %s is stale: nothing is imported", from, to)
			}
		}
	}
	return wrong
}

func TestLayers(t *testing.T) {
	drawn, err := readLayers(block(t, read(t, "architecture.md"), "layers"))
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range judgeLayers(drawn, packages(t)) {
		t.Error(wrong)
	}
}

// judgeLayers must accept correct arrows and find wrong ones.
func TestLayersAreJudged(t *testing.T) {
	uses := func(names ...string) imports {
		i := imports{ours: map[string]bool{}}
		for _, name := range names {
			i.ours[name] = true
		}
		return i
	}
	found := map[string]imports{"rules": uses(), "store": uses("rules"), "command": uses("rules", "store")}
	for name, c := range map[string]struct {
		lines []string
		want  []string
	}{
		"right":     {[]string{"rules -> nothing", "store -> rules", "command -> all of them"}, nil},
		"forbidden": {[]string{"rules -> nothing", "store -> nothing", "command -> all of them"}, []string{"store imports rules, and no arrow allows it"}},
		"stale":     {[]string{"store -> rules", "rules -> store", "command -> all of them"}, []string{"the arrow rules -> store is stale: nothing is imported"}},
		"missing":   {[]string{"rules -> nothing", "command -> rules store"}, []string{"package store is missing"}},
		"gone":      {[]string{"rules -> nothing", "store -> rules", "command -> all of them", "old -> nothing"}, []string{"package old does not exist"}},
		"not all":   {[]string{"rules -> nothing", "command -> all of them", "store -> rules"}, []string{"command imports store, and no arrow allows it"}},
	} {
		drawn, err := readLayers(c.lines)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := judgeLayers(drawn, found); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// within reports whether an imported package belongs to a module, or to the family
// of modules with that prefix.
func within(imported, owned string) bool {
	return imported == owned || strings.HasPrefix(imported, owned+"/")
}

func TestThirdPartyModulesHaveOwners(t *testing.T) {
	owned := map[string][]string{}
	for _, row := range table(t, read(t, "architecture.md"), "## Packages") {
		names := code(row[0])
		if len(row) != 3 || len(names) != 1 {
			t.Fatalf("row %q: want a package, its job and its modules", row)
		}
		owned[names[0]] = code(row[2])
	}
	found := packages(t)
	for _, name := range slices.Sorted(maps.Keys(found)) {
		modules, listed := owned[name]
		if !listed {
			t.Errorf("package %s is missing in the table", name)
			continue
		}
		for _, imported := range slices.Sorted(maps.Keys(found[name].others)) {
			if !slices.ContainsFunc(modules, func(m string) bool { return within(imported, m) }) {
				t.Errorf("package %s imports %s, which the table does not give it", name, imported)
			}
		}
		for _, m := range modules {
			if !slices.ContainsFunc(slices.Collect(maps.Keys(found[name].others)), func(i string) bool { return within(i, m) }) {
				t.Errorf("the table gives package %s the module %s, which it does not import", name, m)
			}
		}
	}
	for name := range owned {
		if _, there := found[name]; !there {
			t.Errorf("the table has a package %s that does not exist", name)
		}
	}
}
