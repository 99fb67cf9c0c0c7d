package handlers_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"
)

// unsignedHeaders are headers of published requests that no signature covers, and those of
// which another one is enough.
var unsignedHeaders = map[string]bool{
	"Content-Type": true, "X-GitHub-Event": true, "X-GitHub-Delivery": true, "BOX-SIGNATURE-PRIMARY": true, "BOX-SIGNATURE-SECONDARY": true,
}

// flipped changes one bit in the middle of a text.
func flipped(text string) string {
	raw := []byte(text)
	raw[len(raw)/2] ^= 1
	return string(raw)
}

// Row 99: a published request is refused over HTTP if one bit of what proves it differs, or the
// time. TestPublishedRequests has them as they are.
func TestPublishedRequestsWithOneBitChanged(t *testing.T) {
	text, err := os.ReadFile("../senders/testdata/vectors.json")
	must(t, err)
	var vectors []vector
	must(t, json.Unmarshal(text, &vectors))
	for i, v := range vectors {
		t.Run(fmt.Sprint(v.Sender, i), func(t *testing.T) {
			post := func(v vector, want int) {
				t.Helper()
				n := start(t, at(v.At))
				where := ""
				if v.URL != "" {
					where = `,"url":` + quoted(v.URL)
				}
				body := fmt.Sprintf(`{"taskToken":"t","links":{"default":{"type":"webhook","sender":{"preset":%q,"secret":%s%s},"otherwise":"succeed"}}}`,
					v.Sender, quoted(v.Secret), where)
				registered := n.call(http.MethodPost, "/v1/callbacks", body)
				if registered.status == http.StatusBadRequest && want != http.StatusOK {
					return // a changed secret is none, or a changed URL
				}
				registered.is(http.StatusCreated)
				var k task
				registered.decode(&k.Callback)
				var headers []string
				for name, value := range v.Headers {
					if name != "Content-Type" {
						headers = append(headers, name, value)
					}
				}
				n.post(k.path("default"), v.Headers["Content-Type"], v.Body, headers...).is(want)
			}
			with := func(change func(*vector)) {
				t.Helper()
				changed := v
				changed.Headers = maps.Clone(v.Headers)
				change(&changed)
				post(changed, http.StatusUnauthorized)
			}
			with(func(v *vector) { v.Body = flipped(v.Body) })
			with(func(v *vector) { v.Secret = flipped(v.Secret) })
			for name, value := range v.Headers {
				if !unsignedHeaders[name] {
					with(func(v *vector) { v.Headers[name] = flipped(value) })
					with(func(v *vector) { delete(v.Headers, name) })
				}
			}
			if v.URL != "" {
				with(func(v *vector) { v.URL = strings.Replace(v.URL, "/my", "/ny", 1) + "&x" })
			}
			if v.At != 0 {
				with(func(v *vector) { v.At += 601 })
				with(func(v *vector) { v.At -= 601 })
			}
		})
	}
}
