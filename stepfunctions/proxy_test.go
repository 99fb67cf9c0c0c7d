package stepfunctions_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"callback-relay/relay"
	"callback-relay/stepfunctions"
)

// tunnels starts a proxy that opens tunnels for those who know the password. It
// returns its URL, with the password, and how many tunnels it has opened.
func tunnels(t *testing.T) (*url.URL, *atomic.Int64) {
	t.Helper()
	opened := new(atomic.Int64)
	var all sync.WaitGroup
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Header.Get("Proxy-Authorization") != "Basic dXNlcjpwYXNz" {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		to, err := net.Dial("tcp", r.Host) //nolint:gosec // a proxy connects to where it is told
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		from, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		opened.Add(1)
		_, _ = io.WriteString(from, "HTTP/1.1 200 OK\r\n\r\n")
		all.Go(func() { copyAndClose(to, buffered.Reader) })
		all.Go(func() { copyAndClose(from, bufio.NewReader(to)) })
	}))
	t.Cleanup(func() { proxy.Close(); all.Wait() })
	u, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("user", "pass")
	return u, opened
}

func copyAndClose(to net.Conn, from io.Reader) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
}

// TestProxy: calls go through the proxy of the settings, over TLS to its other end.
func TestProxy(t *testing.T) {
	secure := httptest.NewTLSServer(http.HandlerFunc(taken))
	t.Cleanup(secure.Close)
	proxy, opened := tunnels(t)
	through := func(proxy *url.URL) *stepfunctions.Sender {
		cfg := awsConfig(secure.URL)
		cfg.HTTPClient = awshttp.NewBuildableClient().WithTransportOptions(func(transport *http.Transport) {
			transport.Proxy = http.ProxyURL(proxy)
			transport.TLSClientConfig.RootCAs = secure.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		})
		return newSender(t, cfg, stepfunctions.Options{})
	}
	sender := through(proxy)
	const calls = 20
	for range calls {
		if err := sender.Send(t.Context(), "t", success); err != nil {
			t.Error(err)
		}
	}
	sender.Close()
	// net/http gives a connection back a moment after its reply, so a call may miss it.
	if n := opened.Load(); n == 0 || n > calls/2 {
		t.Errorf("%d tunnels for %d calls", n, calls)
	}
	stranger := *proxy
	stranger.User = nil
	want(t, through(&stranger).Send(t.Context(), "t", success), relay.SendNotExecuted, "no-connection")
}
