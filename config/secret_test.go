package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"callback-relay/config"
)

// TestSecretsStayHidden prints a configuration in every possible way.
func TestSecretsStayHidden(t *testing.T) {
	c := enoughConfig()
	c.Redis.URL = "redis://me:hunter2@redis"
	c.Keys = "k1:hunter2"

	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+"\n", c)
		fmt.Fprintf(&out, verb+"\n", &c.Redis)
		fmt.Fprintf(&out, verb+"\n", c.Keys)
		fmt.Fprintf(&out, verb+"\n", c.APIKeys)
	}
	fmt.Fprintln(&out, c.Keys, []config.Secret{c.Keys}, map[config.Secret]int{c.Keys: 1})
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("start", "config", c, "keys", c.Keys, "apiKey", c.APIKeys[0])
	}
	if err := json.NewEncoder(&out).Encode(c); err != nil {
		t.Fatal(err)
	}

	hash := c.APIKeys[0].Hash
	for _, shown := range []string{
		"hunter2",
		fmt.Sprintf("%x", "hunter2"),
		fmt.Sprintf("%x", hash),
		fmt.Sprintf("%d %d", hash[0], hash[1]), // as fmt prints an array
		fmt.Sprintf("%d,%d", hash[0], hash[1]), // as JSON does
	} {
		if strings.Contains(out.String(), shown) {
			t.Errorf("%q is shown in:\n%s", shown, out.String())
		}
	}
	for _, want := range []string{"[redacted]", "orders"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, out.String())
		}
	}
	if got := c.Keys.Reveal(); got != "k1:hunter2" {
		t.Errorf("Reveal = %q", got)
	}
}
