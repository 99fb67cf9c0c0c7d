package stepfunctions_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"callback-relay/relay"
	"callback-relay/stepfunctions"
	"callback-relay/stepfunctions/standin"
)

// TestNoConnection: nothing was written, so nothing was executed.
func TestNoConnection(t *testing.T) {
	send := func(t *testing.T, url string, opts stepfunctions.Options) error {
		return newSender(t, awsConfig(url), opts).Send(t.Context(), "t", success)
	}
	t.Run("refused", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_ = listener.Close()
		want(t, send(t, "http://"+listener.Addr().String(), stepfunctions.Options{}), relay.SendNotExecuted, "no-connection")
	})
	t.Run("no such host", func(t *testing.T) {
		// A label of 64 characters is refused without a DNS request.
		const host = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid"
		err := send(t, "http://"+host, stepfunctions.Options{Timeout: shortTimeout})
		failed, ok := errors.AsType[*relay.SendError](err)
		if !ok || !failed.Class.NotExecuted() {
			t.Errorf("got %v", err)
		}
	})
	t.Run("not TLS", func(t *testing.T) {
		plain := httptest.NewServer(http.NotFoundHandler())
		t.Cleanup(plain.Close)
		want(t, send(t, "https://"+plain.Listener.Addr().String(), stepfunctions.Options{}), relay.SendNotExecuted, "no-connection")
	})
	t.Run("certificate of nobody", func(t *testing.T) {
		secure := httptest.NewUnstartedServer(http.NotFoundHandler())
		secure.Config.ErrorLog = log.New(io.Discard, "", 0) // it would report the handshake
		secure.StartTLS()
		t.Cleanup(secure.Close)
		want(t, send(t, secure.URL, stepfunctions.Options{}), relay.SendNotExecuted, "no-connection")
	})
	t.Run("TLS handshake hangs", func(t *testing.T) {
		want(t, send(t, "https://"+silentListener(t).String(), stepfunctions.Options{Timeout: shortTimeout}), relay.SendNotExecuted, "timeout")
	})
	t.Run("cancelled before", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		server, sender, taskToken := start(t, stepfunctions.Options{})
		err := sender.Send(ctx, taskToken, success)
		want(t, err, relay.SendNotExecuted, "cancelled")
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v does not unwrap to the cancellation", err)
		}
		if n := server.Calls().Total(); n != 0 {
			t.Errorf("%d calls", n)
		}
	})
}

// TestConnectedButUnclear tries all faults that leave a call unclear, on new and on
// used connections.
func TestConnectedButUnclear(t *testing.T) {
	tests := []struct {
		fault standin.FaultKind
		code  string
	}{
		{standin.CommitThenDrop, "no-answer"},
		{standin.Drop, "no-answer"},
		{standin.CommitThenTruncate, "unreadable-answer"},
		{standin.CommitThenGarble, "unreadable-answer"},
		{standin.CommitThenError, "InternalFailure"},
		{standin.ServerError, "InternalFailure"},
		{standin.Unavailable, "ServiceUnavailable"},
		{standin.Hang, "timeout"},
		{standin.CommitThenHang, "timeout"},
	}
	for _, tt := range tests {
		for _, used := range []bool{false, true} {
			name := string(tt.fault)
			if used {
				name += ", used connection"
			}
			t.Run(name, func(t *testing.T) {
				server, sender, taskToken := start(t, stepfunctions.Options{Timeout: shortTimeout})
				if used {
					if err := sender.Heartbeat(t.Context(), taskToken); err != nil {
						t.Fatal(err)
					}
				}
				server.Inject(standin.Fault{Kind: tt.fault})
				want(t, sender.Send(t.Context(), taskToken, success), relay.SendUnclear, tt.code)
			})
		}
	}
}

// TestCancelledWhileWaiting: a request that was sent is unclear, even if its caller
// stops waiting.
func TestCancelledWhileWaiting(t *testing.T) {
	server, sender, taskToken := start(t, stepfunctions.Options{})
	server.Inject(standin.Fault{Kind: standin.Hang})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- sender.Send(ctx, taskToken, success) }()
	for server.Calls().Total() == 0 {
		runtime.Gosched()
	}
	cancel()
	want(t, <-done, relay.SendUnclear, "cancelled")
}

// TestServerGone sends on an idle connection whose server is gone. Whether the
// write or the read fails, the request may have been sent.
func TestServerGone(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(server.Close)
	sender := newSender(t, awsConfig(server.URL), stepfunctions.Options{})
	if err := sender.Send(t.Context(), "t", success); err != nil {
		t.Fatal(err)
	}
	server.Close()
	err := sender.Send(t.Context(), "t", success)
	failed, ok := errors.AsType[*relay.SendError](err)
	if !ok || (failed.Class != relay.SendUnclear && failed.Class != relay.SendNotExecuted) {
		t.Errorf("got %v", err)
	}
}

// answering returns a sender to a server that replies with this 200 every time.
func answering(t *testing.T, body string) *stepfunctions.Sender {
	t.Helper()
	return startHandler(t, stepfunctions.Options{}, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, body)
	})
}

// TestReadableAnswers: bodies that AWS may send with a 200 all mean success.
func TestReadableAnswers(t *testing.T) {
	for _, body := range []string{"", "{}", `{"later": "additions"}`} {
		if err := answering(t, body).Send(t.Context(), "t", success); err != nil {
			t.Errorf("%q: %v", body, err)
		}
	}
}

// TestUnreadableAnswers: after a 200 that the SDK cannot read, the call was most
// likely accepted. AWS sends none of these, but a proxy may.
func TestUnreadableAnswers(t *testing.T) {
	for _, body := range []string{"null", "[]", "<html>", `{"cut":`} {
		want(t, answering(t, body).Send(t.Context(), "t", success), relay.SendUnclear, "unreadable-answer")
	}
}

// TestHungBody: the call's deadline covers the body of the reply too.
func TestHungBody(t *testing.T) {
	for status, class := range map[int]relay.SendClass{200: relay.SendUnclear, 500: relay.SendUnclear, 403: relay.SendNeedsOperator} {
		sender := startHandler(t, stepfunctions.Options{Timeout: shortTimeout}, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Length", "64")
			w.WriteHeader(status)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})
		err := sender.Send(t.Context(), "t", success)
		failed, ok := errors.AsType[*relay.SendError](err)
		if !ok || failed.Class != class {
			t.Errorf("%d: got %v, want %s", status, err, class)
		}
	}
}
