package docs_test

import (
	"regexp"
	"strings"
	"testing"
)

var (
	jsonBlock = regexp.MustCompile("(?ms)^```json\n(.*?)^```$")
	fixedTime = regexp.MustCompile(`"expiresAt": *"\d`)
)

// A registration that is copied from a page must work on any day. A fixed expiresAt is more
// than a year away today, which is refused, or in the past tomorrow.
func TestRegistrationsHaveNoFixedDeadline(t *testing.T) {
	registrations := 0
	walk(t, ".md", func(path string) {
		for _, block := range jsonBlock.FindAllStringSubmatch(read(t, root+"/"+path), -1) {
			if !strings.Contains(block[1], `"taskToken"`) {
				continue
			}
			registrations++
			if fixed := fixedTime.FindString(block[1]); fixed != "" {
				t.Errorf("%s: a registration has %s…; use expiresIn", path, fixed)
			}
		}
	})
	if registrations < 50 {
		t.Errorf("the pages have only %d registrations", registrations)
	}
}
