package senders_test

import (
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"callback-relay/programs"
	"callback-relay/senders"
)

// Mailgun signs only a time and a token. The time must be near, and nothing may be moved
// from one to the other, which would make another event of the same signature.
func TestMailgun(t *testing.T) {
	programs.Need(t, "openssl")
	const now = 1_700_000_000
	sender, err := senders.New(senders.Spec{Preset: "mailgun", Secrets: []string{"key-of-the-account"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		signed, timestamp, token string
		want                     senders.Reason
	}{
		"now":             {"1700000000abc", "1700000000", "abc", ""},
		"a retry":         {"1699971200abc", "1699971200", "abc", ""},
		"long ago":        {"1600000000abc", "1600000000", "abc", senders.Stale},
		"a moved digit":   {"17000000004abc", "170000000", "04abc", senders.Malformed},
		"a moved letter":  {"1700000000abc", "1700000000a", "bc", senders.Malformed},
		"another token":   {"1700000000abc", "1700000000", "abd", senders.Signature},
		"without a token": {"1700000000", "1700000000", "", senders.Malformed},
	} {
		sign := exec.CommandContext(t.Context(), "openssl", "dgst", "-sha256", "-hmac", "key-of-the-account")
		sign.Stdin = strings.NewReader(c.signed)
		out, err := sign.Output()
		if err != nil {
			t.Fatal(err)
		}
		_, signature, _ := strings.Cut(strings.TrimSpace(string(out)), "= ")
		body := fmt.Sprintf(`{"signature":{"timestamp":%q,"token":%q,"signature":%q},"event-data":{}}`, c.timestamp, c.token, signature)
		err = sender.Check(t.Context(), senders.Request{Method: http.MethodPost, Header: http.Header{}, Body: []byte(body), Now: time.Unix(now, 0)})
		wrong, _ := errors.AsType[*senders.UnprovenError](err)
		if c.want == "" && err != nil || c.want != "" && (wrong == nil || wrong.Reason != c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// A secret that people choose must not be easy to guess, whichever preset uses it.
func TestShortSecrets(t *testing.T) {
	for _, p := range senders.Presets() {
		if !p.ChosenByRelay {
			continue
		}
		for secret, good := range map[string]bool{"x": false, strings.Repeat("x", 15): false, strings.Repeat("x", 16): true} {
			if _, err := senders.New(senders.Spec{Preset: p.Name, Secrets: []string{secret}}); (err == nil) != good {
				t.Errorf("%s with %d characters: %v", p.Name, len(secret), err)
			}
		}
	}
}
