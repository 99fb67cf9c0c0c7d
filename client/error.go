package client

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"callback-relay/api"
)

// Error is an answer other than a success.
type Error struct {
	StatusCode int
	// Problem is the relay's problem document. It is the zero Problem if the answer did
	// not come from the relay, such as a proxy's page.
	Problem api.Problem
	// RetryAfter is how long to wait before trying again; 0 if the answer does not say.
	RetryAfter time.Duration
}

// Error says what happened, then the facts in brackets:
//
//	must be at most 8760h (400 invalid-request, request 5HGWAM2J)
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.message())
	fmt.Fprintf(&b, " (%d", e.StatusCode)
	if short := e.Problem.Type.Short(); short != "" {
		b.WriteString(" " + short)
	}
	if e.Problem.RequestID != "" {
		b.WriteString(", request " + e.Problem.RequestID)
	}
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, ", retry after %s", e.RetryAfter)
	}
	b.WriteString(")")
	return b.String()
}

func (e *Error) message() string {
	var parts []string
	switch {
	case len(e.Problem.Errors) > 0: // these say everything
	case e.Problem.Detail != "":
		parts = append(parts, e.Problem.Detail)
	case e.Problem.Title != "":
		parts = append(parts, e.Problem.Title)
	}
	for _, field := range e.Problem.Errors {
		parts = append(parts, field.Field+": "+field.Detail)
	}
	if len(parts) > 0 {
		return strings.Join(parts, "; ")
	}
	if e.StatusCode >= 300 && e.StatusCode <= 399 {
		return "a redirect, which is not followed"
	}
	if text := http.StatusText(e.StatusCode); text != "" {
		return text
	}
	return "an answer without a problem document"
}

// newError reads an answer that is not a success.
func newError(response *http.Response) *Error {
	return &Error{
		StatusCode: response.StatusCode,
		Problem:    readProblem(response),
		RetryAfter: retryAfter(response.Header),
	}
}

// readProblem returns the problem document in a body, or the zero Problem if the body is
// anything else. The caller can then only report the status.
func readProblem(response *http.Response) api.Problem {
	mediaType, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err != nil || mediaType != api.ProblemMediaType {
		return api.Problem{}
	}
	content, err := readAtMost(response.Body, maxProblem)
	if err != nil {
		return api.Problem{}
	}
	var problem api.Problem
	if err := json.Unmarshal(content, &problem); err != nil {
		return api.Problem{}
	}
	return problem
}

// retryAfter reads Retry-After. The relay sends seconds. A proxy may send a date, which is
// compared with the answer's own Date, so that this machine's clock does not matter.
func retryAfter(header http.Header) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return 0
	}
	return max(0, until.Sub(now))
}
