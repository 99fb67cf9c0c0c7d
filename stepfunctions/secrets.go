package stepfunctions

import (
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// redacted replaces a secret, as everywhere in the relay.
const redacted = "[redacted]"

// shortSecret is the length below which a secret is not searched for. A payload
// of "1" would match in every second message.
const shortSecret = 8

// telltale is how many consecutive bytes of a secret are treated as secret, since
// AWS shortens what it quotes. longestText bounds the text that is searched, and
// longestQuote the text that is passed on.
const (
	telltale     = 16
	longestText  = 8 << 10
	longestQuote = 1 << 10
)

// credentialForms match credentials in the messages of AWS: the id of an access
// key, a signature, and the token of a session or an identity.
var credentialForms = regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b|\b[0-9a-f]{64}\b|[A-Za-z0-9+/=_.%-]{100,}`)

// secrets are the texts that no message about a call may contain.
type secrets struct {
	all []string
	// partial says that a message may quote secrets that the call does not know: a
	// heartbeat does not know the payload. Everything after the first known secret
	// is then left out.
	partial bool
}

// with returns the secrets together with the credentials of a call.
func (s secrets) with(c aws.Credentials) secrets {
	s.all = append(slices.Clip(s.all), c.AccessKeyID, c.SecretAccessKey, c.SessionToken)
	return s
}

// removed returns a text, shortened to longestQuote, with every part of a secret
// and everything that looks like a credential replaced. It finds parts with or
// without the backslashes that quoting adds.
func (s secrets) removed(text string) string {
	cut := len(text) > longestText
	if cut {
		text = text[:longestText]
	}
	marks := make([]bool, len(text))
	for _, one := range s.all {
		markSecret(text, one, marks)
	}
	for _, at := range credentialForms.FindAllStringIndex(text, -1) {
		for i := at[0]; i < at[1]; i++ {
			marks[i] = true
		}
	}
	if cut { // a secret across the cut may show too few bytes to be found
		text = text[:longestText-telltale]
	}
	var left strings.Builder
	for i := range len(text) {
		if !marks[i] {
			left.WriteByte(text[i])
		} else if i == 0 || !marks[i-1] {
			left.WriteString(redacted)
			if s.partial {
				break
			}
		}
	}
	if left.Len() > longestQuote {
		return strings.ToValidUTF8(left.String()[:longestQuote], "") + "…"
	}
	return strings.ToValidUTF8(left.String(), "")
}

// markSecret marks the bytes of a text that are part of a sequence which is also in
// the secret.
func markSecret(text, secret string, marks []bool) {
	bare := strings.ReplaceAll(secret, `\`, "")
	if len(bare) < shortSecret {
		return
	}
	plain, at := make([]byte, 0, len(text)), make([]int, 0, len(text))
	for i := range len(text) {
		if text[i] != '\\' {
			plain, at = append(plain, text[i]), append(at, i)
		}
	}
	// The text is short, but the secret may be a payload of 256 KiB, so read it
	// only once.
	window := min(telltale, len(bare))
	rows := map[string][]int{}
	for i := 0; i+window <= len(plain); i++ {
		row := string(plain[i : i+window])
		rows[row] = append(rows[row], i)
	}
	for i := 0; i+window <= len(bare); i++ {
		found := rows[bare[i:i+window]]
		for _, j := range found {
			for k := at[j]; k <= at[j+window-1]; k++ {
				marks[k] = true
			}
		}
		if found != nil {
			delete(rows, bare[i:i+window])
		}
	}
}
