package docs_test

import (
	"strings"
	"testing"

	"callback-relay/handlers"
	"callback-relay/rules"
)

// Awaits that are copied from a page must work.
func TestAwaitsOfThePages(t *testing.T) {
	awaits := 0
	for _, page := range []string{"README.md", "docs/hooks.md"} {
		text := read(t, root+"/"+page)
		for _, block := range jsonBlock.FindAllStringSubmatch(text, -1) {
			body := strings.TrimSpace(block[1])
			if strings.HasPrefix(body, `"awaits"`) {
				body = `{"taskToken": "AQCEAAAAKgAAAAMAAAAA...", ` + body + `}`
			}
			if !strings.Contains(body, `"awaits"`) {
				continue
			}
			awaits++
			registration, err := handlers.ParseRegistration([]byte(body))
			if err != nil || len(registration.Awaits) != 1 {
				t.Errorf("%s: %v\n%s", page, err, body)
			}
			for name, await := range registration.Awaits {
				if _, err := rules.Compile(rules.Source{Outcomes: await.Outcomes, Otherwise: rules.Ignore}); err != nil {
					t.Errorf("%s: %s: %v", page, name, err)
				}
			}
		}
	}
	if awaits != 2 {
		t.Errorf("the pages have %d registrations with awaits", awaits)
	}
}
