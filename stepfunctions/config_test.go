package stepfunctions_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"callback-relay/stepfunctions"
	"callback-relay/stepfunctions/standin"
)

// isolate sets up the environment as in production, without the machine's own AWS
// settings.
func isolate(t *testing.T, url string) {
	t.Helper()
	nowhere := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_SFN":        url,
		"AWS_REGION":                  "eu-west-1",
		"AWS_ACCESS_KEY_ID":           "AKIDEXAMPLE",
		"AWS_SECRET_ACCESS_KEY":       "secret",
		"AWS_SESSION_TOKEN":           "session",
		"AWS_PROFILE":                 "",
		"AWS_CONFIG_FILE":             nowhere,
		"AWS_SHARED_CREDENTIALS_FILE": nowhere,
		"AWS_CA_BUNDLE":               "",
	} {
		t.Setenv(name, value)
	}
}

// environmentSender returns a sender configured only by the environment.
func environmentSender(t *testing.T, url string, opts stepfunctions.Options) *stepfunctions.Sender {
	t.Helper()
	isolate(t, url)
	cfg, err := stepfunctions.LoadConfig(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return newSender(t, cfg, opts)
}

func TestEnvironment(t *testing.T) {
	server := standin.New(standin.Options{AcceptAny: true})
	url, stop, err := server.Listen("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	if err := environmentSender(t, url, stepfunctions.Options{}).Send(t.Context(), "t", success); err != nil {
		t.Error(err)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, spoil := range map[string]func(*aws.Config){
		"no region":      func(cfg *aws.Config) { cfg.Region = "" },
		"no credentials": func(cfg *aws.Config) { cfg.Credentials = nil },
	} {
		cfg := awsConfig("http://127.0.0.1:1")
		spoil(&cfg)
		if _, err := stepfunctions.New(cfg, stepfunctions.Options{}); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// TestSDKLogs: log lines of the SDK have the form of our log.
func TestSDKLogs(t *testing.T) {
	noRole := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(noRole.Close)
	isolate(t, "")
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_EC2_METADATA_DISABLED"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", noRole.URL)
	var log bytes.Buffer
	cfg, err := stepfunctions.LoadConfig(t.Context(), slog.New(slog.NewJSONHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cfg.Credentials.Retrieve(t.Context()); err == nil {
		t.Error("credentials out of nowhere")
	}
	var line struct{ Level, Msg, Text string }
	if err := json.NewDecoder(&log).Decode(&line); err != nil {
		t.Fatal(err)
	}
	if line.Level != "WARN" || line.Msg != "aws sdk" || !strings.Contains(line.Text, "IMDSv1") {
		t.Errorf("logged %+v", line)
	}
}
