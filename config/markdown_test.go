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

// The page also has the settings of other commands, and the exit codes.
func TestConfigurationPageHasTheRest(t *testing.T) {
	page := string(config.Markdown())
	for _, want := range []string{
		"| `RELAY_API_URL` | `--api-url` |", "| `RELAY_API_KEY` | `--api-key` |", "| `RELAY_API_KEY_FILE` | `--api-key-file` |",
		"| 0 | Done", "| 1 | Failed", "| 2 | Wrong usage or setting", "| 3 | There is no such callback, sender or event",
		"| 4 | The callback's state", "| 5 | The relay, or something that it needs, is unavailable",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// Every replica must know a new key before any replica makes links with it. The
// setting refers to the page with the steps in this order.
func TestRotationIsSafeAsDescribed(t *testing.T) {
	const page = "docs/procedures.md"
	for _, f := range fields() {
		if f.Tag.Get("env") == "RELAY_KEYS" && !strings.Contains(f.Tag.Get("help"), page) {
			t.Errorf("the help of RELAY_KEYS does not name %s", page)
		}
	}
	text, err := os.ReadFile("../" + page)
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for _, step := range []string{"`RELAY_KEYS=OLD,NEW`", "`RELAY_KEYS=NEW,OLD`", "`RELAY_KEYS=NEW`"} {
		next := strings.Index(string(text[at:]), step)
		if next < 0 {
			t.Fatalf("%s: %s is missing, or out of order", page, step)
		}
		at += next
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
