package docs_test

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// TestLanguages holds that docs/approvals.md lists the languages of the pages, and which
// of them no native speaker has read.
func TestLanguages(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "pages", "texts", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	page := read(t, "approvals.md")
	list := func(after, before string) []string {
		_, rest, found := strings.Cut(page, after)
		names, _, ends := strings.Cut(rest, before)
		if !found || !ends {
			t.Fatalf("the page does not say %q … %q", after, before)
		}
		all := strings.FieldsFunc(names, func(r rune) bool { return r == ' ' || r == ',' })
		all = slices.DeleteFunc(all, func(word string) bool { return word == "and" })
		slices.Sort(all)
		return all
	}
	var all, unread []string
	for _, file := range files {
		var texts map[string]string
		if err := json.Unmarshal([]byte(read(t, file)), &texts); err != nil {
			t.Fatal(err)
		}
		name := display.English.Languages().Name(language.MustParse(strings.TrimSuffix(filepath.Base(file), ".json")))
		all = append(all, name)
		if _, is := texts["_unread"]; is {
			unread = append(unread, name)
		}
	}
	slices.Sort(all)
	slices.Sort(unread)
	if got := list("Pages follow the reader's language: ", ". "); !slices.Equal(got, all) {
		t.Errorf("the page lists %q, want %q", got, all)
	}
	if got := list("No native speaker has read ", " yet"); !slices.Equal(got, unread) {
		t.Errorf("the page says that nobody has read %q, want %q", got, unread)
	}
}
