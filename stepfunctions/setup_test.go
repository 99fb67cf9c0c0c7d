package stepfunctions_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"callback-relay/stepfunctions"
)

// loaded reads the environment after a change.
func loaded(t *testing.T, environment map[string]string) aws.Config {
	t.Helper()
	isolate(t, "")
	for name, value := range environment {
		t.Setenv(name, value)
	}
	cfg, err := stepfunctions.LoadConfig(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// settingsOf returns the settings that an error names.
func settingsOf(err error) (settings []string) {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		joined = joinedErrors{err}
	}
	for _, e := range joined.Unwrap() {
		if setup, ok := errors.AsType[*stepfunctions.SetupError](e); ok {
			settings = append(settings, setup.Setting)
		}
	}
	return settings
}

type joinedErrors []error

func (j joinedErrors) Unwrap() []error { return j }

// TestSetupThatCannotWork (row 86): it is refused with the name of the setting.
func TestSetupThatCannotWork(t *testing.T) {
	const own = "https://vpce-0a1b.states.eu-west-1.vpce.amazonaws.com"
	tests := []struct {
		name        string
		environment map[string]string
		want        []string
	}{
		{"no region", map[string]string{"AWS_REGION": ""}, []string{"AWS_REGION"}},
		{"quoted region", map[string]string{"AWS_REGION": `"eu-west-1"`}, []string{"AWS_REGION"}},
		{"region in capitals", map[string]string{"AWS_REGION": "EU-WEST-1"}, []string{"AWS_REGION"}},
		{"a place and no region", map[string]string{"AWS_REGION": "Europe (Ireland)"}, []string{"AWS_REGION"}},
		{"endpoint without scheme", map[string]string{"AWS_ENDPOINT_URL_SFN": own[len("https://"):]}, []string{"AWS_ENDPOINT_URL_SFN"}},
		{"host and port", map[string]string{"AWS_ENDPOINT_URL": "localhost:4566"}, []string{"AWS_ENDPOINT_URL"}},
		{"scheme of something else", map[string]string{"AWS_ENDPOINT_URL": "tcp://localhost:4566"}, []string{"AWS_ENDPOINT_URL"}},
		{"scheme alone", map[string]string{"AWS_ENDPOINT_URL_SFN": "https://"}, []string{"AWS_ENDPOINT_URL_SFN"}},
		{"FIPS and an endpoint", map[string]string{"AWS_USE_FIPS_ENDPOINT": "true", "AWS_ENDPOINT_URL_SFN": own}, []string{"AWS_USE_FIPS_ENDPOINT"}},
		{"dual-stack and an endpoint", map[string]string{"AWS_USE_DUALSTACK_ENDPOINT": "true", "AWS_ENDPOINT_URL_SFN": own}, []string{"AWS_USE_DUALSTACK_ENDPOINT"}},
		{"no FIPS there", map[string]string{"AWS_USE_FIPS_ENDPOINT": "true", "AWS_REGION": "cn-north-1", "AWS_USE_DUALSTACK_ENDPOINT": "true"}, nil},
		{"all at once", map[string]string{"AWS_REGION": "eu west", "AWS_USE_FIPS_ENDPOINT": "true", "AWS_ENDPOINT_URL_SFN": "vpce"}, []string{"AWS_REGION", "AWS_ENDPOINT_URL_SFN", "AWS_USE_FIPS_ENDPOINT"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := loaded(t, tt.environment)
			err := stepfunctions.CheckConfig(cfg)
			if diff := cmp.Diff(tt.want, settingsOf(err)); diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
			if sender, newErr := stepfunctions.New(cfg, stepfunctions.Options{}); (newErr == nil) != (err == nil) {
				t.Errorf("checked %v, and made %v", err, newErr)
			} else if newErr == nil {
				sender.Close()
			}
		})
	}
}

// TestSetup: valid settings are accepted, and described for the log.
func TestSetup(t *testing.T) {
	tests := []struct {
		environment map[string]string
		want        stepfunctions.Setup
	}{
		{nil, stepfunctions.Setup{Region: "eu-west-1", Endpoint: "states.eu-west-1.amazonaws.com", Credentials: "environment variables"}},
		{map[string]string{"AWS_REGION": "us-gov-west-1"},
			stepfunctions.Setup{Region: "us-gov-west-1", Endpoint: "states.us-gov-west-1.amazonaws.com", Credentials: "environment variables"}},
		{map[string]string{"AWS_REGION": "cn-north-1"},
			stepfunctions.Setup{Region: "cn-north-1", Endpoint: "states.cn-north-1.amazonaws.com.cn", Credentials: "environment variables"}},
		{map[string]string{"AWS_REGION": "us-east-1", "AWS_USE_FIPS_ENDPOINT": "true"},
			stepfunctions.Setup{Region: "us-east-1", Endpoint: "states-fips.us-east-1.amazonaws.com", Credentials: "environment variables"}},
		{map[string]string{"AWS_USE_DUALSTACK_ENDPOINT": "true"},
			stepfunctions.Setup{Region: "eu-west-1", Endpoint: "states.eu-west-1.api.aws", Credentials: "environment variables"}},
		{map[string]string{"AWS_ENDPOINT_URL": "http://user:hunter2@localhost:4566"},
			stepfunctions.Setup{Region: "eu-west-1", Endpoint: "localhost:4566", Credentials: "environment variables"}},
		{map[string]string{
			"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "",
			"AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/secrets/token", "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/relay",
		}, stepfunctions.Setup{Region: "eu-west-1", Endpoint: "states.eu-west-1.amazonaws.com", Credentials: "web identity token"}},
	}
	for _, tt := range tests {
		t.Run(tt.want.Endpoint, func(t *testing.T) {
			got := newSender(t, loaded(t, tt.environment), stepfunctions.Options{}).Setup()
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestReach (row 86): without credentials or a connection, it returns the host and
// the cause. It never makes a call.
func TestReach(t *testing.T) {
	server, url := listen(t)
	host := strings.TrimPrefix(url, "http://")
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	const nowhere = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid" // refused without a DNS request
	none := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("the role is gone")
	})
	tests := []struct {
		name   string
		change func(*aws.Config)
		words  []string // none when it works
	}{
		{"all is well", func(*aws.Config) {}, nil},
		{"nobody there", func(c *aws.Config) { c.BaseEndpoint = aws.String("http://" + closed.Addr().String()) },
			[]string{closed.Addr().String(), "connection refused", "eu-west-1"}},
		{"no such host", func(c *aws.Config) { c.BaseEndpoint = aws.String("https://" + nowhere) }, []string{nowhere, "lookup"}},
		{"no credentials", func(c *aws.Config) { c.Credentials = none }, []string{"no AWS credentials", "the role is gone", "credentials-failed"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := awsConfig(url)
			tt.change(&cfg)
			err := newSender(t, cfg, stepfunctions.Options{}).Reach(t.Context())
			if (err == nil) != (tt.words == nil) {
				t.Fatalf("%s: got %v", host, err)
			}
			if err != nil {
				wantWords(t, err, tt.words...)
			}
		})
	}
	if n := server.Calls().Total(); n != 0 {
		t.Errorf("%d calls", n)
	}
}
