package stepfunctions_test

import (
	"io"
	"maps"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws/retry"

	"callback-relay/relay"
	"callback-relay/stepfunctions"
	"callback-relay/stepfunctions/standin"
)

// codes are the known errors of Step Functions, with their class. This repeats the
// table under test on purpose: changing a class takes two edits.
var codes = []struct {
	code   string
	status int
	class  relay.SendClass
}{
	{"TaskTimedOut", 400, relay.SendClosed},
	{"TaskDoesNotExist", 400, relay.SendClosed},
	{"InvalidOutput", 400, relay.SendNever},
	{"InvalidToken", 400, relay.SendNever},
	{"ValidationException", 400, relay.SendNever},
	{"ValidationError", 400, relay.SendNever},
	{"ThrottlingException", 400, relay.SendThrottled},
	{"Throttling", 400, relay.SendThrottled},
	{"TooManyRequestsException", 429, relay.SendThrottled},
	{"RequestLimitExceeded", 503, relay.SendThrottled},
	{"SlowDown", 503, relay.SendThrottled},
	{"KmsThrottlingException", 400, relay.SendThrottled},
	{"KmsAccessDeniedException", 400, relay.SendNeedsOperator},
	{"KmsInvalidStateException", 400, relay.SendNeedsOperator},
	{"AccessDenied", 403, relay.SendNeedsOperator},
	{"AccessDeniedException", 400, relay.SendNeedsOperator},
	{"ExpiredToken", 403, relay.SendNeedsOperator},
	{"ExpiredTokenException", 400, relay.SendNeedsOperator},
	{"IncompleteSignature", 403, relay.SendNeedsOperator},
	{"IncompleteSignatureException", 400, relay.SendNeedsOperator},
	{"InvalidClientTokenId", 403, relay.SendNeedsOperator},
	{"InvalidSignatureException", 400, relay.SendNeedsOperator},
	{"MissingAuthenticationToken", 403, relay.SendNeedsOperator},
	{"MissingAuthenticationTokenException", 400, relay.SendNeedsOperator},
	{"NotAuthorized", 400, relay.SendNeedsOperator},
	{"OptInRequired", 403, relay.SendNeedsOperator},
	{"RequestExpired", 400, relay.SendNeedsOperator},
	{"RequestTimeTooSkewed", 403, relay.SendNeedsOperator},
	{"SignatureDoesNotMatch", 403, relay.SendNeedsOperator},
	{"UnrecognizedClientException", 400, relay.SendNeedsOperator},
	{"InternalError", 500, relay.SendUnclear},
	{"InternalFailure", 500, relay.SendUnclear},
	{"InternalServerError", 500, relay.SendUnclear},
	{"InternalServerException", 500, relay.SendUnclear},
	{"RequestTimeout", 400, relay.SendUnclear},
	{"RequestTimeoutException", 400, relay.SendUnclear},
	{"ServiceUnavailable", 503, relay.SendUnclear},
	{"ServiceUnavailableException", 503, relay.SendUnclear},

	// Codes that are in no table are classified by status.
	{"BrandNewException", 400, relay.SendNeedsOperator},
	{"BrandNewException", 408, relay.SendUnclear},
	{"BrandNewException", 429, relay.SendThrottled},
	{"BrandNewException", 502, relay.SendUnclear},
}

// TestCodes sends each code through the real SDK, on every operation.
func TestCodes(t *testing.T) {
	server, sender, taskToken := start(t, stepfunctions.Options{})
	failure := relay.Outcome{Type: relay.OutcomeFailure, Error: "E"}
	for _, tt := range codes {
		t.Run(tt.code, func(t *testing.T) {
			server.SetFault(standin.Fault{Kind: standin.Refuse, Code: tt.code, Status: tt.status})
			want(t, sender.Send(t.Context(), taskToken, success), tt.class, tt.code)
			want(t, sender.Send(t.Context(), taskToken, failure), tt.class, tt.code)
			want(t, sender.Heartbeat(t.Context(), taskToken), tt.class, tt.code)
		})
	}
}

// TestThrottlingCodesOfTheSDK fails when the SDK adds a throttling code.
func TestThrottlingCodesOfTheSDK(t *testing.T) {
	server, sender, taskToken := start(t, stepfunctions.Options{})
	for code := range retry.DefaultThrottleErrorCodes {
		server.SetFault(standin.Fault{Kind: standin.Refuse, Code: code})
		want(t, sender.Heartbeat(t.Context(), taskToken), relay.SendThrottled, code)
	}
}

// TestEveryCodeIsWalked fails for a row of the table that the tests above do not
// send.
func TestEveryCodeIsWalked(t *testing.T) {
	walked := maps.Clone(retry.DefaultThrottleErrorCodes)
	for _, tt := range codes {
		walked[tt.code] = struct{}{}
	}
	for code := range stepfunctions.Classes {
		if _, ok := walked[code]; !ok {
			t.Errorf("no test sends %s", code)
		}
	}
}

// TestForeignAnswers classifies replies of proxies between us and AWS.
func TestForeignAnswers(t *testing.T) {
	tests := []struct {
		name   string
		status int
		header string // X-Amzn-ErrorType
		body   string
		class  relay.SendClass
		code   string
	}{
		{"page of a proxy", 403, "", "<html>", relay.SendNeedsOperator, "http-403"},
		{"wrong endpoint", 404, "", "", relay.SendNeedsOperator, "http-404"},
		{"gateway", 502, "", "<html>", relay.SendUnclear, "http-502"},
		{"gateway without a body", 504, "", "", relay.SendUnclear, "http-504"},
		{"rate limiter", 429, "", "", relay.SendThrottled, "http-429"},
		{"request timeout", 408, "", "", relay.SendUnclear, "http-408"},
		{"redirect", 302, "", "", relay.SendNeedsOperator, "http-302"},
		{"cut short", 400, "", `{"__type":"TaskTi`, relay.SendNeedsOperator, "http-400"},
		{"namespace before the code", 400, "", `{"__type":"com.amazonaws.states#TaskTimedOut"}`, relay.SendClosed, "TaskTimedOut"},
		{"code in the header", 400, "AccessDeniedException:http://x/", `{}`, relay.SendNeedsOperator, "AccessDeniedException"},
		{"code of no form", 400, "", `{"__type":"<script>"}`, relay.SendNeedsOperator, "http-400"},
		{"not an object, yet 200", 200, "", `[]`, relay.SendUnclear, "unreadable-answer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sender := startHandler(t, stepfunctions.Options{}, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if tt.header != "" {
					w.Header().Set("X-Amzn-ErrorType", tt.header)
				}
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			})
			want(t, sender.Send(t.Context(), "t", success), tt.class, tt.code)
		})
	}
}
