package standin

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// refusal is an error in the words of AWS. The message may be empty.
type refusal struct {
	status  int
	code    string
	message string
}

func (r *refusal) Error() string { return r.code + ": " + r.message }

// refuse returns a refusal with HTTP status 400, as all modelled errors have.
func refuse(code, format string, args ...any) error {
	return &refusal{http.StatusBadRequest, code, fmt.Sprintf(format, args...)}
}

// errUnreadable is the reply to a body that is not a JSON object of the operation.
// AWS does not say what is wrong with it.
var errUnreadable error = &refusal{http.StatusBadRequest, codeUnreadable, ""}

const codeUnreadable = "SerializationException"

// asRefusal returns the refusal in err; any other error is a bug.
func asRefusal(err error) *refusal {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r
	}
	return &refusal{http.StatusInternalServerError, "InternalFailure", err.Error()}
}

// The prefixes of error types: of the service's own errors, of constraints, and of
// the errors that all services of AWS share.
const (
	modelled    = "com.amazonaws.swf.service.v2.model#"
	constraints = "com.amazon.coral.validate#"
	common      = "com.amazon.coral.service#"
)

// prefixes are those of the codes that do not get the common prefix.
var prefixes = map[string]string{
	"InvalidOutput":            modelled,
	"InvalidToken":             modelled,
	"TaskDoesNotExist":         modelled,
	"TaskTimedOut":             modelled,
	"KmsAccessDeniedException": modelled,
	"KmsInvalidStateException": modelled,
	"KmsThrottlingException":   modelled,
	"ValidationException":      constraints,
	codeUnreadable:             "",
}

// body returns the error as it is sent.
func (r *refusal) body() []byte {
	prefix, known := prefixes[r.code]
	if !known {
		prefix = common
	}
	members := map[string]string{"__type": prefix + r.code}
	switch {
	case r.message == "":
	case r.code == "AccessDeniedException":
		members["Message"] = r.message
	default:
		members["message"] = r.message
	}
	body, err := json.Marshal(members)
	if err != nil {
		panic(err) // strings always marshal
	}
	return body
}

// reply writes the reply of AWS: an empty object, or the error.
func reply(w http.ResponseWriter, err error) {
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("X-Amzn-RequestId", newUUID())
	if err == nil {
		_, _ = w.Write([]byte("{}"))
		return
	}
	refused := asRefusal(err)
	w.WriteHeader(refused.status)
	_, _ = w.Write(refused.body()) //nolint:gosec // JSON for an SDK, which no browser renders
}

// newUUID returns a random UUID (RFC 9562, version 4), as AWS's request ids are.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, by its documentation
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
