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

func TestConfigurationPageIsComplete(t *testing.T) {
	page := string(config.Markdown())
	for _, f := range fields() {
		row := "| `" + f.Tag.Get("env") + "` |"
		if n := strings.Count(page, row); n != 1 {
			t.Errorf("%s stands in %d tables, want 1", f.Tag.Get("env"), n)
		}
	}
}
