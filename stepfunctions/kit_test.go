package stepfunctions_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"go.uber.org/goleak"

	"callback-relay/relay"
	"callback-relay/stepfunctions"
	"callback-relay/stepfunctions/standin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var success = relay.Outcome{Type: relay.OutcomeSuccess, Output: relay.Payload(`{"approved": true}`)}

// awsConfig points at url, with credentials that are valid nowhere.
func awsConfig(url string) aws.Config {
	return aws.Config{
		Region:       "eu-west-1",
		BaseEndpoint: &url,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret", SessionToken: "session-of-the-role"}, nil
		}),
	}
}

func newSender(t *testing.T, cfg aws.Config, opts stepfunctions.Options) *stepfunctions.Sender {
	t.Helper()
	sender, err := stepfunctions.New(cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sender.Close)
	return sender
}

// start serves a stand-in with one waiting task, and returns a sender to it.
func start(t *testing.T, opts stepfunctions.Options) (*standin.Server, *stepfunctions.Sender, relay.TaskToken) {
	t.Helper()
	server := standin.New(standin.Options{})
	url, stop, err := server.Listen("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return server, newSender(t, awsConfig(url), opts), relay.TaskToken(server.NewTask(standin.TaskOptions{}))
}

// startHandler serves replies that Step Functions never gives.
func startHandler(t *testing.T, opts stepfunctions.Options, handler http.HandlerFunc) *stepfunctions.Sender {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return newSender(t, awsConfig(server.URL), opts)
}

// want fails the test unless err is a SendError of this class and code.
func want(t *testing.T, err error, class relay.SendClass, code string) {
	t.Helper()
	failed, ok := errors.AsType[*relay.SendError](err)
	if !ok {
		t.Fatalf("got %v, want a SendError", err)
	}
	if failed.Class != class || failed.Code != code {
		t.Errorf("got %s %s (%v), want %s %s", failed.Class, failed.Code, err, class, code)
	}
}

// silentListener accepts connections, and sends nothing on them, until the test
// ends.
func silentListener(t *testing.T) net.Addr {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			defer conn.Close() // all of them when the listener goes
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-done })
	return listener.Addr()
}

// shortTimeout is a timeout for calls that must time out. It is long enough for the
// calls before them.
const shortTimeout = 500 * time.Millisecond
