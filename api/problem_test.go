package api_test

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"callback-relay/api"
)

// TestCodesAreDocumented holds that each code is in the schema of a problem, with an
// example that agrees with the table.
func TestCodesAreDocumented(t *testing.T) {
	components := document(t).Components

	var listed []api.Code
	for _, code := range components.Schemas["Problem"].Value.Properties["type"].Value.Enum {
		listed = append(listed, api.Code(code.(string)))
	}
	slices.Sort(listed)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(api.Codes)), listed); diff != "" {
		t.Errorf("codes (-Go +schema):\n%s", diff)
	}

	for code, meaning := range api.Codes {
		example, ok := components.Examples[code.Short()]
		if !ok {
			t.Errorf("%s has no example", code)
			continue
		}
		value := example.Value.Value.(map[string]any)
		got := [3]any{value["type"], value["title"], value["status"]}
		want := [3]any{string(code), meaning.Title, float64(meaning.Status)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("example of %s (-Go +document):\n%s", code, diff)
		}
	}
}

// TestProblemsAreAnswered checks every error answer of every operation: its examples must
// have its own status, and each code must occur.
func TestProblemsAreAnswered(t *testing.T) {
	seen := map[string]bool{}
	for path, item := range document(t).Paths.Map() {
		for method, operation := range item.Operations() {
			for status, response := range operation.Responses.Map() {
				if status < "400" {
					continue
				}
				examples := problemExamples(response.Value)
				if len(examples) == 0 {
					t.Errorf("%s %s %s shows no problem", method, path, status)
				}
				for _, example := range examples {
					seen[example["type"].(string)] = true
					if got := strconv.Itoa(int(example["status"].(float64))); got != status {
						t.Errorf("%s %s %s shows a problem of status %s", method, path, status, got)
					}
				}
			}
		}
	}
	for code := range api.Codes {
		if !seen[string(code)] {
			t.Errorf("no operation answers with %s", code)
		}
	}
}

func problemExamples(response *openapi3.Response) []map[string]any {
	media := response.Content[api.ProblemMediaType]
	if media == nil {
		return nil
	}
	var values []map[string]any
	for _, example := range media.Examples {
		values = append(values, example.Value.Value.(map[string]any))
	}
	return values
}

// TestAnswersCarryHeaders checks the headers that every answer must have.
func TestAnswersCarryHeaders(t *testing.T) {
	byStatus := map[string]string{"401": "Www-Authenticate", "405": "Allow", "503": "Retry-After"}
	for path, item := range document(t).Paths.Map() {
		for method, operation := range item.Operations() {
			for status, response := range operation.Responses.Map() {
				required := map[string]bool{}
				for name, header := range response.Value.Headers {
					required[http.CanonicalHeaderKey(name)] = header.Value.Required
				}
				for _, name := range []string{"X-Request-Id", "Cache-Control", byStatus[status]} {
					if name != "" && !required[name] {
						t.Errorf("%s %s %s does not promise %s", method, path, status, name)
					}
				}
			}
		}
	}
}

func TestNewProblem(t *testing.T) {
	for code, meaning := range api.Codes {
		got := api.NewProblem(code, "why")
		want := api.Problem{Type: code, Title: meaning.Title, Status: meaning.Status, Detail: "why"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", code, diff)
		}
		if !strings.HasPrefix(string(code), "urn:callback-relay:") || http.StatusText(meaning.Status) == "" {
			t.Errorf("%s, status %d: not a URN of ours or not a status", code, meaning.Status)
		}
	}

	unplanned := api.NewProblem("urn:callback-relay:new", "redis://user:password@host")
	if diff := cmp.Diff(api.NewProblem(api.CodeInternal, ""), unplanned); diff != "" {
		t.Errorf("a code that is not in the table (-want +got):\n%s", diff)
	}
}

func TestCodeShort(t *testing.T) {
	for code, want := range map[api.Code]string{
		api.CodeNotFound: "not-found",
		"about:blank":    "",
		"":               "",
	} {
		if got := code.Short(); got != want {
			t.Errorf("Code(%q).Short() = %q, want %q", code, got, want)
		}
	}
}
