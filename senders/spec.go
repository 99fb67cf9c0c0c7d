package senders

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"callback-relay/rules"
)

// Spec says who posts, and how one knows. A registration gives it inline, and the
// configuration file by name.
type Spec struct {
	Preset string `json:"preset,omitempty"` // its name; or Proof
	Proof  *Proof `json:"proof,omitempty"`  // of a sender without a preset
	// Secrets are all that are valid now, as the sender shows them: several during a
	// rotation. For senders that sign with a private key, they are the public keys.
	Secrets []string `json:"secrets,omitempty"`
	// Account is whose events count, for presets whose signature proves only the
	// sender: the user id of fal, the topic's ARN of SNS.
	Account string `json:"account,omitempty"`
	// Header is the name of the header with the shared value, for presets that let you
	// choose it, such as header-secret.
	Header string `json:"header,omitempty"`
	User   string `json:"user,omitempty"` // of the preset basic-auth; any, if there is none
	// URL is the URL that the sender signs, if a gateway in front of the relay gives it
	// another than the link. Then a signature does not say for which link it is.
	URL string `json:"url,omitempty"`
	// VerifyToken is what the sender must show when it tests the URL of a hook, for the
	// preset meta. Without it, such tests are not answered.
	VerifyToken string `json:"verifyToken,omitempty"`
	// Event says where events have their id and type. Without it, the preset says so.
	Event *rules.EventSpec `json:"event,omitempty"`
}

// WantsValue tells whether the sender posts a value that may be any, and the spec has
// none. The relay then derives the value, and [New] gets it with [Spec.WithSecret].
func (s Spec) WantsValue() bool {
	row, found := table[s.Preset]
	return found && row.ChosenByYou && s.Proof == nil && len(s.Secrets) == 0
}

// WithSecret returns the spec with one more secret.
func (s Spec) WithSecret(secret string) Spec {
	s.Secrets = append(s.Secrets[:len(s.Secrets):len(s.Secrets)], secret)
	return s
}

// SpecError is a mistake in a [Spec]. It never shows a secret.
type SpecError struct {
	Field   string // such as secrets[0] or proof.header
	Problem string // what is wrong, and what would be right
}

// Error implements error.
func (e *SpecError) Error() string { return e.Field + ": " + e.Problem }

// Bounds of a spec, so that checking a post stays cheap.
const (
	maxSecrets = 10
	maxText    = 4096 // bytes of a secret or a name
	minSecret  = 16   // bytes of a secret that the sender does not make itself
)

// mistakes collects what is wrong with a spec.
type mistakes []error

// add notes a mistake.
func (m *mistakes) add(field, problem string, args ...any) {
	*m = append(*m, &SpecError{Field: field, Problem: fmt.Sprintf(problem, args...)})
}

// checkSecrets checks the number and the length of the secrets, and reports whether they
// are right.
func (m *mistakes) checkSecrets(s Spec, meaning string) bool {
	before := len(*m)
	switch {
	case len(s.Secrets) == 0:
		m.add("secrets", "is missing: give %s", meaning)
	case len(s.Secrets) > maxSecrets:
		m.add("secrets", "has %d entries; at most %d can be valid at once", len(s.Secrets), maxSecrets)
	}
	for i, secret := range s.Secrets {
		if secret == "" {
			m.add(secretField(i), "is empty: give %s", meaning)
		} else if len(secret) > maxText {
			m.add(secretField(i), "has %d bytes; at most %d are allowed", len(secret), maxText)
		}
	}
	return len(*m) == before
}

// checkChosen checks that secrets that people choose cannot be guessed. The prefix that
// a way of proving has does not count.
func (m *mistakes) checkChosen(s Spec, ways []Proof) {
	for i, secret := range s.Secrets {
		for _, way := range ways {
			secret = strings.TrimPrefix(secret, way.SecretPrefix)
		}
		if n := len(secret); n > 0 && n < minSecret {
			m.add(secretField(i), "is too short: of %d characters; a secret of your own needs at least %d", n, minSecret)
		}
	}
}

// secretField is the name of a secret in a [SpecError].
func secretField(i int) string { return fmt.Sprintf("secrets[%d]", i) }

// headerName is the form of a header's name (RFC 9110, section 5.6.2).
var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$")

// Names is one name, or a list of names. In JSON, one name is a string.
type Names []string

// UnmarshalJSON implements [json.Unmarshaler].
func (n *Names) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*n = Names{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(n))
}

// MarshalJSON implements [json.Marshaler].
func (n Names) MarshalJSON() ([]byte, error) {
	if len(n) == 1 {
		return json.Marshal(n[0])
	}
	return json.Marshal([]string(n))
}
