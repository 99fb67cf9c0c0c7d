package docs_test

import (
	"go/parser"
	"go/token"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Every package has a doc.go with its package comment, and no other.
func TestPackageCommentsStandInDocGo(t *testing.T) {
	comments := map[string][]string{} // files with a package comment, by folder
	walk(t, ".go", func(file string) {
		if strings.HasSuffix(file, "_test.go") {
			return
		}
		folder := path.Dir(file)
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil,
			parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		comments[folder] = append(comments[folder], "")
		if parsed.Doc == nil {
			return
		}
		comments[folder] = append(comments[folder], path.Base(file))
		opening := "Package " + parsed.Name.Name + " "
		if parsed.Name.Name == "main" {
			opening = "Command " + path.Base(folder) + " "
		}
		if text := parsed.Doc.Text(); !strings.HasPrefix(text, opening) {
			t.Errorf("%s: the package comment does not begin with %q", file, opening)
		}
	})
	for _, folder := range slices.Sorted(maps.Keys(comments)) {
		files := slices.DeleteFunc(comments[folder], func(s string) bool { return s == "" })
		if !slices.Equal(files, []string{"doc.go"}) {
			t.Errorf("package %s: the package comment stands in %q, want doc.go alone", folder, files)
		}
	}
}

// The record on libraries gives a reason for each module that go.mod asks for.
func TestEveryModuleHasAReason(t *testing.T) {
	record := read(t, "decisions/0008-libraries.md")
	for line := range strings.Lines(read(t, filepath.Join(root, "go.mod"))) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "require ")
		fields := strings.Fields(line)
		if len(fields) != 2 || !strings.HasPrefix(fields[1], "v") {
			continue // neither a requirement nor a direct one
		}
		if !slices.ContainsFunc(code(record), func(m string) bool { return within(fields[0], m) }) {
			t.Errorf("go.mod requires %s, and decisions/0008-libraries.md does not say why", fields[0])
		}
	}
}
