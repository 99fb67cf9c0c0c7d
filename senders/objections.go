package senders

import (
	"errors"
	"slices"
	"strings"
)

// Objections returns why a spec should not be registered, although [New] takes it, as a
// [*SpecError] for each: what is given and does nothing, although somebody expects that it
// is checked, and what proves less than somebody expects. They are no mistakes for [New],
// which must be able to use all that earlier releases accepted.
func (s Spec) Objections() error {
	var m mistakes
	row := rowOf(s, &mistakes{})
	if row == nil {
		return nil
	}
	if s.Account != "" && row.Account == "" {
		m.add("account", "is not used: what proves an event of this sender is the secret alone")
	}
	if s.User != "" && row.Name != "basic-auth" {
		m.add("user", "is not used: only the preset basic-auth has one")
	}
	if s.VerifyToken != "" && row.Name != "meta" {
		m.add("verifyToken", "is not used: only the preset meta has one")
	}
	if isPublicHeader(s.Header) {
		m.add("header", "%q is a header whose value is no secret; choose one such as x-callback-secret", s.Header)
	}
	if s.Proof != nil {
		s.Proof.objections(s.URL != "", &m)
	}
	return errors.Join(m...)
}

// objections notes what a proof of somebody's own does not prove.
func (p *Proof) objections(urlGiven bool, m *mistakes) {
	if _, clash := p.bordersOf(urlGiven); clash != "" {
		m.add("proof.signed", "has nothing that separates %q from the header or URL that is signed beside it, so one signature would hold for several posts; "+
			`name the text that the sender puts between them, such as "text:."`, cut(clash))
	}
	if p.Algorithm != sharedSecret {
		return
	}
	for _, name := range p.Header {
		if isPublicHeader(name) {
			m.add("proof.header", "%q is a header whose value is no secret; name one such as x-callback-secret", name)
		}
	}
}

// publicHeaders are headers that programs and proxies set by themselves, to values that
// anybody can guess. Names that end in "*" stand for all that begin like them.
var publicHeaders = strings.Fields(`
	accept* age allow alt-used baggage cache-control cdn-loop cf-* connection content-* date dnt early-data expect forwarded
	from host if-* keep-alive max-forwards mime-version origin pragma prefer priority proxy-connection range referer
	sec-* te trace* trailer transfer-encoding upgrade* user-agent via warning x-amzn-trace-id x-b3-* x-client-ip
	x-cluster-client-ip x-correlation-id x-envoy-* x-forwarded* x-original-* x-real-ip x-request-id x-requested-with`)

// isPublicHeader tells whether a name is that of such a header, or stands for one.
func isPublicHeader(name string) bool {
	stem, many := strings.CutSuffix(strings.ToLower(name), "*")
	return stem != "" && slices.ContainsFunc(publicHeaders, func(public string) bool {
		publicStem, all := strings.CutSuffix(public, "*")
		return stem == publicStem || all && strings.HasPrefix(stem, publicStem) || many && strings.HasPrefix(publicStem, stem)
	})
}
