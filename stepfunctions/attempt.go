package stepfunctions

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// attempt is how far one call came. The SDK's errors do not tell reliably: a
// deadline reads the same before the connection was made and after.
type attempt struct {
	signedWith   aws.Credentials
	unsignedCode string        // why there were no credentials
	handedOver   bool          // the signed request was given to the transport
	connected    bool          // the transport had a connection to write it to
	err          error         // the transport's, before the SDK wraps or replaces it
	status       int           // of the answer; 0 without one
	skew         time.Duration // how far the time that was signed is behind that of the answer
	requestID    string
}

type attemptKey struct{}

func withAttempt(ctx context.Context, a *attempt) context.Context {
	return context.WithValue(ctx, attemptKey{}, a)
}

// httpClient is the HTTP client of the Step Functions calls, and of them alone:
// requests for credentials use another, so they cannot pass for an attempt.
type httpClient struct {
	transport *http.Transport
}

// newHTTPClient derives a client from the SDK's, which brings the proxy and
// the certificates of AWS_CA_BUNDLE.
func newHTTPClient(base aws.HTTPClient, maxIdleConns int) *httpClient {
	buildable, ok := base.(*awshttp.BuildableClient)
	if !ok {
		buildable = awshttp.NewBuildableClient()
	}
	// The transport finishes a dial that its request has given up, so a dial
	// needs a limit besides the call's deadline.
	dialer := buildable.GetDialer()
	dialer.Timeout = 3 * time.Second

	transport := buildable.GetTransport()
	transport.DialContext = dialer.DialContext
	transport.TLSHandshakeTimeout = 3 * time.Second
	transport.MaxIdleConns = maxIdleConns
	transport.MaxIdleConnsPerHost = maxIdleConns
	transport.MaxConnsPerHost = 0 // callers bound their own concurrency
	// Well under the 350 s after which AWS's NAT gateways forget a connection
	// and the next request on it would be lost.
	transport.IdleConnTimeout = 60 * time.Second
	// The deadline of the call covers the answer: headers and body.
	transport.ResponseHeaderTimeout = 0
	// One request per connection at a time: a connection that breaks leaves one
	// attempt unclear and not a hundred.
	transport.ForceAttemptHTTP2 = false
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetHTTP1(true)
	return &httpClient{transport: transport}
}

// Do makes one round trip and notes how far it came. An [http.Client] would
// add redirects, and nothing that is wanted.
//
// That no connection was made is a proof that nothing was executed, and the
// only one taken: GotConn runs in this goroutine before the first byte is
// written, whereas the hooks about writing run in another and may come late.
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

// skew compares the time that was signed with the server's; 0 when one of them
// is not known.
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
