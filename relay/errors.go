package relay

import (
	"errors"
)

// The ways in which a request can fail. Adapters wrap them with the operation
// and the callback id, never with a secret.
var (
	// ErrNotFound: no such callback or link; also for malformed and forged keys.
	ErrNotFound = errors.New("no such callback")
	// ErrAlreadyAnswered: another answer came first.
	ErrAlreadyAnswered = errors.New("already answered")
	// ErrExpired: the deadline has passed, by the clock of Redis.
	ErrExpired = errors.New("the deadline has passed")
	// ErrCancelled: the callback was withdrawn.
	ErrCancelled = errors.New("the callback was cancelled")
	// ErrLinkClosed: this link was withdrawn, or a wrong code was entered too
	// often. Others of the callback may still work.
	ErrLinkClosed = errors.New("the link is closed")
	// ErrTaskClosed: Step Functions says that the task no longer waits.
	ErrTaskClosed = errors.New("the task no longer waits")
	// ErrRefused: Step Functions will not take this outcome.
	ErrRefused = errors.New("step functions refused the outcome")
	// ErrSettingsDiffer: the task token is registered with other settings.
	ErrSettingsDiffer = errors.New("this task token is registered with other settings")
	// ErrRegistrationCancelled: the task token was registered, and its callback
	// is cancelled, so that its links are dead.
	ErrRegistrationCancelled = errors.New("this task token was registered and cancelled")
	// ErrTooManyLinks: a callback has [MaxLinks] links that are open.
	ErrTooManyLinks = errors.New("the callback has as many open links as there may be")
	// ErrLinksUsedUp: a callback has had [MaxLinkNumbers] links, closed ones
	// included, and none of their numbers is given again.
	ErrLinksUsedUp = errors.New("the callback has had as many links as there may be")
	// ErrMeanwhile: somebody else decided since the callback was read. Only
	// [Store.Decide] reports it, and the service then reads again.
	ErrMeanwhile = errors.New("decided by somebody else meanwhile")
	// ErrOverloaded: too much is under way, or the rate limit leaves no room for a
	// call. What was asked did not happen.
	ErrOverloaded = errors.New("overloaded: no room for this request or its call now")
	// ErrUnavailable: Redis or Step Functions cannot be asked now. What was
	// asked may or may not have happened; asking again is safe.
	ErrUnavailable = errors.New("temporarily unavailable")
)

// InvalidFieldError reports a field of a registration or a query that cannot
// be accepted. Problem says what would be right.
type InvalidFieldError struct {
	Field   string
	Problem string
}

// Error implements error.
func (e *InvalidFieldError) Error() string { return e.Field + ": " + e.Problem }
