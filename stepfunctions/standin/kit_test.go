package standin_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/smithy-go"
	"go.uber.org/goleak"

	"callback-relay/stepfunctions/standin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start serves a stand-in until the test ends and returns its URL.
func start(t *testing.T, opts standin.Options) (*standin.Server, string) {
	t.Helper()
	server := standin.New(opts)
	url, stop, err := server.Listen("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return server, url
}

// client is the real SDK's client, without its retries, so that a test sees every
// reply.
func client(t *testing.T, url string) *sfn.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return sfn.New(sfn.Options{
		Region:       "eu-west-1",
		BaseEndpoint: aws.String(url),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret", SessionToken: "session"}, nil
		}),
		Retryer:    aws.NopRetryer{},
		HTTPClient: &http.Client{Transport: transport},
	})
}

func succeed(t *testing.T, c *sfn.Client, taskToken, output string) error {
	t.Helper()
	_, err := c.SendTaskSuccess(t.Context(), &sfn.SendTaskSuccessInput{TaskToken: &taskToken, Output: &output})
	return err
}

func fail(t *testing.T, c *sfn.Client, taskToken string, name, cause *string) error {
	t.Helper()
	_, err := c.SendTaskFailure(t.Context(), &sfn.SendTaskFailureInput{TaskToken: &taskToken, Error: name, Cause: cause})
	return err
}

func heartbeat(t *testing.T, c *sfn.Client, taskToken string) error {
	t.Helper()
	_, err := c.SendTaskHeartbeat(t.Context(), &sfn.SendTaskHeartbeatInput{TaskToken: &taskToken})
	return err
}

// wantCode fails the test unless err is the AWS error code; "" means none.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if got := codeOf(err); got != code {
		t.Errorf("got %q (%.200v), want %q", got, err, code)
	}
}

func codeOf(err error) string {
	if err == nil {
		return ""
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return "no AWS error"
}

// clock is a clock that only a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock {
	return &clock{now: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)}
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func quoted(n int) string { return `"` + strings.Repeat("x", n-2) + `"` }
