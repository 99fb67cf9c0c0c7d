package relay_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"callback-relay/relay"
)

func TestSecretsRedactThemselves(t *testing.T) {
	const secret = "hunter2hunter2hunter2hunter2"
	ring := keys(t, "k1")
	id := ring.Identify(secret)[0].ID
	link := relay.Link{Name: "default", LinkKind: relay.LinkKind{Type: relay.LinkWebhook}}
	ref, err := ring.Resolve(ring.LinkKey(id, link, "k1").Reveal(), []relay.LinkKind{{Type: relay.LinkWebhook}})
	if err != nil {
		t.Fatal(err)
	}
	outcome := relay.Outcome{Type: relay.OutcomeSuccess, Output: relay.Payload(secret)}
	failure := relay.Outcome{Type: relay.OutcomeFailure, Error: "E", Cause: secret}
	for name, value := range map[string]any{
		"task token":   relay.TaskToken(secret),
		"link key":     relay.LinkKey(secret),
		"payload":      relay.Payload(secret),
		"ring":         ring,
		"ring value":   *ring,
		"link ref":     ref,
		"registration": relay.Registration{TaskToken: secret},
		"delivery":     relay.Delivery{TaskToken: secret, Outcome: outcome},
		"failure":      failure,
	} {
		shown := []string{slogged(value)}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			shown = append(shown, fmt.Sprintf(verb, value), fmt.Sprintf(verb, &value))
		}
		text, err := json.Marshal(value)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, s := range append(shown, string(text)) {
			if leaks(s, secret) {
				t.Errorf("%s shows as %q", name, s)
			}
		}
	}
}

// leaks tells whether text contains the secret in any form that fmt could print.
func leaks(text, secret string) bool {
	for _, form := range []string{
		secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret),
		strings.Trim(fmt.Sprint([]byte(secret)), "[]"), fmt.Sprintf("%#v", []byte(secret)),
	} {
		if strings.Contains(text, form) {
			return true
		}
	}
	return false
}

func slogged(value any) string {
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(&b, nil)).Info("m", "value", value)
	slog.New(slog.NewTextHandler(&b, nil)).Info("m", "value", value)
	return b.String()
}

func TestMasterKeysAreNotShown(t *testing.T) {
	line, err := relay.NewMasterKey("k1")
	if err != nil {
		t.Fatal(err)
	}
	ring, err := relay.ParseKeyRing(line)
	if err != nil {
		t.Fatal(err)
	}
	if s := fmt.Sprintf("%v %+v %#v %s", ring, *ring, ring, ring) + slogged(ring); strings.Count(s, "[redacted]") != 6 {
		t.Errorf("a ring shows as %q", s)
	}
}
