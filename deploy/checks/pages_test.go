package checks

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

var yamlBlock = regexp.MustCompile("(?ms)^ *```yaml\n(.*?)^ *```")

// What the pages show of YAML is what Kubernetes, and the chart, take.
func TestPagesShowWhatWorks(t *testing.T) {
	for page, want := range map[string]int{"kubernetes": 2, "ingress": 3} {
		blocks := yamlBlock.FindAllStringSubmatch(read(t, root+"/docs/"+page+".md"), -1)
		if len(blocks) != want {
			t.Errorf("%s.md has %d blocks of YAML, want %d", page, len(blocks), want)
		}
		for _, m := range blocks {
			block := m[1]
			switch {
			case strings.Contains(block, "kind: EnvoyProxy"): // its types are not ours to hold
			case strings.Contains(block, "kind: "):
				if _, _, err := decoder().Decode([]byte(block), nil, nil); err != nil {
					t.Errorf("%s.md: %v in\n%s", page, err, block)
				}
			default:
				values := t.TempDir() + "/values.yaml"
				if err := os.WriteFile(values, []byte(block), 0o600); err != nil {
					t.Fatal(err)
				}
				render(t, "existing-secret", "--values", values)
			}
		}
	}
}
