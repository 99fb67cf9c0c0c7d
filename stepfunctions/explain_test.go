package stepfunctions_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"callback-relay/relay"
	"callback-relay/stepfunctions"
	"callback-relay/stepfunctions/standin"
)

// canaries must not appear in any error, however it is printed.
const (
	canaryToken   = relay.TaskToken("AQCAcanaryOfTheTaskToken==and/more+of=it")
	canaryPayload = `{"iban":"canary-of-the-payload"}`
)

var (
	canarySuccess = relay.Outcome{Type: relay.OutcomeSuccess, Output: relay.Payload(canaryPayload)}
	canaryFailure = relay.Outcome{Type: relay.OutcomeFailure, Error: "E", Cause: canaryPayload}
)

// wantSecret searches an error and everything it wraps for the canaries.
func wantSecret(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Error("send", "error", err)
	printed := log.String()
	for e := err; e != nil; e = errors.Unwrap(e) {
		printed += fmt.Sprintf("%v\n%+v\n%#v\n", e, e, e)
	}
	if strings.Contains(strings.ToLower(printed), "canary") {
		t.Errorf("a secret shows in\n%s", printed)
	}
}

// TestErrorsKeepSecrets lets AWS quote the request in every error.
func TestErrorsKeepSecrets(t *testing.T) {
	server, sender, _ := start(t, stepfunctions.Options{})
	for _, tt := range codes {
		message := fmt.Sprintf("Value '%s' at 'taskToken', and %s", canaryToken.Reveal(), canaryPayload)
		server.SetFault(standin.Fault{Kind: standin.Refuse, Code: tt.code, Status: tt.status, Message: message})
		wantSecret(t, sender.Send(t.Context(), canaryToken, canarySuccess))
		wantSecret(t, sender.Send(t.Context(), canaryToken, canaryFailure))
		wantSecret(t, sender.Heartbeat(t.Context(), canaryToken))
	}
}

// TestErrorsKeepPartsOfSecrets lets AWS quote parts that are too short to be found.
// Such messages are not passed on at all.
func TestErrorsKeepPartsOfSecrets(t *testing.T) {
	server, sender, _ := start(t, stepfunctions.Options{})
	for _, code := range []string{"ValidationException", "InvalidOutput", "TaskTimedOut", "InvalidSignatureException", "BrandNewException"} {
		server.SetFault(standin.Fault{Kind: standin.Refuse, Code: code, Message: "Unrecognized 'canary"})
		wantSecret(t, sender.Send(t.Context(), canaryToken, canarySuccess))
	}
}

// TestEchoKeepsSecrets sends the request back in every part of a reply.
func TestEchoKeepsSecrets(t *testing.T) {
	for _, status := range []int{200, 302, 400, 403, 500} {
		sender := startHandler(t, stepfunctions.Options{}, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.Header().Set("X-Amzn-RequestId", string(canaryToken))
			w.Header().Set("X-Amzn-ErrorType", canaryToken.Reveal())
			w.WriteHeader(status)
			_, _ = w.Write(append([]byte("!"), body...))
		})
		wantSecret(t, sender.Send(t.Context(), canaryToken, canarySuccess))
	}
}

// TestNotHTTPKeepsSecrets answers with bytes that net/http quotes in its error.
func TestNotHTTPKeepsSecrets(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = conn.Read(make([]byte, 1)) // a reply before the request would be another error
		_, _ = io.WriteString(conn, canaryToken.Reveal()+"\r\n\r\n")
	}()
	t.Cleanup(func() { _ = listener.Close(); <-done })
	sender := newSender(t, awsConfig("http://"+listener.Addr().String()), stepfunctions.Options{})
	err = sender.Send(t.Context(), canaryToken, canarySuccess)
	want(t, err, relay.SendUnclear, "no-answer")
	wantSecret(t, err)
}

// TestErrorsExplain: the text of an error has what an operator needs.
func TestErrorsExplain(t *testing.T) {
	server, sender, taskToken := start(t, stepfunctions.Options{})
	const message = "User: arn:aws:sts::123456789012:assumed-role/relay/pod is not authorized to perform: states:SendTaskSuccess"
	server.Inject(standin.Fault{Kind: standin.Refuse, Code: "AccessDeniedException", Message: message})
	err := sender.Send(t.Context(), taskToken, success)
	for _, part := range []string{"AccessDeniedException", "SendTaskSuccess", "HTTP 400", "request ", message} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("no %q in %v", part, err)
		}
	}

	// Secrets in the text are replaced; the rest of the text stays.
	server.Inject(standin.Fault{Kind: standin.Refuse, Code: "KmsAccessDeniedException", Message: "no " + taskToken.Reveal() +
		" with ASIAIOSFODNN7EXAMPLE: session-of-the-role, " + strings.Repeat("0a", 32) + " may use key arn:aws:kms:eu-west-1:1:key/k"})
	err = sender.Send(t.Context(), taskToken, success)
	if words := "no [redacted] with [redacted]: [redacted], [redacted] may use key arn:aws:kms:eu-west-1:1:key/k"; !strings.HasSuffix(err.Error(), words) {
		t.Errorf("got %v", err)
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	unreachable := newSender(t, awsConfig("http://"+listener.Addr().String()), stepfunctions.Options{})
	err = unreachable.Send(t.Context(), taskToken, success)
	if !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("no reason in %v", err)
	}
}
