package docs_test

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	fence    = regexp.MustCompile("(?ms)^```.*?^```")
	inline   = regexp.MustCompile("`[^`\n]*`")
	mdLink   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ +(.+?) *$`)
	noAnchor = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors returns the anchors that a page's headings make.
func anchors(page string) map[string]bool {
	found := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(page, ""), -1) {
		anchor := strings.ReplaceAll(noAnchor.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")
		unique := anchor
		for n := 1; found[unique]; n++ {
			unique = fmt.Sprintf("%s-%d", anchor, n)
		}
		found[unique] = true
	}
	return found
}

func TestLinksLeadSomewhere(t *testing.T) {
	walk(t, ".md", func(file string) {
		prose := inline.ReplaceAllString(fence.ReplaceAllString(read(t, filepath.Join(root, file)), ""), "")
		for _, m := range mdLink.FindAllStringSubmatch(prose, -1) {
			target := m[1]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			name, anchor, _ := strings.Cut(target, "#")
			to := file
			if name != "" {
				to = path.Join(path.Dir(file), name)
			}
			if strings.HasPrefix(to, "..") {
				t.Errorf("%s: the link %s leads out of the repository", file, target)
				continue
			}
			if _, err := os.Stat(filepath.Join(root, to)); err != nil {
				t.Errorf("%s: the link %s leads nowhere", file, target)
				continue
			}
			if anchor != "" && !anchors(read(t, filepath.Join(root, to)))[anchor] {
				t.Errorf("%s: the link %s names a heading that %s does not have", file, target, to)
			}
		}
	})
}

// TestIndexListsEveryPage compares the index of docs with its pages.
func TestIndexListsEveryPage(t *testing.T) {
	index := read(t, "README.md")
	walk(t, ".md", func(file string) {
		dir, name := path.Split(file)
		if dir == "docs/" && name != "README.md" && !strings.Contains(index, "]("+name+")") {
			t.Errorf("docs/README.md does not list %s", name)
		}
	})
}
