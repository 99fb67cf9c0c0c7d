package stepfunctions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
)

// Setup says where the calls go and where their credentials come from. It has no
// secrets.
type Setup struct {
	Region      string
	Endpoint    string // host, with the port if the setting has one
	Credentials string // their source
}

// SetupError is an AWS setting with which no call can ever succeed.
type SetupError struct {
	Setting string // the environment variable
	Problem string // what is wrong, and what would be right
}

// Error implements error.
func (e *SetupError) Error() string { return e.Setting + ": " + e.Problem }

// CheckConfig returns one [*SetupError] for each setting with which no call can
// succeed. It makes no request: only [Sender.Reach] finds out that a region or a
// host does not exist.
func CheckConfig(cfg aws.Config) error {
	_, err := endpointOf(sfn.NewFromConfig(cfg).Options())
	return err
}

// regionForm matches the names of regions. A frequent mistake is a quotation mark
// or a blank around the name.
var regionForm = regexp.MustCompile(`^[a-z][a-z0-9-]*[a-z0-9]$`)

// endpointOf returns where a client's calls go.
func endpointOf(o sfn.Options) (*url.URL, error) {
	var errs []error
	switch {
	case o.Region == "":
		errs = append(errs, &SetupError{"AWS_REGION", "is missing; name the region of the workflows, such as eu-central-1"})
	case !regionForm.MatchString(o.Region):
		errs = append(errs, &SetupError{"AWS_REGION", fmt.Sprintf("%.64q is not the name of a region; want one such as eu-central-1", o.Region)})
	}
	fips := o.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled
	dual := o.EndpointOptions.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled
	if o.BaseEndpoint != nil {
		errs = append(errs, checkOwnEndpoint(*o.BaseEndpoint, fips, dual)...)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	resolved, err := o.EndpointResolverV2.ResolveEndpoint(context.Background(), sfn.EndpointParameters{
		Region: &o.Region, Endpoint: o.BaseEndpoint, UseFIPS: &fips, UseDualStack: &dual,
	})
	switch {
	case err == nil:
		return &resolved.URI, nil
	case fips:
		return nil, &SetupError{"AWS_USE_FIPS_ENDPOINT", fmt.Sprintf("there is no such endpoint for the region %s; remove it (%v)", o.Region, err)}
	case dual:
		return nil, &SetupError{"AWS_USE_DUALSTACK_ENDPOINT", fmt.Sprintf("there is no such endpoint for the region %s; remove it (%v)", o.Region, err)}
	}
	return nil, &SetupError{"AWS_REGION", fmt.Sprintf("%.64q has no endpoint of Step Functions: %v", o.Region, err)}
}

// checkOwnEndpoint checks an endpoint that replaces the region's own. The endpoint
// may contain a password, so errors do not quote it.
func checkOwnEndpoint(endpoint string, fips, dual bool) (errs []error) {
	setting := endpointSetting()
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		errs = append(errs, &SetupError{setting, "is not an absolute URL; want scheme and host, such as https://states.eu-central-1.amazonaws.com"})
	}
	const either = "cannot be used together with an endpoint of your own; remove it, or %s"
	if fips {
		errs = append(errs, &SetupError{"AWS_USE_FIPS_ENDPOINT", fmt.Sprintf(either, setting+" (which can name a FIPS endpoint itself, such as https://states-fips.us-east-1.amazonaws.com)")})
	}
	if dual {
		errs = append(errs, &SetupError{"AWS_USE_DUALSTACK_ENDPOINT", fmt.Sprintf(either, setting+" (which can name a dual-stack endpoint itself, such as https://states.us-east-1.api.aws)")})
	}
	return errs
}

// endpointSetting returns the name of the setting that sets the endpoint.
func endpointSetting() string {
	for _, name := range []string{"AWS_ENDPOINT_URL_SFN", "AWS_ENDPOINT_URL"} {
		if os.Getenv(name) != "" {
			return name
		}
	}
	return "endpoint_url in the shared AWS configuration"
}

// Setup returns where calls go.
func (s *Sender) Setup() Setup {
	return Setup{Region: s.region, Endpoint: s.endpoint.Host, Credentials: s.credentials.sources()}
}

// sourceNames describes the sources of credentials, except those that only lead to
// another source.
var sourceNames = map[aws.CredentialSource]string{
	aws.CredentialSourceEnvVars:              "environment variables",
	aws.CredentialSourceEnvVarsSTSWebIDToken: "web identity token",
	aws.CredentialSourceProfileSTSWebIDToken: "web identity token of the profile",
	aws.CredentialSourceProfile:              "shared file",
	aws.CredentialSourceSTSAssumeRole:        "assumed role",
	aws.CredentialSourceSSO:                  "single sign-on",
	aws.CredentialSourceSSOLegacy:            "single sign-on",
	aws.CredentialSourceProcess:              "credential process",
	aws.CredentialSourceHTTP:                 "container endpoint",
	aws.CredentialSourceIMDS:                 "EC2 metadata service",
	aws.CredentialSourceProfileNamedProvider: "source named by the profile",
	aws.CredentialSourceProfileSourceProfile: "source profile",
	aws.CredentialSourceLogin:                "login session",
	aws.CredentialSourceSTSAssumeRoleWebID:   "assumed role",
	aws.CredentialSourceSTSAssumeRoleSaml:    "assumed role",
	aws.CredentialSourceSTSFederationToken:   "federation token",
	aws.CredentialSourceSTSSessionToken:      "session token",
	aws.CredentialSourceCode:                 "the program",
	aws.CredentialSourceProfileSSO:           "single sign-on of the profile",
	aws.CredentialSourceProfileSSOLegacy:     "single sign-on of the profile",
	aws.CredentialSourceProfileProcess:       "process of the profile",
}

// sources describes where credentials come from, first to last.
func (c *credentials) sources() string {
	var names []string
	for _, source := range c.ProviderSources() {
		if name := sourceNames[source]; name != "" {
			names = append(names, name)
		}
	}
	return cmp.Or(strings.Join(names, ", "), "the program")
}

// Reach fetches credentials and connects to the endpoint, without making a call.
// Its error names the host and the cause.
func (s *Sender) Reach(ctx context.Context) error {
	var a attempt
	if _, err := s.credentials.Retrieve(withAttempt(ctx, &a)); err != nil {
		return fmt.Errorf("no AWS credentials from %s (%s): %w", s.credentials.sources(), a.unsignedCode, a.explain(err, secrets{}))
	}
	through, target := "", s.endpoint
	proxy, err := s.http.proxyFor(s.endpoint)
	if err != nil {
		return errors.New("HTTPS_PROXY is not a URL; want one such as http://proxy.example.com:3128")
	}
	if proxy != nil {
		through, target = " through the proxy "+proxy.Host, proxy
	}
	conn, err := s.http.dialer.DialContext(ctx, "tcp", addressOf(target))
	if err != nil {
		return fmt.Errorf("%s cannot be reached%s, with AWS_REGION %s: %w", s.endpoint.Host, through, s.region, err)
	}
	return conn.Close()
}

// addressOf returns the address of a URL's server, with its port.
func addressOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}
