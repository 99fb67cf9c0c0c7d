package stepfunctions

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/smithy-go"
)

// failure is an SDK error reduced to what may be logged. The SDK's error is not
// kept: its text and its fields quote what AWS said.
type failure struct {
	text  string
	cause error // the end of a context, or nil
}

func (f *failure) Error() string { return f.text }

func (f *failure) Unwrap() error { return f.cause }

// quotable are the errors whose message is passed on: it names the role, the
// action or the key that an operator must look at, or says what is wrong with
// the credentials. Other messages quote the request that they refuse, and those
// about signatures its headers, among which is the session's credential.
var quotable = map[string]bool{
	"AccessDenied":                        true,
	"AccessDeniedException":               true,
	"ExpiredToken":                        true,
	"ExpiredTokenException":               true,
	"InvalidClientTokenId":                true,
	"KmsAccessDeniedException":            true,
	"KmsInvalidStateException":            true,
	"KmsThrottlingException":              true,
	"MissingAuthenticationToken":          true,
	"MissingAuthenticationTokenException": true,
	"NotAuthorized":                       true,
	"OptInRequired":                       true,
	"RequestExpired":                      true,
	"RequestTimeTooSkewed":                true,
	"UnrecognizedClientException":         true,
}

// aboutTime begins the messages about signatures that speak of nothing but time.
var aboutTime = regexp.MustCompile(`^Signature (expired|not yet current): [0-9TZ a-z.()+-]+$`)

// explain words a failure for an operator: operation, HTTP status, AWS's
// request id, and the reason, without the secrets that it contains.
func (a *attempt) explain(err error, s secrets) error {
	s = s.with(a.signedWith)
	f := &failure{}
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, end) {
			f.cause = end
		}
	}
	var text strings.Builder
	if operation, ok := errors.AsType[*smithy.OperationError](err); ok {
		text.WriteString(operation.OperationName)
		err = operation.Err
	}
	if a.status != 0 {
		fmt.Fprintf(&text, ", HTTP %d", a.status)
	}
	if id := s.removed(a.requestID); id != "" {
		fmt.Fprintf(&text, ", request %s", id)
	}
	if !a.handedOver && a.unsignedCode == codeNoCredentials {
		text.WriteString(": nothing names AWS credentials, neither the environment nor a shared file, and the machine has no role")
	}
	if a.skew.Abs() > skewHeals {
		fmt.Fprintf(&text, ": our clock is %s off", a.skew.Abs().Round(time.Second))
	}
	if reason := s.removed(a.reason(err)); reason != "" {
		fmt.Fprintf(&text, ": %s", reason)
	}
	f.text = strings.TrimLeft(text.String(), ":, ") // without an operation
	return f
}

// reason returns what is known beyond the code.
func (a *attempt) reason(err error) string {
	if a.err != nil {
		return a.err.Error()
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok && a.status != 0 {
		if message := api.ErrorMessage(); quotable[api.ErrorCode()] || aboutTime.MatchString(message) {
			return message
		}
		return ""
	}
	if unreadable, ok := errors.AsType[*smithy.DeserializationError](err); ok {
		return unreadable.Error()
	}
	return err.Error()
}
