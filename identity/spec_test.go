package identity_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"callback-relay/identity"
	"callback-relay/publickeys"
)

// mistakesIn returns what is wrong with a spec, by field.
func mistakesIn(t *testing.T, s identity.Spec) map[string]string {
	t.Helper()
	_, err := identity.New(s, publickeys.New(&web{}))
	found := map[string]string{}
	if err == nil {
		return found
	}
	for _, err := range err.(interface{ Unwrap() []error }).Unwrap() {
		wrong := (*identity.SpecError)(nil)
		if !errors.As(err, &wrong) {
			t.Fatal(err)
		}
		found[wrong.Field] = wrong.Problem
	}
	return found
}

func TestSpecs(t *testing.T) {
	alb := identity.Spec{Type: identity.AWSALB, Issuer: "https://login.example.com", Audience: "client-1", Signer: balancer}
	cloudflare := identity.Spec{Type: identity.CloudflareAccess, Issuer: team, Audience: "pages"}
	other := identity.Spec{Type: identity.JWT, Issuer: "joe", Audience: "pages", Header: "X-Who", Keys: loginKeys}
	with := func(s identity.Spec, change func(*identity.Spec)) identity.Spec { change(&s); return s }
	for name, c := range map[string]struct {
		spec identity.Spec
		want []string
	}{
		"load balancer": {alb, nil},
		"in GovCloud": {with(alb, func(s *identity.Spec) {
			s.Signer = strings.Replace(strings.Replace(balancer, "arn:aws:", "arn:aws-us-gov:", 1), "eu-west-1", "us-gov-west-1", 1)
		}), nil},
		"cloudflare":       {cloudflare, nil},
		"another":          {other, nil},
		"on this machine":  {with(other, func(s *identity.Spec) { s.Keys = "http://127.0.0.1:8080/keys" }), nil},
		"nothing":          {identity.Spec{}, []string{"type"}},
		"another type":     {identity.Spec{Type: "header", Header: "X-User"}, []string{"type"}},
		"only a type":      {identity.Spec{Type: identity.AWSALB}, []string{"audience", "issuer", "signer"}},
		"only jwt":         {identity.Spec{Type: identity.JWT}, []string{"audience", "header", "issuer", "keys"}},
		"not used":         {with(cloudflare, func(s *identity.Spec) { s.Signer, s.Header, s.Keys = balancer, "X-Who", loginKeys }), []string{"header", "keys", "signer"}},
		"network balancer": {with(alb, func(s *identity.Spec) { s.Signer = strings.Replace(balancer, "/app/", "/net/", 1) }), []string{"signer"}},
		"odd region":       {with(alb, func(s *identity.Spec) { s.Signer = strings.Replace(balancer, "eu-west-1", "evil.example/", 1) }), []string{"signer"}},
		"slash at the end": {with(cloudflare, func(s *identity.Spec) { s.Issuer += "/" }), []string{"issuer"}},
		"not a team":       {with(cloudflare, func(s *identity.Spec) { s.Issuer = "https://example.com" }), []string{"issuer"}},
		"keys by http":     {with(other, func(s *identity.Spec) { s.Keys = "http://login.example.com/keys" }), []string{"keys"}},
		"keys of a user":   {with(other, func(s *identity.Spec) { s.Keys = "https://a:b@login.example.com/keys" }), []string{"keys"}},
		"keys of a file":   {with(other, func(s *identity.Spec) { s.Keys = "file:///etc/passwd" }), []string{"keys"}},
		"no header":        {with(other, func(s *identity.Spec) { s.Header = "X Who" }), []string{"header"}},
		"long":             {with(other, func(s *identity.Spec) { s.Audience = strings.Repeat("x", 2049) }), []string{"audience"}},
	} {
		if got := slices.Sorted(maps.Keys(mistakesIn(t, c.spec))); !cmp.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if problem := mistakesIn(t, identity.Spec{Type: "oidc"})["type"]; problem != "must be one of aws-alb, cloudflare-access, jwt" {
		t.Error(problem)
	}
}
