package handlers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"callback-relay/api"
	"callback-relay/relay"
)

// TestProofOfHealth (row 86): the public listener answers every nonce with a proof that it
// is this relay, however often others ask. It does not ask Redis.
func TestProofOfHealth(t *testing.T) {
	var keys *relay.KeyRing
	n := start(t, func(s *setup) { keys = s.service.Keys })
	n.redis.Close()
	const nonce = "0123456789abcdefghijklmnop"
	url := "http://" + n.public + "/healthz?nonce="
	got := n.do("GET", url+nonce, "")
	var health api.Health
	if err := json.Unmarshal(got.body, &health); err != nil || got.status != http.StatusOK {
		t.Fatalf("%d %s: %v", got.status, got.body, err)
	}
	if health.Status != api.HealthOK || !keys.Proves(nonce, health.Proof) || keys.Proves(nonce+"0", health.Proof) {
		t.Errorf("got %s", got.body)
	}
	for _, bad := range []string{"", "short", strings.Repeat("x", 65), "0123456789abcde%0A"} {
		n.do("GET", url+bad, "").isProblem(400, "invalid-request")
	}
	if strings.Contains(string(n.do("GET", "http://"+n.private+"/healthz?nonce="+nonce, "").body), "proof") {
		t.Error("the private listener proves something")
	}
	for range 500 { // by strangers, who must not use up what the relay itself needs
		n.do("GET", url+nonce, "").is(http.StatusOK)
	}
	n.do("GET", "http://"+n.public+"/healthz", "").is(http.StatusOK) // of a probe
}

// TestWarnings: warnings are shown, and the relay is still ready.
func TestWarnings(t *testing.T) {
	n := start(t)
	n.warnings = []api.Warning{{Check: "public-url", Reason: "leads elsewhere"}}
	got := n.call("GET", "/readyz", "")
	if want := `{"status":"ready","warnings":[{"check":"public-url","reason":"leads elsewhere"}]}`; got.status != 200 ||
		strings.TrimSpace(string(got.body)) != want {
		t.Errorf("got %d %s, want %s", got.status, got.body, want)
	}
}
