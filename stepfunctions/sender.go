package stepfunctions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/smithy-go/logging"

	"callback-relay/relay"
)

// ErrorUnnamed is sent as the error of a failure without a name. The workflow would
// otherwise see null, which no Catch can match.
const ErrorUnnamed = "Callback.Failed"

// Options says how calls are made. The zero value is good for production.
type Options struct {
	// Timeout bounds each call; default 5 s. The SDK itself would wait for ever.
	Timeout time.Duration

	// MaxIdleConns is how many idle connections are kept; default 512. With the
	// SDK's default of 10, a burst opens a connection for nearly every call.
	MaxIdleConns int

	// Metrics counts the calls; default none.
	Metrics Metrics
}

// Metrics counts calls by their AWS name. A class is the name of a
// [relay.SendClass], or "done".
type Metrics interface {
	StepFunctionsCalled(call, class string, took time.Duration)
}

// LoadConfig reads region, credentials and endpoint from the usual places of AWS
// tools: the environment, shared files and the platform's identity service. It
// respects AWS_ENDPOINT_URL_SFN and AWS_CA_BUNDLE. The SDK logs to the logger
// instead of standard error.
func LoadConfig(ctx context.Context, logger *slog.Logger) (aws.Config, error) {
	load := func(ctx context.Context) (aws.Config, error) {
		return config.LoadDefaultConfig(ctx, config.WithLogger(sdkLogger(logger)))
	}
	cfg, err := load(ctx)
	if err != nil {
		return aws.Config{}, fmt.Errorf("step functions: load AWS configuration: %w", err)
	}
	cfg.Credentials = newCredentials(cfg.Credentials, func(ctx context.Context) (aws.CredentialsProvider, error) {
		anew, err := load(ctx)
		return anew.Credentials, err
	})
	return cfg, nil
}

// sdkLogger returns a logger for the SDK. The SDK logs remarks on its settings and
// credentials; it logs requests and bodies only in a ClientLogMode.
func sdkLogger(logger *slog.Logger) logging.Logger {
	return logging.LoggerFunc(func(severity logging.Classification, format string, args ...any) {
		level := slog.LevelDebug
		if severity == logging.Warn {
			level = slog.LevelWarn
		}
		logger.Log(context.Background(), level, "aws sdk", "text", fmt.Sprintf(format, args...))
	})
}

// Sender calls Step Functions. It is safe for concurrent use.
type Sender struct {
	client      *sfn.Client
	region      string
	endpoint    *url.URL
	http        *httpClient
	credentials *credentials
	timeout     time.Duration
	metrics     Metrics
}

// New returns a sender for the account and region of cfg, or the error of
// [CheckConfig]. It makes no call; the first call fetches the credentials. From
// cfg's HTTP client it takes only the proxy and TLS settings.
func New(cfg aws.Config, opts Options) (*Sender, error) {
	if cfg.Credentials == nil { // the SDK would send the request unsigned
		return nil, errors.New("step functions: no source of AWS credentials")
	}
	signing, ok := cfg.Credentials.(*credentials)
	if !ok {
		signing = newCredentials(cfg.Credentials, nil)
		cfg.Credentials = signing
	}
	endpoint, err := endpointOf(sfn.NewFromConfig(cfg).Options())
	if err != nil {
		return nil, fmt.Errorf("step functions: %w", err)
	}
	http := newHTTPClient(cfg.HTTPClient, endpoint, cmp.Or(opts.MaxIdleConns, 512))
	client := sfn.NewFromConfig(cfg, func(o *sfn.Options) {
		o.HTTPClient = http
		o.Retryer = aws.NopRetryer{}
		o.RetryMaxAttempts = 0 // ignores AWS_MAX_ATTEMPTS
		o.ClientLogMode = 0    // a logged request would contain the task token
	})
	return &Sender{
		client: client, region: cfg.Region, endpoint: endpoint, http: http, credentials: signing,
		timeout: cmp.Or(opts.Timeout, 5*time.Second), metrics: opts.Metrics,
	}, nil
}

// Close closes the idle connections. It does not interrupt calls under way.
func (s *Sender) Close() { s.http.close() }

// Send sends a task its outcome, in one attempt. Any error is a
// [*relay.SendError]. A failure without a name is sent as [ErrorUnnamed].
func (s *Sender) Send(ctx context.Context, taskToken relay.TaskToken, outcome relay.Outcome) error {
	secret := taskToken.Reveal()
	switch outcome.Type {
	case relay.OutcomeSuccess:
		output := string(outcome.Output)
		return s.call(ctx, "SendTaskSuccess", secrets{all: []string{secret, output}}, func(ctx context.Context) error {
			_, err := s.client.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: &secret, Output: &output})
			return err
		})
	case relay.OutcomeFailure:
		in := &sfn.SendTaskFailureInput{TaskToken: &secret, Error: aws.String(cmp.Or(outcome.Error, ErrorUnnamed))}
		if outcome.Cause != "" {
			in.Cause = &outcome.Cause
		}
		return s.call(ctx, "SendTaskFailure", secrets{all: []string{secret, outcome.Cause}}, func(ctx context.Context) error {
			_, err := s.client.SendTaskFailure(ctx, in)
			return err
		})
	default:
		return &relay.SendError{Class: relay.SendNever, Code: codeInvalid, Err: errors.New("the outcome is neither success nor failure")}
	}
}

// Heartbeat sends a task a heartbeat, in one attempt. Any error is a
// [*relay.SendError].
func (s *Sender) Heartbeat(ctx context.Context, taskToken relay.TaskToken) error {
	secret := taskToken.Reveal()
	return s.call(ctx, "SendTaskHeartbeat", secrets{all: []string{secret}, partial: true}, func(ctx context.Context) error {
		_, err := s.client.SendTaskHeartbeat(ctx, &sfn.SendTaskHeartbeatInput{TaskToken: &secret})
		return err
	})
}

// call runs one SDK operation within the timeout. Its error does not contain the
// hidden secrets.
func (s *Sender) call(ctx context.Context, name string, hidden secrets, operation func(context.Context) error) error {
	var a attempt
	limited, cancel := context.WithTimeout(withAttempt(ctx, &a), s.timeout)
	defer cancel()
	began := time.Now()
	err := operation(limited)
	if err == nil {
		s.called(name, "done", began)
		return nil
	}
	verdict := a.judge(ctx, err)
	if verdict.class == relay.SendNeedsOperator && s.correctable(limited, &a, verdict.code) {
		verdict.class = relay.SendNotExecuted
	}
	s.called(name, verdict.class.String(), began)
	return &relay.SendError{Class: verdict.class, Code: verdict.code, Err: a.explain(err, hidden)}
}

func (s *Sender) called(name, class string, began time.Time) {
	if s.metrics != nil {
		s.metrics.StepFunctionsCalled(name, class, time.Since(began))
	}
}
