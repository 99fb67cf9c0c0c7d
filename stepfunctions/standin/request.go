package standin

import (
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	contentType  = "application/x-amz-json-1.0"
	targetPrefix = "AWSStepFunctions."

	// maxBody bounds one request. Escaped as JSON, the largest output that AWS
	// accepts can become six times as long.
	maxBody = 2 << 20

	amzDate = "20060102T150405Z"
)

// checkForm checks everything about a request except its body.
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
	if !acceptable(r.Header.Get("Content-Type")) {
		return action, &refusal{http.StatusUnsupportedMediaType, "UnsupportedMediaTypeException", "the content type must be " + contentType}
	}
	return action, checkSignature(r.Header)
}

// acceptable returns whether a content type is that of the protocol, with no
// parameter except charset=UTF-8.
func acceptable(value string) bool {
	mediaType, params, err := mime.ParseMediaType(value)
	if err != nil || mediaType != contentType || len(params) > 1 {
		return false
	}
	charset, given := params["charset"]
	return given == (len(params) == 1) && (!given || strings.EqualFold(charset, "UTF-8"))
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
