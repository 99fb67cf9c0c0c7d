package stepfunctions

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/aws/smithy-go"

	"callback-relay/relay"
)

// The relay's own codes, for failures without a code of AWS.
const (
	codeInvalid      = "invalid-request"   // refused before it was sent
	codeCancelled    = "cancelled"         // the caller gave up
	codeTimeout      = "timeout"           // no reply in time
	codeNoConnection = "no-connection"     // dial, TLS or name resolution failed
	codeNoAnswer     = "no-answer"         // the connection broke
	codeUnreadable   = "unreadable-answer" // a 2xx that the SDK cannot parse

	codeNoCredentials      = "no-credentials"      // no source of credentials is configured
	codeCredentialsFailed  = "credentials-failed"  // the source returned an error
	codeCredentialsTimeout = "credentials-timeout" // the source did not reply in time
	codeCannotSign         = "cannot-sign"         // no endpoint, or an unknown reason
)

// refusedCredentials are the codes after which credentials are fetched again.
var refusedCredentials = map[string]bool{
	"ExpiredToken":                true,
	"ExpiredTokenException":       true,
	"InvalidClientTokenId":        true,
	"InvalidSignatureException":   true,
	"SignatureDoesNotMatch":       true,
	"UnrecognizedClientException": true,
}

// refusedClocks are the codes with which AWS refuses a time that is too far off.
var refusedClocks = map[string]bool{
	"InvalidSignatureException": true,
	"RequestExpired":            true,
	"RequestTimeTooSkewed":      true,
	"SignatureDoesNotMatch":     true,
}

// correctedSkew is the skew above which the SDK signs its next call with the
// server's time.
const correctedSkew = 4 * time.Minute

// correctable returns whether the next call may succeed without an operator,
// because it will have the server's time, or other credentials, which are fetched
// here.
func (s *Sender) correctable(ctx context.Context, a *attempt, code string) bool {
	if refusedClocks[code] && a.skew.Abs() > correctedSkew {
		return true
	}
	return refusedCredentials[code] && s.credentials.renew(ctx, a.signedWith)
}

// classes maps each error code of AWS to its meaning for a delivery. Codes are
// matched as text because those that the service model lacks, such as those for
// throttling, arrive as generic errors.
//
// Server errors, including 503, are unclear: the front end that reports the
// failure may not know what its back end still did. If unclear is the wrong
// guess, a delivery stays unconfirmed. If not executed were the wrong guess, a
// completed task would be reported as refused.
var classes = map[string]relay.SendClass{
	// The task no longer waits, perhaps because of our own earlier attempt.
	"TaskTimedOut":     relay.SendClosed,
	"TaskDoesNotExist": relay.SendClosed,

	// AWS will refuse the same request every time.
	"InvalidOutput":       relay.SendNever,
	"InvalidToken":        relay.SendNever,
	"ValidationException": relay.SendNever,
	"ValidationError":     relay.SendNever,

	// A quota was exceeded: all codes that the SDK knows, and that of KMS.
	"BandwidthLimitExceeded":                 relay.SendThrottled,
	"EC2ThrottledException":                  relay.SendThrottled,
	"KmsThrottlingException":                 relay.SendThrottled,
	"LimitExceededException":                 relay.SendThrottled,
	"PriorRequestNotComplete":                relay.SendThrottled,
	"ProvisionedThroughputExceededException": relay.SendThrottled,
	"RequestLimitExceeded":                   relay.SendThrottled,
	"RequestThrottled":                       relay.SendThrottled,
	"RequestThrottledException":              relay.SendThrottled,
	"SlowDown":                               relay.SendThrottled,
	"ThrottledException":                     relay.SendThrottled,
	"Throttling":                             relay.SendThrottled,
	"ThrottlingException":                    relay.SendThrottled,
	"TooManyRequestsException":               relay.SendThrottled,
	"TransactionInProgressException":         relay.SendThrottled,

	// Permissions, keys, credentials and clocks.
	"AccessDenied":                        relay.SendNeedsOperator,
	"AccessDeniedException":               relay.SendNeedsOperator,
	"ExpiredToken":                        relay.SendNeedsOperator,
	"ExpiredTokenException":               relay.SendNeedsOperator,
	"IncompleteSignature":                 relay.SendNeedsOperator,
	"IncompleteSignatureException":        relay.SendNeedsOperator,
	"InvalidClientTokenId":                relay.SendNeedsOperator,
	"InvalidSignatureException":           relay.SendNeedsOperator,
	"KmsAccessDeniedException":            relay.SendNeedsOperator,
	"KmsInvalidStateException":            relay.SendNeedsOperator,
	"MissingAuthenticationToken":          relay.SendNeedsOperator,
	"MissingAuthenticationTokenException": relay.SendNeedsOperator,
	"NotAuthorized":                       relay.SendNeedsOperator,
	"OptInRequired":                       relay.SendNeedsOperator,
	"RequestExpired":                      relay.SendNeedsOperator,
	"RequestTimeTooSkewed":                relay.SendNeedsOperator,
	"SignatureDoesNotMatch":               relay.SendNeedsOperator,
	"UnrecognizedClientException":         relay.SendNeedsOperator,

	// Failures inside AWS.
	"InternalError":               relay.SendUnclear,
	"InternalFailure":             relay.SendUnclear,
	"InternalServerError":         relay.SendUnclear,
	"InternalServerException":     relay.SendUnclear,
	"RequestTimeout":              relay.SendUnclear,
	"RequestTimeoutException":     relay.SendUnclear,
	"ServiceUnavailable":          relay.SendUnclear,
	"ServiceUnavailableException": relay.SendUnclear,
}

// Refusals returns the codes of permanent refusals, sorted.
func Refusals() []string {
	codes := []string{codeInvalid}
	for code, class := range classes {
		if class == relay.SendClosed || class == relay.SendNever {
			codes = append(codes, code)
		}
	}
	slices.Sort(codes)
	return codes
}

// verdict is what a failure means.
type verdict struct {
	class relay.SendClass
	code  string
}

// judge classifies the error of an attempt. The context is the caller's, without
// the call's own deadline.
func (a *attempt) judge(ctx context.Context, err error) verdict {
	switch {
	case !a.handedOver:
		return a.judgeUnsent(ctx, err)
	case a.status == 0 && !a.connected:
		return verdict{relay.SendNotExecuted, interruption(err, codeNoConnection)}
	case a.status == 0:
		return verdict{relay.SendUnclear, interruption(err, codeNoAnswer)}
	case a.status < 300:
		return verdict{relay.SendUnclear, codeUnreadable}
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return verdict{classOfStatus(a.status), fmt.Sprintf("http-%d", a.status)}
	}
	if class, known := classes[api.ErrorCode()]; known {
		return verdict{class, api.ErrorCode()}
	}
	return verdict{classOfStatus(a.status), tidyCode(api.ErrorCode(), a.status)}
}

// judgeUnsent classifies a request that the SDK did not hand to the network.
func (a *attempt) judgeUnsent(ctx context.Context, err error) verdict {
	if ctx.Err() != nil {
		return verdict{relay.SendNotExecuted, interruption(ctx.Err(), codeCancelled)}
	}
	if _, bad := errors.AsType[*smithy.SerializationError](err); bad {
		return verdict{relay.SendNever, codeInvalid}
	}
	if _, bad := errors.AsType[smithy.InvalidParamsError](err); bad {
		return verdict{relay.SendNever, codeInvalid}
	}
	switch a.unsignedCode {
	case "":
		return verdict{relay.SendNeedsOperator, codeCannotSign}
	case codeCredentialsTimeout:
		return verdict{relay.SendNotExecuted, a.unsignedCode} // the source may reply next time
	}
	return verdict{relay.SendNeedsOperator, a.unsignedCode}
}

// classOfStatus classifies a reply whose code is missing or not in the table. A
// 3xx or 4xx refuses the request without executing it, most likely because a
// proxy, an endpoint or a permission is set up wrongly. So the delivery is kept
// for an operator.
func classOfStatus(status int) relay.SendClass {
	switch {
	case status == http.StatusTooManyRequests:
		return relay.SendThrottled
	case status == http.StatusRequestTimeout || status >= 500:
		return relay.SendUnclear
	default:
		return relay.SendNeedsOperator
	}
}

// interruption returns the code for the end of a context, or otherwise if the
// error has another cause.
func interruption(err error, otherwise string) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return codeTimeout
	case errors.Is(err, context.Canceled):
		return codeCancelled
	}
	return otherwise
}

var codeForm = regexp.MustCompile(`^[A-Za-z][A-Za-z.]{0,63}$`)

// tidyCode returns an unknown code only if it looks like a code. It becomes part of
// logs and responses, and the server could have written anything.
func tidyCode(code string, status int) string {
	if code == "UnknownError" || !codeForm.MatchString(code) { // the SDK's name for none
		return fmt.Sprintf("http-%d", status)
	}
	return code
}
