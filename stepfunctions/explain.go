package stepfunctions

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"callback-relay/durations"
)

// failure is an SDK error reduced to what may be logged. It does not wrap the SDK's
// error, whose text and fields quote the message of AWS.
type failure struct {
	text  string
	cause error // the end of a context, or nil
}

func (f *failure) Error() string { return f.text }

func (f *failure) Unwrap() error { return f.cause }

// quotable are the errors whose message is passed on, because it names the role,
// action or key that an operator must check, or says what is wrong with the
// credentials. Other messages quote the refused request. Those about signatures
// also quote its headers, which include the session token.
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

// aboutTime matches the messages about signatures that mention only times.
var aboutTime = regexp.MustCompile(`^Signature (expired|not yet current): [0-9TZ a-z.()+-]+$`)

// explain describes a failure to an operator: operation, HTTP status, AWS's
// request id, and the reason without its secrets.
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
		text.WriteString(": there are no AWS credentials: neither the environment nor a shared file has any, and the machine has no role")
	}
	if a.skew.Abs() > correctedSkew {
		fmt.Fprintf(&text, ": our clock is %s off", durations.Format(a.skew.Abs().Round(time.Second)))
	}
	if reason := s.removed(a.reason(err)); reason != "" {
		fmt.Fprintf(&text, ": %s", reason)
	}
	f.text = strings.TrimLeft(text.String(), ":, ") // without an operation
	return f
}

// reason returns what the error says beyond its code.
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
