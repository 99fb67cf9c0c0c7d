package config_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"callback-relay/config"
)

func TestConfigurationPageIsFresh(t *testing.T) {
	page, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(page), string(config.Markdown())); diff != "" {
		t.Errorf("docs/configuration.md is stale (-page +settings):\n%s\n"+
			"refresh it with: go run ./cmd/relay config doc > docs/configuration.md", diff)
	}
}

// The settings of other commands, and what scripts rely on, stand there too.
func TestConfigurationPageHasTheRest(t *testing.T) {
	page := string(config.Markdown())
	for _, want := range []string{
		"| `RELAY_API_URL` | `--api-url` |", "| `RELAY_API_KEY` | `--api-key` |", "| `RELAY_API_KEY_FILE` | `--api-key-file` |",
		"| 0 | Done", "| 1 | Failed", "| 2 | Wrong usage or setting", "| 3 | There is no such callback",
		"| 4 | The callback's state", "| 5 | The relay, or what it needs, cannot be reached",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// A new key must be known everywhere before any replica makes links with it.
func TestRotationIsSafeAsDescribed(t *testing.T) {
	for _, f := range fields() {
		if f.Tag.Get("env") != "RELAY_KEYS" {
			continue
		}
		help := f.Tag.Get("help")
		end, front := strings.Index(help, "add the new key at the end"), strings.Index(help, "move it to the front")
		if remove := strings.Index(help, "remove the old one"); end < 0 || front < end || remove < front {
			t.Errorf("the steps are missing or out of order: %s", help)
		}
	}
}

func TestConfigurationPageIsComplete(t *testing.T) {
	page := string(config.Markdown())
	for _, f := range fields() {
		row := "| `" + f.Tag.Get("env") + "` |"
		if n := strings.Count(page, row); n != 1 {
			t.Errorf("%s stands in %d tables, want 1", f.Tag.Get("env"), n)
		}
	}
}
