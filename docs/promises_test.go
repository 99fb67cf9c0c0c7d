package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestEveryRowHasItsTest checks that each test which promises.md names for a
// row exists, and names the row itself.
func TestEveryRowHasItsTest(t *testing.T) {
	tests := testFunctions(t)
	missing := map[string]bool{}
	for row := 1; row <= lastRow; row++ {
		missing[strconv.Itoa(row)] = true
	}
	for _, row := range withoutTest {
		delete(missing, row)
	}
	for _, cells := range table(t, read(t, "promises.md"), "## Every case, and its test") {
		row, names := cells[0], strings.Fields(cells[3])
		if len(names) == 0 {
			t.Errorf("row %s: no test", row)
		}
		delete(missing, row)
		for _, name := range names {
			name = strings.Trim(name, "`")
			source, ok := tests[name]
			if !ok {
				t.Errorf("row %s: there is no %s", row, name)
			} else if !rowsNamed(source)[row] {
				t.Errorf("row %s: %s does not name it", row, name)
			}
		}
	}
	for row := range missing {
		t.Errorf("row %s is not in the table", row)
	}
}

// lastRow is the last of the cases, and withoutTest are the cases that the page
// lists as missing.
const lastRow = 104

var withoutTest []string

// testFunctions returns the text of every function in the test files, its
// comment included, by folder and name.
func testFunctions(t *testing.T) map[string]string {
	t.Helper()
	functions := map[string]string{}
	walk(t, "_test.go", func(file string) {
		name := filepath.Join(root, file)
		files := token.NewFileSet()
		parsed, err := parser.ParseFile(files, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		text := read(t, name)
		for _, declared := range parsed.Decls {
			f, ok := declared.(*ast.FuncDecl)
			if !ok {
				continue
			}
			begin := f.Pos()
			if f.Doc != nil {
				begin = f.Doc.Pos()
			}
			functions[path.Dir(file)+"."+f.Name.Name] = text[files.Position(begin).Offset:files.Position(f.End()).Offset]
		}
	})
	return functions
}

// namedRows finds "row 7", "rows 3 and 5" and "rows 1, 12 to 14 and 18".
var (
	namedRows = regexp.MustCompile(`[Rr]ows? (\d+(?:(?:,| and| to|-|\s|//)+\d+)*)`)
	rowRange  = regexp.MustCompile(`(\d+)(?: to |-)?(\d*)`)
)

// rowsNamed returns the rows that a text names.
func rowsNamed(text string) map[string]bool {
	rows := map[string]bool{}
	for _, found := range namedRows.FindAllStringSubmatch(text, -1) {
		for _, part := range rowRange.FindAllStringSubmatch(found[1], -1) {
			first, _ := strconv.Atoi(part[1])
			last, err := strconv.Atoi(part[2])
			if err != nil {
				last = first
			}
			for row := first; row <= last; row++ {
				rows[strconv.Itoa(row)] = true
			}
		}
	}
	return rows
}

func TestRowsNamed(t *testing.T) {
	got := rowsNamed("// Rows 1, 12 to 14,\n// 18 and 60: row 7. In rows 3-5 things; row 8 of 9.")
	for _, row := range []string{"1", "12", "13", "14", "18", "60", "7", "3", "4", "5", "8"} {
		if !got[row] {
			t.Errorf("row %s is not found", row)
		}
		delete(got, row)
	}
	if len(got) > 0 {
		t.Errorf("found besides: %v", got)
	}
}
