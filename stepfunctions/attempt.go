package stepfunctions

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// attempt records how far one call got. The SDK's errors do not say this
// reliably: a deadline gives the same error before and after the connection.
type attempt struct {
	signedWith   aws.Credentials
	unsignedCode string        // why there were no credentials
	handedOver   bool          // the signed request was given to the transport
	connected    bool          // the transport had a connection to write it to
	err          error         // the transport's, before the SDK wraps or replaces it
	status       int           // of the reply; 0 without one
	skew         time.Duration // how far the signed time is behind the time of the reply
	requestID    string
}

type attemptKey struct{}

func withAttempt(ctx context.Context, a *attempt) context.Context {
	return context.WithValue(ctx, attemptKey{}, a)
}

// httpClient is the HTTP client of the Step Functions calls only. Requests for
// credentials use another client, so they are not mistaken for an attempt.
type httpClient struct {
	transport *http.Transport
}

// newHTTPClient derives a client from the SDK's, which has the settings for the
// proxy and AWS_CA_BUNDLE.
func newHTTPClient(base aws.HTTPClient, maxIdleConns int) *httpClient {
	buildable, ok := base.(*awshttp.BuildableClient)
	if !ok {
		buildable = awshttp.NewBuildableClient()
	}
	// A dial continues after its request has ended, so it needs its own limit
	// besides the call's deadline.
	dialer := buildable.GetDialer()
	dialer.Timeout = 3 * time.Second

	transport := buildable.GetTransport()
	transport.DialContext = dialer.DialContext
	transport.TLSHandshakeTimeout = 3 * time.Second
	transport.MaxIdleConns = maxIdleConns
	transport.MaxIdleConnsPerHost = maxIdleConns
	transport.MaxConnsPerHost = 0 // callers bound their own concurrency
	// Well under 350 s: after that AWS's NAT gateways drop an idle connection,
	// and the next request on it would be lost.
	transport.IdleConnTimeout = 60 * time.Second
	// The deadline of the call covers the headers and the body of the reply.
	transport.ResponseHeaderTimeout = 0
	// HTTP/1 has one request per connection at a time, so a connection that breaks
	// leaves only one attempt unclear.
	transport.ForceAttemptHTTP2 = false
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetHTTP1(true)
	return &httpClient{transport: transport}
}

// Do makes one round trip and records how far it got. It does not use an
// [http.Client], which would only add redirects.
//
// Only the absence of a connection counts as proof that nothing was executed.
// GotConn runs in this goroutine before the first byte is written. The hooks
// about writing run in another goroutine and may come late.
func (c *httpClient) Do(r *http.Request) (*http.Response, error) {
	a, ok := r.Context().Value(attemptKey{}).(*attempt)
	if !ok {
		return c.transport.RoundTrip(r)
	}
	a.handedOver = true
	ctx := httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { a.connected = true },
	})
	response, err := c.transport.RoundTrip(r.WithContext(ctx))
	if err != nil {
		a.err = err
		return nil, err
	}
	a.status = response.StatusCode
	a.requestID = response.Header.Get("X-Amzn-RequestId")
	a.skew = skew(r, response)
	return response, nil
}

// skew returns how far the signed time is behind the server's, or 0 if either is
// unknown.
func skew(r *http.Request, response *http.Response) time.Duration {
	signed, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		return 0
	}
	answered, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return 0
	}
	return answered.Sub(signed)
}
