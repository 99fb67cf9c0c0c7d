package relay

import (
	"errors"
)

// The ways in which a request can fail. Adapters wrap them with the operation
// and the callback id, never with a secret.
var (
	// ErrNotFound: no such callback or link. Malformed and forged keys get it too.
	ErrNotFound = errors.New("no such callback")
	// ErrAlreadyAnswered: another answer came first.
	ErrAlreadyAnswered = errors.New("already answered")
	// ErrExpired: the deadline has passed, by the clock of Redis.
	ErrExpired = errors.New("the deadline has passed")
	// ErrCancelled: the callback was withdrawn.
	ErrCancelled = errors.New("the callback was cancelled")
	// ErrLinkClosed: this link was withdrawn, or a wrong code was entered too
	// often. Other links of the callback may still work.
	ErrLinkClosed = errors.New("the link is closed")
	// ErrTaskClosed: Step Functions says that the task no longer waits.
	ErrTaskClosed = errors.New("the task no longer waits")
	// ErrRefused: Step Functions will not take this outcome.
	ErrRefused = errors.New("step functions refused the outcome")
	// ErrSettingsDiffer: the task token is registered with other settings.
	ErrSettingsDiffer = errors.New("this task token is registered with other settings")
	// ErrRegistrationCancelled: the task token was registered before, and that
	// callback was cancelled, so its links no longer work.
	ErrRegistrationCancelled = errors.New("this task token was registered and cancelled")
	// ErrTooManyLinks: a callback has [MaxLinks] open links.
	ErrTooManyLinks = errors.New("the callback has the maximum number of open links")
	// ErrLinksUsedUp: a callback has had [MaxLinkNumbers] links, including closed
	// ones. Their numbers are not used again.
	ErrLinksUsedUp = errors.New("the callback has had the maximum number of links")
	// ErrNoHook: the sender of the configuration file has none.
	ErrNoHook = errors.New("the sender has no hook")
	// ErrTooManyToSearch: there are more callbacks than the relay looks at to find those
	// with a reference.
	ErrTooManyToSearch = errors.New("too many callbacks to search for a reference")
	// ErrMeanwhile: somebody else has decided since the callback was read. Only
	// [Store.Decide] reports it, and the service then reads again.
	ErrMeanwhile = errors.New("decided by somebody else meanwhile")
	// ErrOverloaded: too many requests are being handled, or the rate limit leaves no
	// room for a call. Nothing was done.
	ErrOverloaded = errors.New("overloaded: no room for this request or its call now")
	// ErrUnavailable: Redis or Step Functions is unavailable. The operation may or may
	// not have happened; repeating it is safe.
	ErrUnavailable = errors.New("temporarily unavailable")
)

// InvalidFieldError reports a mistake in a field of a registration or a query.
// Problem says what is wrong and what would be right.
type InvalidFieldError struct {
	Field   string
	Problem string
}

// Error implements error.
func (e *InvalidFieldError) Error() string { return e.Field + ": " + e.Problem }
