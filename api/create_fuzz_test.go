package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"callback-relay/api"
)

// Any request that was decoded prints and logs without its task token.
func FuzzCreateRequestPrints(f *testing.F) {
	for _, text := range []string{
		`{}`, `{"expiresIn":"7d","onExpiry":"fail","tags":{"a":"b"},"links":{"default":{"type":"webhook"}}}`,
		`{"expiresAt":"2030-01-31T12:00:00Z"}`, `{"expiresAt":null,"tags":null,"links":{"":{}}}`, `{"tags":{"%!":"%s"}}`,
	} {
		f.Add(text)
	}
	const canary = "CANARYcanaryCANARYcanary"
	f.Fuzz(func(t *testing.T, text string) {
		var r api.CreateRequest
		if json.Unmarshal([]byte(text), &r) != nil || strings.Contains(text, canary) {
			return
		}
		r.TaskToken = canary
		var shown bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
			fmt.Fprintf(&shown, verb, r)
			fmt.Fprintf(&shown, verb, &r)
			fmt.Fprintf(&shown, verb, []api.CreateRequest{r})
		}
		slog.New(slog.NewJSONHandler(&shown, nil)).Info("m", "request", r, "pointer", &r)
		slog.New(slog.NewTextHandler(&shown, nil)).Info("m", "request", r, "pointer", &r)
		for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), strings.Trim(fmt.Sprint([]byte(canary)), "[]")} {
			if strings.Contains(shown.String(), form) {
				t.Errorf("it shows its task token: %s", shown.String())
			}
		}
	})
}
