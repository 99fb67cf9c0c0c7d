package standin

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	contentType  = "application/x-amz-json-1.0"
	targetPrefix = "AWSStepFunctions."

	// maxBody bounds one request. Escaped as JSON, the largest output AWS takes
	// can grow six times.
	maxBody = 2 << 20

	amzDate = "20060102T150405Z"
)

// Limits of the members, as AWS's service model has them. An output is counted
// in bytes of UTF-8, everything else in characters.
const (
	maxTaskToken = 2048
	maxOutput    = 262_144
	maxError     = 256
	maxCause     = 32_768
)

// checkForm judges everything about a request but its body.
func checkForm(r *http.Request) (Action, error) {
	if r.URL.Path != "/" {
		return malformed, &refusal{http.StatusNotFound, "UnknownOperationException", "no such path"}
	}
	if r.Method != http.MethodPost {
		return malformed, &refusal{http.StatusMethodNotAllowed, "UnknownOperationException", "the method must be POST"}
	}
	target := r.Header.Get("X-Amz-Target")
	name, ok := strings.CutPrefix(target, targetPrefix)
	action := Action(name)
	if known := []Action{SendTaskSuccess, SendTaskFailure, SendTaskHeartbeat}; !ok || !slices.Contains(known, action) {
		return malformed, refuse("UnknownOperationException", "no such operation: %q", target)
	}
	if got := r.Header.Get("Content-Type"); got != contentType {
		return action, &refusal{http.StatusUnsupportedMediaType, "UnsupportedMediaTypeException", "the content type must be " + contentType}
	}
	return action, checkSignature(r.Header)
}

// authorization is the form of a Signature Version 4 header for Step
// Functions. Submatches: scope date, service, signed headers.
var authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256 ` +
	`Credential=[^/, ]+/(\d{8})/[a-z0-9-]+/([a-z0-9-]+)/aws4_request, ` +
	`SignedHeaders=([a-z0-9;-]+), ` +
	`Signature=[0-9a-f]{64}$`)

func checkSignature(header http.Header) error {
	value := header.Get("Authorization")
	if value == "" {
		return refuse("MissingAuthenticationTokenException", "Missing Authentication Token")
	}
	match := authorization.FindStringSubmatch(value)
	if match == nil {
		return refuse("IncompleteSignatureException", "the Authorization header has not the form of Signature Version 4")
	}
	scopeDate, service, signed := match[1], match[2], strings.Split(match[3], ";")
	if service != "states" {
		return refuse("InvalidSignatureException", "Credential should be scoped to correct service: 'states'.")
	}
	date := header.Get("X-Amz-Date")
	if _, err := time.Parse(amzDate, date); err != nil {
		return refuse("IncompleteSignatureException", "X-Amz-Date must have the form %s", amzDate)
	}
	if !strings.HasPrefix(date, scopeDate) {
		return refuse("InvalidSignatureException", "the scope's date is not that of X-Amz-Date")
	}
	if !slices.IsSorted(signed) {
		return refuse("InvalidSignatureException", "the signed headers must be sorted")
	}
	if !slices.Contains(signed, "host") {
		return refuse("InvalidSignatureException", "'host' must be a signed header")
	}
	for name := range header {
		name = strings.ToLower(name)
		if strings.HasPrefix(name, "x-amz-") && !slices.Contains(signed, name) {
			return refuse("InvalidSignatureException", "'%s' must be a signed header", name)
		}
	}
	return nil
}

// call is one well-formed request.
type call struct {
	action    Action
	taskToken string
	output    []byte
	errorName string
	cause     string
}

// members are the fields of all three operations; nil means absent.
type members struct {
	TaskToken *string `json:"taskToken"`
	Output    *string `json:"output"`
	Error     *string `json:"error"`
	Cause     *string `json:"cause"`
}

func readCall(action Action, r *http.Request) (*call, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if len(body) > maxBody {
		return nil, &refusal{http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException", "the request is too large"}
	}
	if err != nil {
		return nil, refuse("SerializationException", "the body could not be read")
	}
	// encoding/json would put U+FFFD in place of bytes that are not UTF-8.
	if !utf8.Valid(body) {
		return nil, refuse("SerializationException", "the body is not UTF-8")
	}
	var m members
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, refuse("SerializationException", "the body is not a JSON object of the operation")
	}
	if err := m.check(action); err != nil {
		return nil, err
	}
	c := &call{action: action, taskToken: *m.TaskToken}
	switch action {
	case SendTaskSuccess:
		c.output = []byte(*m.Output)
	case SendTaskFailure:
		c.errorName, c.cause = value(m.Error), value(m.Cause)
	}
	return c, nil
}

// check judges presence and length. What a member says is judged later: the
// output's JSON only matters for a task that waits.
func (m *members) check(action Action) error {
	if err := checkLength("taskToken", m.TaskToken, true, 1, maxTaskToken, utf8.RuneCountInString); err != nil {
		return err
	}
	bytes := func(s string) int { return len(s) }
	if err := checkLength("output", m.Output, action == SendTaskSuccess, 0, maxOutput, bytes); err != nil {
		return err
	}
	if err := checkLength("error", m.Error, false, 0, maxError, utf8.RuneCountInString); err != nil {
		return err
	}
	return checkLength("cause", m.Cause, false, 0, maxCause, utf8.RuneCountInString)
}

// checkLength words its refusals as AWS does, the offending value included: a
// caller that logs such a message gives a secret away.
func checkLength(name string, member *string, required bool, least, most int, length func(string) int) error {
	const format = "1 validation error detected: Value %s at '%s' failed to satisfy constraint: %s"
	switch {
	case member == nil && required:
		return refuse("ValidationException", format, "null", name, "Member must not be null")
	case member == nil:
		return nil
	}
	quoted := "'" + *member + "'"
	if n := length(*member); n < least {
		return refuse("ValidationException", format+" %d", quoted, name, "Member must have length greater than or equal to", least)
	} else if n > most {
		return refuse("ValidationException", format+" %d", quoted, name, "Member must have length less than or equal to", most)
	}
	return nil
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
