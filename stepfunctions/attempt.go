package stepfunctions

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
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
	dialer    *net.Dialer
	transport *http.Transport // has the settings, and makes the calls if there is a proxy
	direct    *pool           // makes the calls if there is none; otherwise nil
}

// newHTTPClient derives a client for one endpoint from the SDK's client, which has
// the settings for the proxy and AWS_CA_BUNDLE.
func newHTTPClient(base aws.HTTPClient, endpoint *url.URL, maxIdle int) *httpClient {
	buildable, ok := base.(*awshttp.BuildableClient)
	if !ok {
		buildable = awshttp.NewBuildableClient()
	}
	c := &httpClient{dialer: buildable.GetDialer(), transport: buildable.GetTransport()}
	// A dial of the transport continues after its request has ended, so it needs its
	// own limit besides the call's deadline.
	c.dialer.Timeout = connectWithin

	c.transport.DialContext = c.dialer.DialContext
	c.transport.TLSHandshakeTimeout = connectWithin
	c.transport.MaxIdleConns = maxIdle
	c.transport.MaxIdleConnsPerHost = maxIdle
	c.transport.MaxConnsPerHost = 0 // callers bound their own concurrency
	c.transport.IdleConnTimeout = idleTimeout
	// The deadline of the call covers the headers and the body of the reply.
	c.transport.ResponseHeaderTimeout = 0
	// HTTP/1 has one request per connection at a time, so a connection that breaks
	// leaves only one attempt unclear.
	c.transport.ForceAttemptHTTP2 = false
	c.transport.Protocols = new(http.Protocols)
	c.transport.Protocols.SetHTTP1(true)
	if secure := c.transport.TLSClientConfig; secure != nil {
		c.transport.TLSClientConfig = secure.Clone()
		c.transport.TLSClientConfig.NextProtos = []string{"http/1.1"} // the SDK's offers HTTP/2 too
	}
	if proxy, err := c.proxyFor(endpoint); proxy != nil || err != nil {
		return c // the transport reports the error at each call
	}
	c.direct = &pool{connect: connectTo(addressOf(endpoint), c.dialer, c.tlsFor(endpoint)), maxIdle: maxIdle}
	return c
}

// proxyFor returns the proxy for a URL; nil if there is none.
func (c *httpClient) proxyFor(u *url.URL) (*url.URL, error) {
	if c.transport.Proxy == nil {
		return nil, nil
	}
	return c.transport.Proxy(&http.Request{URL: u})
}

// tlsFor returns the TLS settings for an endpoint; nil for one without TLS.
func (c *httpClient) tlsFor(endpoint *url.URL) *tls.Config {
	if endpoint.Scheme != "https" {
		return nil
	}
	secure := c.transport.TLSClientConfig.Clone()
	if secure == nil {
		secure = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if secure.ServerName == "" {
		secure.ServerName = endpoint.Hostname()
	}
	if secure.ClientSessionCache == nil { // a new connection then costs no full handshake
		secure.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	}
	return secure
}

// close closes the idle connections.
func (c *httpClient) close() {
	c.transport.CloseIdleConnections()
	if c.direct != nil {
		c.direct.close()
	}
}

// Do makes one round trip and records how far it got. It does not use an
// [http.Client], which would only add redirects.
//
// Only the absence of a connection counts as proof that nothing was executed.
func (c *httpClient) Do(r *http.Request) (*http.Response, error) {
	a, ok := r.Context().Value(attemptKey{}).(*attempt)
	if !ok {
		a = &attempt{}
	}
	a.handedOver = true
	response, err := c.roundTrip(r, func() { a.connected = true })
	if err != nil {
		a.err = err
		return nil, err
	}
	a.status = response.StatusCode
	a.requestID = response.Header.Get("X-Amzn-RequestId")
	a.skew = skew(r, response)
	return response, nil
}

// roundTrip makes one request. It calls connected when it has a connection, before
// it writes the first byte.
func (c *httpClient) roundTrip(r *http.Request, connected func()) (*http.Response, error) {
	if c.direct != nil {
		return c.direct.roundTrip(r, connected)
	}
	// GotConn runs in this goroutine before the first byte is written. The hooks
	// about writing run in another goroutine and may come late.
	ctx := httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected() },
	})
	return c.transport.RoundTrip(r.WithContext(ctx))
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
