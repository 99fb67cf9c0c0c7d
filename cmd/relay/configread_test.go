package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"callback-relay/config"
)

// The log names every sender of the file, also one whose hook takes what anybody posts.
func TestConfigurationFileReadNamesAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "relay.yaml")
	const text = `
senders:
  jobs: {preset: header-secret, secrets: [{env: CONFIG_READ_SECRET}], hook: {key: body.id}}
  plain: {preset: header-secret, secrets: [{env: CONFIG_READ_SECRET}]}
  builds: {proof: none, hook: {key: body.id}}
`
	t.Setenv("CONFIG_READ_SECRET", "a secret of more than sixteen characters")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := config.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	newConfigFile(file, func(string, error) {}, slog.New(slog.NewTextHandler(&log, nil)))
	if want := `senders="[builds jobs plain]" hooks="[builds jobs]"`; !strings.Contains(log.String(), want) {
		t.Errorf("want %s in %s", want, log.String())
	}
}
