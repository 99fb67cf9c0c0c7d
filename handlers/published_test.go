package handlers_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"testing"
)

// unsignedHeaders are headers of published requests that no signature covers, and those of
// which another one is enough.
var unsignedHeaders = map[string]bool{
	"Content-Type": true, "X-GitHub-Event": true, "X-GitHub-Delivery": true, "BOX-SIGNATURE-PRIMARY": true, "BOX-SIGNATURE-SECONDARY": true,
}

// flipped changes one bit in the middle of a text.
func flipped(text string) string {
	raw := []byte(text)
	raw[len(raw)/2] ^= 1
	return string(raw)
}

// anotherSendGridKey is a public key. That of a published request with a bit changed is none.
const anotherSendGridKey = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEDr2LjtURuePQzplybdC+u4CwrqDqBaWjcMMsTbhdbcwHBcepxo7yAQGhHPTnlvFYPAZFceEu/1FwCM/QmGUhA=="

// Row 99: a published request is refused over HTTP if one bit of what proves it differs, or the
// time. TestPublishedRequests has them as they are.
func TestPublishedRequestsWithOneBitChanged(t *testing.T) {
	text, err := os.ReadFile("../senders/testdata/vectors.json")
	must(t, err)
	var vectors []vector
	must(t, json.Unmarshal(text, &vectors))
	for i, v := range vectors {
		t.Run(fmt.Sprint(v.Sender, i), func(t *testing.T) {
			n := start(t, at(v.At))
			refused := func(what string, n *node, change func(*vector)) {
				t.Helper()
				changed := v
				changed.Headers = maps.Clone(v.Headers)
				change(&changed)
				if status, _ := n.postPublished(changed); status != http.StatusUnauthorized {
					t.Errorf("with another %s: %d", what, status)
				}
			}
			refused("body", n, func(v *vector) { v.Body = flipped(v.Body) })
			for name, value := range v.Headers {
				if !unsignedHeaders[name] {
					refused(name, n, func(v *vector) { v.Headers[name] = flipped(value) })
					refused(name+" (missing)", n, func(v *vector) { delete(v.Headers, name) })
				}
			}
			if v.URL != "" {
				refused("URL", n, func(v *vector) { v.URL = flipped(v.URL) })
			}
			if v.At != 0 {
				for _, off := range []int64{-601, 601} {
					refused("time", start(t, at(v.At+off)), func(*vector) {})
				}
			}
			n.refusesOtherSecrets(v)
		})
	}
}

// postPublished registers a task whose sender is that of a published request, and posts it.
// It returns the status of the answer, or says that the registration was refused.
func (n *node) postPublished(v vector) (status int, registered bool) {
	n.t.Helper()
	where := ""
	if v.URL != "" {
		where = `,"url":` + quoted(v.URL)
	}
	got := n.call(http.MethodPost, "/v1/callbacks", fmt.Sprintf(
		`{"taskToken":%s,"links":{"default":{"type":"webhook","sender":{"preset":%q,"secret":%s%s},"otherwise":"succeed"}}}`,
		quoted(rand.Text()), v.Sender, quoted(v.Secret), where))
	if got.status != http.StatusCreated {
		return got.status, false
	}
	var k task
	got.decode(&k.Callback)
	var headers []string
	for name, value := range v.Headers {
		if name != "Content-Type" {
			headers = append(headers, name, value)
		}
	}
	return n.post(k.path("default"), v.Headers["Content-Type"], v.Body, headers...).status, true
}

// refusesOtherSecrets checks that a published request is refused with other secrets. Some of
// them are none, so that they cannot be registered, but others must be.
func (n *node) refusesOtherSecrets(v vector) {
	n.t.Helper()
	var others []string
	for at := range len(v.Secret) {
		raw := []byte(v.Secret)
		raw[at] ^= 1
		others = append(others, string(raw))
	}
	if v.Sender == "sendgrid" {
		others = append(others, anotherSendGridKey)
	}
	refused := 0
	for _, secret := range others {
		v.Secret = secret
		switch status, registered := n.postPublished(v); {
		case registered && status == http.StatusUnauthorized:
			refused++
		case registered || status != http.StatusBadRequest:
			n.t.Errorf("with another secret: %d, registered: %v", status, registered)
		}
	}
	if refused == 0 {
		n.t.Errorf("none of %d other secrets was registered, so nothing was refused", len(others))
	}
}
