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

// Codes of ours, for failures to which AWS gave none.
const (
	codeInvalid      = "invalid-request"   // refused before it was sent
	codeCancelled    = "cancelled"         // the caller gave up
	codeTimeout      = "timeout"           // no answer in time
	codeNoConnection = "no-connection"     // dial, TLS or name resolution failed
	codeNoAnswer     = "no-answer"         // the connection broke
	codeUnreadable   = "unreadable-answer" // a 2xx that the SDK cannot parse

	codeNoCredentials      = "no-credentials"      // nothing says where to get any
	codeCredentialsFailed  = "credentials-failed"  // whoever gives them did not
	codeCredentialsTimeout = "credentials-timeout" // they did not come in time
	codeCannotSign         = "cannot-sign"         // no endpoint, or a reason nobody knows
)

// refusedCredentials are the codes after which credentials are asked for anew.
var refusedCredentials = map[string]bool{
	"ExpiredToken":                true,
	"ExpiredTokenException":       true,
	"InvalidClientTokenId":        true,
	"InvalidSignatureException":   true,
	"SignatureDoesNotMatch":       true,
	"UnrecognizedClientException": true,
}

// refusedClocks are the codes with which a time that is too far off is refused.
var refusedClocks = map[string]bool{
	"InvalidSignatureException": true,
	"RequestExpired":            true,
	"RequestTimeTooSkewed":      true,
	"SignatureDoesNotMatch":     true,
}

// skewHeals is from when on the SDK signs its next call by the server's clock.
const skewHeals = 4 * time.Minute

// healing tells whether what was refused is put right by itself: with other
// credentials, which are fetched here, or with the server's time.
func (s *Sender) healing(ctx context.Context, a *attempt, code string) bool {
	if refusedClocks[code] && a.skew.Abs() > skewHeals {
		return true
	}
	return refusedCredentials[code] && s.credentials.renew(ctx, a.signedWith)
}

// classes says what each of AWS's error codes means for a delivery. Codes are
// matched as text because those that the service model lacks, throttling
// among them, arrive as generic errors.
//
// Server errors are unclear, 503 among them: the front that reports the
// failure need not know what the machine behind it still did. A wrong guess
// for unclear costs an unconfirmed delivery, a wrong guess for not executed
// reports a completed task as refused.
var classes = map[string]relay.SendClass{
	// The task no longer waits, perhaps because of an attempt of ours.
	"TaskTimedOut":     relay.SendClosed,
	"TaskDoesNotExist": relay.SendClosed,

	// These very bytes will always be refused.
	"InvalidOutput":       relay.SendNever,
	"InvalidToken":        relay.SendNever,
	"ValidationException": relay.SendNever,
	"ValidationError":     relay.SendNever,

	// A quota. The list has all the SDK knows, and KMS's.
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

	// Failed on the way.
	"InternalError":               relay.SendUnclear,
	"InternalFailure":             relay.SendUnclear,
	"InternalServerError":         relay.SendUnclear,
	"InternalServerException":     relay.SendUnclear,
	"RequestTimeout":              relay.SendUnclear,
	"RequestTimeoutException":     relay.SendUnclear,
	"ServiceUnavailable":          relay.SendUnclear,
	"ServiceUnavailableException": relay.SendUnclear,
}

// Refusals returns the codes with which a call is refused for good, sorted.
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

// judge says what the error of an attempt means. The context is the caller's,
// without the call's own deadline.
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

// judgeUnsent judges a request that the SDK did not hand to the network.
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
		return verdict{relay.SendNotExecuted, a.unsignedCode} // they may be there next time
	}
	return verdict{relay.SendNeedsOperator, a.unsignedCode}
}

// classOfStatus judges an answer whose code is missing or not in the table. A
// 3xx or 4xx refuses the request without executing it, most likely because
// something is set up wrongly: a proxy, an endpoint, a permission. It is kept
// for an operator, and not thrown away on a guess.
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

// interruption names the end of a context, or says otherwise.
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

// tidyCode returns a code nobody knows only if it looks like one: it becomes
// part of logs and answers, and the server could have written anything.
func tidyCode(code string, status int) string {
	if code == "UnknownError" || !codeForm.MatchString(code) { // the SDK's name for none
		return fmt.Sprintf("http-%d", status)
	}
	return code
}
