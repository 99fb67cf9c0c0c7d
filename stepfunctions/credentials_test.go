package stepfunctions_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"callback-relay/relay"
	"callback-relay/stepfunctions"
	"callback-relay/stepfunctions/standin"
)

// listen serves a stand-in that accepts any task token.
func listen(t *testing.T) (*standin.Server, string) {
	t.Helper()
	server := standin.New(standin.Options{AcceptAny: true})
	url, stop, err := server.Listen("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return server, url
}

// wantWords fails the test unless the text of an error has all of the words.
func wantWords(t *testing.T, err error, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("no %q in %v", word, err)
		}
	}
}

// TestNoCredentials (row 88): without credentials nothing is sent, and the code
// says why. Late credentials are tried on the ordinary schedule; anything else
// needs an operator.
func TestNoCredentials(t *testing.T) {
	server, url := listen(t)
	retrieve := func(f func() error) aws.Config {
		cfg := awsConfig(url)
		cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{}, f()
		})
		return cfg
	}
	release := make(chan struct{})
	hang := func() error { <-release; return errors.New("too late") }

	t.Run("refused", func(t *testing.T) {
		sender := newSender(t, retrieve(func() error { return errors.New("no role") }), stepfunctions.Options{})
		err := sender.Send(t.Context(), "t", success)
		want(t, err, relay.SendNeedsOperator, "credentials-failed")
		wantWords(t, err, "SendTaskSuccess", "no role")
	})
	t.Run("too slow", func(t *testing.T) {
		sender := newSender(t, retrieve(hang), stepfunctions.Options{Timeout: shortTimeout})
		err := sender.Send(t.Context(), "t", success)
		want(t, err, relay.SendNotExecuted, "credentials-timeout")
		wantWords(t, err, "credentials", "deadline exceeded")
	})
	t.Run("the caller went", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		sender := newSender(t, retrieve(func() error { cancel(); return hang() }), stepfunctions.Options{})
		want(t, sender.Send(ctx, "t", success), relay.SendNotExecuted, "cancelled")
	})
	t.Run("nothing names any", func(t *testing.T) {
		isolate(t, url)
		for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
			t.Setenv(name, "")
		}
		t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
		sender := loadedSender(t)
		err := sender.Send(t.Context(), "t", success)
		want(t, err, relay.SendNeedsOperator, "no-credentials")
		wantWords(t, err, "there are no AWS credentials")
	})
	t.Run("a file that names what is not there", func(t *testing.T) {
		isolate(t, url)
		for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
			t.Setenv(name, "")
		}
		t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", filepath.Join(t.TempDir(), "not-mounted"))
		t.Setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/relay")
		err := loadedSender(t).Send(t.Context(), "t", success)
		want(t, err, relay.SendNeedsOperator, "credentials-failed")
		wantWords(t, err, "not-mounted")
	})
	close(release)
	if n := server.Calls().Total(); n != 0 {
		t.Errorf("%d calls without a signature", n)
	}
}

// loadedSender returns a sender configured by the current environment.
func loadedSender(t *testing.T) *stepfunctions.Sender {
	t.Helper()
	cfg, err := stepfunctions.LoadConfig(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return newSender(t, cfg, stepfunctions.Options{})
}

// keyed is a Step Functions that accepts calls of one access key, and refuses all
// others with a code.
type keyed struct {
	mu   sync.Mutex
	key  string
	code string
}

func (k *keyed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if strings.Contains(r.Header.Get("Authorization"), "Credential="+k.key+"/") {
		return
	}
	w.WriteHeader(http.StatusBadRequest)
	fmt.Fprintf(w, `{"__type":"com.amazon.coral.service#%s","message":"The security token included in the request is expired"}`, k.code)
}

// asked is a provider that counts how often it is asked. Each time it returns its
// next key, and then repeats the last one.
type asked struct {
	mu    sync.Mutex
	times int
	keys  []string
}

func (a *asked) Retrieve(context.Context) (aws.Credentials, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := a.keys[min(a.times, len(a.keys)-1)]
	a.times++
	return aws.Credentials{AccessKeyID: key, SecretAccessKey: "s", SessionToken: "t-" + key}, nil
}

func (a *asked) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.times
}

// refusedKeys are the codes after which the provider is asked again.
var refusedKeys = []string{
	"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "InvalidSignatureException",
	"SignatureDoesNotMatch", "UnrecognizedClientException",
}

// TestRefusedCredentialsAreAskedForAnew (row 87): refused credentials are fetched
// again immediately, and the delivery is tried with the new ones on the ordinary
// schedule.
func TestRefusedCredentialsAreAskedForAnew(t *testing.T) {
	for _, code := range refusedKeys {
		t.Run(code, func(t *testing.T) {
			provider := &asked{keys: []string{"OLD", "NEW"}}
			server := httptest.NewServer(&keyed{key: "NEW", code: code})
			t.Cleanup(server.Close)
			cfg := awsConfig(server.URL)
			cfg.Credentials = provider
			sender := newSender(t, cfg, stepfunctions.Options{})

			want(t, sender.Send(t.Context(), "t", success), relay.SendNotExecuted, code)
			if n := provider.count(); n != 2 {
				t.Errorf("asked %d times", n)
			}
			if err := sender.Send(t.Context(), "t", success); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRefusedCredentialsAreAskedForOnceAMinute (row 87): a provider that has no
// other credentials is asked only once a minute, and the call needs an operator.
func TestRefusedCredentialsAreAskedForOnceAMinute(t *testing.T) {
	provider := &asked{keys: []string{"OLD"}}
	server := httptest.NewServer(&keyed{key: "NEW", code: "ExpiredTokenException"})
	t.Cleanup(server.Close)
	cfg := awsConfig(server.URL)
	cfg.Credentials = provider
	sender := newSender(t, cfg, stepfunctions.Options{})
	for range 5 {
		want(t, sender.Heartbeat(t.Context(), "t"), relay.SendNeedsOperator, "ExpiredTokenException")
	}
	if n := provider.count(); n != 2 {
		t.Errorf("asked %d times within a minute, want twice", n)
	}
	sender.LetRenew()
	want(t, sender.Heartbeat(t.Context(), "t"), relay.SendNeedsOperator, "ExpiredTokenException")
	if n := provider.count(); n != 3 {
		t.Errorf("asked %d times after a minute, want three times", n)
	}
}

// TestManyAreRefusedAtOnce: many refused calls ask the provider only once.
func TestManyAreRefusedAtOnce(t *testing.T) {
	provider := &asked{keys: []string{"OLD", "NEW"}}
	refusing := &keyed{key: "NEW", code: "ExpiredTokenException"}
	var arrived sync.WaitGroup
	const calls = 20
	arrived.Add(calls)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived.Done()
		arrived.Wait()
		refusing.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	cfg := awsConfig(server.URL)
	cfg.Credentials = provider
	sender := newSender(t, cfg, stepfunctions.Options{})
	var all sync.WaitGroup
	for range calls {
		all.Go(func() {
			err := sender.Send(t.Context(), "t", success)
			failed, ok := errors.AsType[*relay.SendError](err)
			if !ok || failed.Class != relay.SendNotExecuted {
				t.Errorf("got %v", err)
			}
		})
	}
	all.Wait()
	if n := provider.count(); n != 2 {
		t.Errorf("asked %d times", n)
	}
}

// TestSharedFileIsReadAgain (row 87): the SDK itself would read it only once.
func TestSharedFileIsReadAgain(t *testing.T) {
	server := httptest.NewServer(&keyed{key: "NEW", code: "ExpiredTokenException"})
	t.Cleanup(server.Close)
	isolate(t, server.URL)
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
		t.Setenv(name, "")
	}
	file := filepath.Join(t.TempDir(), "credentials")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file)
	write := func(key string) {
		text := "[default]\naws_access_key_id = " + key + "\naws_secret_access_key = s\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("OLD")
	sender := loadedSender(t)
	want(t, sender.Send(t.Context(), "t", success), relay.SendNeedsOperator, "ExpiredTokenException")
	write("NEW")
	sender.LetRenew()
	want(t, sender.Send(t.Context(), "t", success), relay.SendNotExecuted, "ExpiredTokenException")
	if err := sender.Send(t.Context(), "t", success); err != nil {
		t.Error(err)
	}
}

// TestWrongClock (row 87): the SDK learns the server's time from a refusal, so
// the next attempt follows on the ordinary schedule, and succeeds.
func TestWrongClock(t *testing.T) {
	for _, code := range []string{"InvalidSignatureException", "SignatureDoesNotMatch", "RequestTimeTooSkewed"} {
		for _, off := range []time.Duration{20 * time.Minute, -20 * time.Minute} {
			t.Run(fmt.Sprint(code, off), func(t *testing.T) {
				sender := startHandler(t, stepfunctions.Options{}, func(w http.ResponseWriter, r *http.Request) {
					now := time.Now().Add(off)
					w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
					signed, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
					if err != nil {
						t.Error(err)
					}
					if now.Sub(signed).Abs() > 5*time.Minute {
						w.WriteHeader(http.StatusBadRequest)
						fmt.Fprintf(w, `{"__type":"%s","message":"Signature expired: %s is now earlier than %s (%[3]s + 5 min.)"}`, //nolint:gosec // no page
							code, signed.Format("20060102T150405Z"), now.UTC().Format("20060102T150405Z"))
					}
				})
				err := sender.Send(t.Context(), "t", success)
				want(t, err, relay.SendNotExecuted, code)
				wantWords(t, err, "clock is 20m off", "Signature expired")
				if err := sender.Send(t.Context(), "t", success); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
