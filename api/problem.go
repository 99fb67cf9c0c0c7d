package api

import "strings"

// ProblemMediaType is the Content-Type of a [Problem].
const ProblemMediaType = "application/problem+json"

// Code identifies a kind of problem. It is the URN in a problem's type.
type Code string

// codePrefix opens the URN of every code.
const codePrefix = "urn:callback-relay:"

// The codes, by their HTTP status.
const (
	CodeInvalidBody          Code = codePrefix + "invalid-body"
	CodeInvalidRequest       Code = codePrefix + "invalid-request"
	CodeUnauthorized         Code = codePrefix + "unauthorized"
	CodeUnproven             Code = codePrefix + "unproven"
	CodeStaleTimestamp       Code = codePrefix + "stale-timestamp"
	CodeForeignSite          Code = codePrefix + "foreign-site"
	CodeNotApprover          Code = codePrefix + "not-approver"
	CodeNotFound             Code = codePrefix + "not-found"
	CodeMethodNotAllowed     Code = codePrefix + "method-not-allowed"
	CodeAlreadyAnswered      Code = codePrefix + "already-answered"
	CodeSettingsDiffer       Code = codePrefix + "settings-differ"
	CodeAlreadyCancelled     Code = codePrefix + "already-cancelled"
	CodeTooManyLinks         Code = codePrefix + "too-many-links"
	CodeTooManyWaiters       Code = codePrefix + "too-many-waiters"
	CodeAmbiguousID          Code = codePrefix + "ambiguous-id"
	CodeTooManyToSearch      Code = codePrefix + "too-many-to-search"
	CodeExpired              Code = codePrefix + "expired"
	CodeCancelled            Code = codePrefix + "cancelled"
	CodeLinkClosed           Code = codePrefix + "link-closed"
	CodeTaskClosed           Code = codePrefix + "task-closed"
	CodeRefused              Code = codePrefix + "refused"
	CodeTooLarge             Code = codePrefix + "too-large"
	CodeUnsupportedMediaType Code = codePrefix + "unsupported-media-type"
	CodeRuleFailed           Code = codePrefix + "rule-failed"
	CodeTooManyRequests      Code = codePrefix + "too-many-requests"
	CodeInternal             Code = codePrefix + "internal"
	CodeUnavailable          Code = codePrefix + "unavailable"
	CodeOverloaded           Code = codePrefix + "overloaded"
)

// Short is the code without the prefix, such as "not-found". It is empty if the
// code is not one of the relay's.
func (c Code) Short() string {
	if short, ok := strings.CutPrefix(string(c), codePrefix); ok {
		return short
	}
	return ""
}

// Meaning is what all problems with one code have in common.
type Meaning struct {
	Status int
	Title  string
}

// Codes is every problem the relay answers with. It must not be changed.
//
// A sender of webhooks tries again after a 5xx and gives up after a 4xx, so a
// temporary problem is never a 4xx. A 410 tells the sender to stop for good.
var Codes = map[Code]Meaning{
	CodeInvalidBody:          {400, "The body cannot be read"},
	CodeInvalidRequest:       {400, "The request is not valid"},
	CodeUnauthorized:         {401, "An API key is required"},
	CodeUnproven:             {401, "The sender is not proven"},
	CodeStaleTimestamp:       {401, "The timestamp is too far from now"},
	CodeForeignSite:          {403, "Sent from another site"},
	CodeNotApprover:          {403, "Not the approver"},
	CodeNotFound:             {404, "Not found"},
	CodeMethodNotAllowed:     {405, "Method not allowed"},
	CodeAlreadyAnswered:      {409, "Already answered"},
	CodeSettingsDiffer:       {409, "Registered with other settings"},
	CodeAlreadyCancelled:     {409, "Already cancelled"},
	CodeTooManyLinks:         {409, "Too many links"},
	CodeTooManyWaiters:       {409, "Too many callbacks wait for this key"},
	CodeAmbiguousID:          {409, "Several callbacks fit"},
	CodeTooManyToSearch:      {409, "Too many callbacks to search"},
	CodeExpired:              {410, "The deadline has passed"},
	CodeCancelled:            {410, "Cancelled"},
	CodeLinkClosed:           {410, "The link is closed"},
	CodeTaskClosed:           {410, "The task is closed"},
	CodeRefused:              {410, "Step Functions refused the answer"},
	CodeTooLarge:             {413, "Too large"},
	CodeUnsupportedMediaType: {415, "Unsupported media type"},
	CodeRuleFailed:           {422, "A rule could not be applied"},
	CodeTooManyRequests:      {429, "Too many requests"},
	CodeInternal:             {500, "Internal error"},
	CodeUnavailable:          {503, "Temporarily unavailable"},
	CodeOverloaded:           {503, "Overloaded"},
}

// Problem is an error as RFC 9457 writes it.
type Problem struct {
	Type   Code   `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	// Detail is about this occurrence and meant for people.
	Detail string `json:"detail,omitempty"`

	// RequestID is the answer's X-Request-Id, for finding the request in the relay's
	// log.
	RequestID string `json:"requestId,omitempty"`
	// LimitBytes and ActualBytes come with CodeTooLarge, the latter if known.
	LimitBytes  *int64 `json:"limitBytes,omitempty"`
	ActualBytes *int64 `json:"actualBytes,omitempty"`
	// Offset is where a body becomes invalid: the first wrong byte, counted from 0.
	Offset *int64 `json:"offset,omitempty"`
	// Errors lists all mistakes in a request, with CodeInvalidRequest.
	Errors []FieldError `json:"errors,omitempty"`
	// IDs lists callbacks whose ids begin with the one that was given, at most 10, with
	// CodeAmbiguousID.
	IDs []string `json:"ids,omitempty"`
	// FailedChecks lists everything that keeps a relay from being ready. Only /readyz
	// sends it.
	FailedChecks []FailedCheck `json:"failedChecks,omitempty"`
}

// FailedCheck is one reason why a relay is not ready.
type FailedCheck struct {
	// Check is what was checked, such as memory or keyspace.
	Check  string `json:"check"`
	Reason string `json:"reason"`
}

// FieldError is one mistake in a request.
type FieldError struct {
	// Field is the path of the value, such as links.approve.type or limit.
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

// NewProblem returns the problem of a code, with its title and status. A code that
// is not in [Codes] becomes CodeInternal without the detail, so that nothing
// unplanned is revealed.
func NewProblem(code Code, detail string) Problem {
	meaning, ok := Codes[code]
	if !ok {
		code, detail, meaning = CodeInternal, "", Codes[CodeInternal]
	}
	return Problem{Type: code, Title: meaning.Title, Status: meaning.Status, Detail: detail}
}
