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

// ErrorUnnamed is sent as the error of a failure that has no name of its own.
// Without one the workflow would see null, which no Catch can match.
const ErrorUnnamed = "Callback.Failed"

// Options says how calls are made. The zero value is good for production.
type Options struct {
	// Timeout ends a call that got no answer; 5 s by default. The SDK itself
	// would wait for ever.
	Timeout time.Duration

	// MaxIdleConns is how many connections are kept for the next calls; 512 by
	// default. With the SDK's own 10, a burst opens a connection for nearly
	// every call.
	MaxIdleConns int

	// Metrics is told of each call; nil tells nobody.
	Metrics Metrics
}

// Metrics is told of calls, by their name at AWS. The class is that of
// [relay.SendClass], or "done".
type Metrics interface {
	StepFunctionsCalled(call, class string, took time.Duration)
}

// LoadConfig reads region, credentials and endpoint from where every AWS tool
// has them: environment, shared files, the platform's identity service.
// AWS_ENDPOINT_URL_SFN and AWS_CA_BUNDLE are heeded. What the SDK has to say
// goes to the logger, and not to standard error as it would by itself.
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

// sdkLogger passes on what the SDK logs. These are remarks on its settings and
// credentials: requests and bodies are logged only in a ClientLogMode.
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

// New returns a sender for the account and region of cfg, or says what of cfg can
// never work, as [CheckConfig] does. It makes no call: credentials are fetched
// when the first one is sent. From cfg's HTTP client only the proxy and TLS
// settings are taken.
func New(cfg aws.Config, opts Options) (*Sender, error) {
	if cfg.Credentials == nil { // the SDK would send the request unsigned
		return nil, errors.New("step functions: no source of AWS credentials")
	}
	signing, ok := cfg.Credentials.(*credentials)
	if !ok {
		signing = newCredentials(cfg.Credentials, nil)
		cfg.Credentials = signing
	}
	http := newHTTPClient(cfg.HTTPClient, cmp.Or(opts.MaxIdleConns, 512))
	client := sfn.NewFromConfig(cfg, func(o *sfn.Options) {
		o.HTTPClient = http
		o.Retryer = aws.NopRetryer{}
		o.RetryMaxAttempts = 0 // AWS_MAX_ATTEMPTS does not count here
		o.ClientLogMode = 0    // a logged request is a logged task token
	})
	endpoint, err := endpointOf(client.Options())
	if err != nil {
		return nil, fmt.Errorf("step functions: %w", err)
	}
	return &Sender{
		client: client, region: cfg.Region, endpoint: endpoint, http: http, credentials: signing,
		timeout: cmp.Or(opts.Timeout, 5*time.Second), metrics: opts.Metrics,
	}, nil
}

// Close gives the idle connections back. Calls under way are not disturbed.
func (s *Sender) Close() { s.http.transport.CloseIdleConnections() }

// Send tells the task its outcome, in one attempt. Any error is a
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

// Heartbeat tells the task that work goes on, in one attempt. Any error is a
// [*relay.SendError].
func (s *Sender) Heartbeat(ctx context.Context, taskToken relay.TaskToken) error {
	secret := taskToken.Reveal()
	return s.call(ctx, "SendTaskHeartbeat", secrets{all: []string{secret}, partial: true}, func(ctx context.Context) error {
		_, err := s.client.SendTaskHeartbeat(ctx, &sfn.SendTaskHeartbeatInput{TaskToken: &secret})
		return err
	})
}

// call runs one SDK operation within the time-out. What is hidden is in no
// error text.
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
	if verdict.class == relay.SendNeedsOperator && s.healing(limited, &a, verdict.code) {
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
