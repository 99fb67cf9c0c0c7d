package identity

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"callback-relay/publickeys"
)

// The types of proxies.
const (
	AWSALB           = "aws-alb"
	CloudflareAccess = "cloudflare-access"
	JWT              = "jwt"
)

// Types lists the types of proxies.
var Types = []string{AWSALB, CloudflareAccess, JWT}

// Spec says which proxy signs who is there, as the configuration file gives it.
type Spec struct {
	Type string
	// Issuer is the exact issuer of the tokens: of the load balancer of AWS the issuer of
	// its OpenID Connect action, of Cloudflare Access the URL of the team.
	Issuer string
	// Audience is for whom the tokens are: of the load balancer of AWS the client id of its
	// action, of Cloudflare Access the AUD tag of the application.
	Audience string
	Signer   string // the ARN of the load balancer of AWS
	Header   string // of the type jwt, which can be in any header
	Keys     string // of the type jwt: the URL of its JSON Web Key Set
}

// SpecError is a mistake in a [Spec].
type SpecError struct {
	Field   string // such as issuer
	Problem string // what is wrong, and what would be right
}

// Error implements error.
func (e *SpecError) Error() string { return e.Field + ": " + e.Problem }

// maxText bounds the texts of a spec, in bytes.
const maxText = 2048

// New returns a verifier, which fetches keys with the given cache. Its error joins a
// [*SpecError] for each mistake.
func New(s Spec, keys *publickeys.Cache) (*Verifier, error) {
	var errs []error
	wrong := func(field, problem string, args ...any) {
		errs = append(errs, &SpecError{field, fmt.Sprintf(problem, args...)})
	}
	if !slices.Contains(Types, s.Type) {
		wrong("type", "must be one of %s", strings.Join(Types, ", "))
		return nil, errors.Join(errs...)
	}
	for _, field := range []struct {
		name, value, meaning string
		used                 bool
	}{
		{"issuer", s.Issuer, issuerMeaning[s.Type], true},
		{"audience", s.Audience, audienceMeaning[s.Type], true},
		{"signer", s.Signer, "the ARN of the load balancer", s.Type == AWSALB},
		{"header", s.Header, "the name of the header in which the proxy puts the token, such as X-Goog-Iap-Jwt-Assertion", s.Type == JWT},
		{"keys", s.Keys, "the URL of the JSON Web Key Set with the proxy's public keys", s.Type == JWT},
	} {
		switch {
		case field.used && field.value == "":
			wrong(field.name, "is missing: give %s", field.meaning)
		case !field.used && field.value != "":
			wrong(field.name, "is not used with the type %s; leave it out", s.Type)
		case len(field.value) > maxText:
			wrong(field.name, "has %d bytes; at most %d are allowed", len(field.value), maxText)
		}
	}
	v := &Verifier{spec: s, keys: keys}
	switch {
	case s.Type == AWSALB && s.Signer != "":
		if v.list = albKeys(s.Signer); v.list == "" {
			wrong("signer", "is not the ARN of an application load balancer, such as arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/pages/50dc6c495c0c9188")
		}
	case s.Type == CloudflareAccess && s.Issuer != "":
		if !cloudflareTeam.MatchString(s.Issuer) {
			wrong("issuer", "is not the URL of a team, such as https://example.cloudflareaccess.com, without a slash at the end")
		}
		v.list = s.Issuer + "/cdn-cgi/access/certs"
	case s.Type == JWT:
		if s.Keys != "" && !fetchable(s.Keys) {
			wrong("keys", "must be an https URL without a user name, such as https://login.example.com/.well-known/jwks.json; http is only possible on this machine")
		}
		if s.Header != "" && !headerName.MatchString(s.Header) {
			wrong("header", "is not the name of a header")
		}
		v.list = s.Keys
	}
	v.header = map[string]string{AWSALB: "X-Amzn-Oidc-Data", CloudflareAccess: "Cf-Access-Jwt-Assertion", JWT: s.Header}[s.Type]
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	return v, nil
}

var (
	issuerMeaning = map[string]string{
		AWSALB:           "the issuer of the load balancer's authenticate-oidc action; with Cognito https://cognito-idp.REGION.amazonaws.com/POOL",
		CloudflareAccess: "the URL of the team, such as https://example.cloudflareaccess.com",
		JWT:              "the issuer of the tokens, exactly as in their claim iss",
	}
	audienceMeaning = map[string]string{
		AWSALB:           "the client id of the load balancer's authenticate action",
		CloudflareAccess: "the AUD tag of the application that covers the pages",
		JWT:              "what the tokens for the pages have in their claim aud",
	}

	headerName     = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")
	cloudflareTeam = regexp.MustCompile(`^https://[a-z0-9-]{1,63}\.cloudflareaccess\.com$`)
	loadBalancer   = regexp.MustCompile(`^arn:(aws|aws-us-gov):elasticloadbalancing:([a-z]{2,}(?:-[a-z]+)+-[0-9]{1,2}):[0-9]{12}:loadbalancer/app/[A-Za-z0-9-]{1,32}/[0-9a-f]{16}$`)
)

// albKeys returns the URL below which AWS publishes the keys of a load balancer, by their
// ids; "" if the ARN is not one. The hosts are those of
// docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html.
func albKeys(arn string) string {
	part := loadBalancer.FindStringSubmatch(arn)
	switch {
	case part == nil:
		return ""
	case part[1] == "aws-us-gov":
		return "https://s3-" + part[2] + ".amazonaws.com/aws-elb-public-keys-prod-" + part[2]
	}
	return "https://public-keys.auth.elb." + part[2] + ".amazonaws.com"
}

// fetchable tells whether keys may be fetched from a URL: by TLS, or from this machine.
func fetchable(text string) bool {
	at, err := url.Parse(text)
	if err != nil || at.User != nil || at.Hostname() == "" || at.Fragment != "" {
		return false
	}
	ip := net.ParseIP(at.Hostname())
	return at.Scheme == "https" || at.Scheme == "http" && ip != nil && ip.IsLoopback()
}
