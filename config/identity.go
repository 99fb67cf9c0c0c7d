package config

import (
	"errors"

	"callback-relay/identity"
	"callback-relay/publickeys"
)

// fileIdentity says in the file which proxy signs who is there: [identity.Spec].
type fileIdentity struct {
	Type     string `json:"type"`
	Issuer   string `json:"issuer"`
	Audience string `json:"audience"`
	Signer   string `json:"signer"`
	Header   string `json:"header"`
	Keys     string `json:"keys"`
}

// identity checks which proxy signs who is there, and adds it to the file.
func (r *fileReader) identity(f *fileIdentity) {
	if f == nil {
		return // not there, or decoding has reported it
	}
	verifier, err := identity.New(identity.Spec(*f), publickeys.Shared)
	for _, err := range parts(err) {
		wrong, ok := errors.AsType[*identity.SpecError](err)
		follows := ok && wrong.Field == "type" && f.Type == "" && r.d.misspelt["identity"]
		if ok && !follows {
			r.d.wrong("identity."+wrong.Field, "%s", wrong.Problem)
		}
	}
	r.file.Identity = verifier
}
