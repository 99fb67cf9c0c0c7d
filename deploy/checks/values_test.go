package checks

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// property is one value as values.schema.json describes it.
type property struct {
	Type        any                 `json:"type"`
	Description string              `json:"description"`
	Properties  map[string]property `json:"properties"`
	Additional  any                 `json:"additionalProperties"`
}

// properties returns every value of the schema by its path, without groups of
// values, which have no description.
func properties(t *testing.T) map[string]property {
	t.Helper()
	var schema property
	if err := json.Unmarshal([]byte(read(t, chart+"/values.schema.json")), &schema); err != nil {
		t.Fatal(err)
	}
	all := map[string]property{}
	var walk func(prefix string, group property)
	walk = func(prefix string, group property) {
		if group.Additional != false {
			t.Errorf("%s takes values that are not described", prefix)
		}
		for name, p := range group.Properties {
			if p.Description == "" && len(p.Properties) > 0 {
				walk(prefix+name+".", p)
				continue
			}
			all[prefix+name] = p
		}
	}
	walk("", schema)
	return all
}

// Every value is described in the schema, in the words of the comment above it,
// and the schema describes no other.
func TestValuesAreDescribed(t *testing.T) {
	described := properties(t)
	delete(described, "global") // helm's own
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(read(t, chart+"/values.yaml")), &document); err != nil {
		t.Fatal(err)
	}
	var walk func(prefix string, group *yaml.Node)
	walk = func(prefix string, group *yaml.Node) {
		for i := 0; i < len(group.Content); i += 2 {
			key, value := group.Content[i], group.Content[i+1]
			path := prefix + key.Value
			p, found := described[path]
			if !found && value.Kind == yaml.MappingNode && len(value.Content) > 0 {
				walk(path+".", value)
				continue
			}
			if !found {
				t.Errorf("%s is not described", path)
				continue
			}
			delete(described, path)
			comment := strings.TrimPrefix(strings.ReplaceAll(key.HeadComment, "\n# ", " "), "# ")
			if i := strings.LastIndex(comment, "\n\n# "); i >= 0 {
				comment = comment[i+4:] // text before an empty line belongs to the file
			}
			if comment == "" || comment != p.Description {
				t.Errorf("%s is said to be\n%q in values.yaml, and\n%q in the schema", path, comment, p.Description)
			}
		}
	}
	walk("", document.Content[0])
	for path := range described {
		t.Errorf("%s is described and has no default in values.yaml", path)
	}
}

var settingRow = regexp.MustCompile("(?m)^\\| `(RELAY_[A-Z_]+)` \\|")

// realSettings are all settings of the relay and of its commands.
func realSettings(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, m := range settingRow.FindAllStringSubmatch(read(t, root+"/docs/configuration.md"), -1) {
		all = append(all, m[1])
	}
	if !slices.Contains(all, "RELAY_PUBLIC_URL") {
		t.Fatal("docs/configuration.md lists no settings")
	}
	return all
}

// `settings` accepts every setting that no other value of the chart sets, and no
// other variable.
func TestSettingsAreReal(t *testing.T) {
	made := map[string]string{
		"RELAY_PUBLIC_URL":       "publicUrl",
		"RELAY_CONFIG_FILE":      "config",
		"RELAY_REDIS_MODE":       "redis.mode",
		"RELAY_REDIS_DURABILITY": "redis.durability",
		"RELAY_PUBLIC_LISTEN":    "the Services count on its default",
		"RELAY_PRIVATE_LISTEN":   "the Services count on its default",
		"RELAY_KEYS":             "the Secret", "RELAY_KEYS_FILE": "the Secret",
		"RELAY_API_KEYS": "the Secret", "RELAY_API_KEYS_FILE": "the Secret",
		"RELAY_REDIS_URL": "the Secret", "RELAY_REDIS_URL_FILE": "the Secret",
		"RELAY_API_URL": "of a command", "RELAY_API_KEY": "of a command", "RELAY_API_KEY_FILE": "of a command",
	}
	var want []string
	for _, name := range realSettings(t) {
		if made[name] == "" {
			want = append(want, name)
		}
	}
	got := slices.Sorted(maps.Keys(properties(t)["settings"].Properties))
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("settings in values.schema.json takes\n%v, and the relay has\n%v", got, want)
	}
}
