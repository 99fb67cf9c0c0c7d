package standin

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"
)

// call is one well-formed request.
type call struct {
	action    Action
	taskToken string
	output    []byte
	errorName string
	cause     string
}

// Limits of the members, from AWS's service model. An output is measured in bytes
// of UTF-8, everything else in characters.
const (
	maxTaskToken = 2048
	maxOutput    = 262_144
	maxError     = 256
	maxCause     = 32_768
)

// members are the fields of all three operations; nil means absent.
type members struct {
	taskToken, output, errorName, cause *string
}

func readCall(action Action, r *http.Request) (*call, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if len(body) > maxBody {
		return nil, &refusal{http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException", "the request is too large"}
	}
	// encoding/json would replace bytes that are not UTF-8 with U+FFFD.
	if err != nil || !utf8.Valid(body) {
		return nil, errUnreadable
	}
	m, err := readMembers(action, body)
	if err != nil {
		return nil, errUnreadable
	}
	if err := m.check(action); err != nil {
		return nil, err
	}
	c := &call{action: action, taskToken: *m.taskToken}
	switch action {
	case SendTaskSuccess:
		c.output = []byte(*m.output)
	case SendTaskFailure:
		c.errorName, c.cause = value(m.errorName), value(m.cause)
	}
	return c, nil
}

// readMembers reads an action's members by their exact names, whereas encoding/json
// ignores the letter case of a struct's names. Unknown members are ignored.
func readMembers(action Action, body []byte) (*members, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(body, &all); err != nil {
		return nil, err
	}
	if all == nil {
		return nil, errUnreadable // the body is null
	}
	m := &members{}
	known := map[string]**string{"taskToken": &m.taskToken}
	switch action {
	case SendTaskSuccess:
		known["output"] = &m.output
	case SendTaskFailure:
		known["error"], known["cause"] = &m.errorName, &m.cause
	}
	for name, into := range known {
		if text, given := all[name]; given {
			if err := json.Unmarshal(text, into); err != nil {
				return nil, err
			}
		}
	}
	return m, nil
}

// check checks presence and length of all members together. Contents are checked
// later: the output's JSON matters only for a task that waits.
func (m *members) check(action Action) error {
	var v violations
	v.check(member{name: "taskToken", value: m.taskToken, required: true, least: 1, most: maxTaskToken})
	switch action {
	case SendTaskSuccess:
		v.check(member{name: "output", value: m.output, required: true, most: maxOutput, bytes: true, sensitive: true})
	case SendTaskFailure:
		v.check(member{name: "error", value: m.errorName, most: maxError, sensitive: true})
		v.check(member{name: "cause", value: m.cause, most: maxCause, sensitive: true})
	}
	switch len(v) {
	case 0:
		return nil
	case 1:
		return refuse("ValidationException", "1 validation error detected: %s", v[0])
	}
	return refuse("ValidationException", "%d validation errors detected: %s", len(v), strings.Join(v, "; "))
}

// member is one member with its constraints.
type member struct {
	name        string
	value       *string
	required    bool
	least, most int
	bytes       bool // measured in bytes of UTF-8, not in characters
	sensitive   bool // no message quotes its value
}

// violations are the constraints that a call violates, in the words of AWS. These
// quote the task token, so a caller that logs them reveals a secret.
type violations []string

func (v *violations) check(m member) {
	if m.value == nil {
		if m.required {
			v.add(m, " null", "Member must not be null")
		}
		return
	}
	quoted, length := fmt.Sprintf(" '%s'", *m.value), utf8.RuneCountInString(*m.value)
	switch {
	case m.bytes && len(*m.value) > m.most:
		v.add(m, quoted, fmt.Sprintf("Member must have size less than or equal to %d bytes in UTF-8 encoding", m.most))
	case m.bytes:
	case length < m.least:
		v.add(m, quoted, fmt.Sprintf("Member must have length greater than or equal to %d", m.least))
	case length > m.most:
		v.add(m, quoted, fmt.Sprintf("Member must have length less than or equal to %d", m.most))
	}
}

func (v *violations) add(m member, value, constraint string) {
	if m.sensitive {
		value = ""
	}
	*v = append(*v, fmt.Sprintf("Value%s at '%s' failed to satisfy constraint: %s", value, m.name, constraint))
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
