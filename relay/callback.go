package relay

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"
	"unicode/utf8"
)

// OnExpiry says what a deadline that passes unanswered does to the task.
type OnExpiry string

// The choices. Fail is the default, so that no execution hangs unseen.
const (
	OnExpiryFail   OnExpiry = "fail"   // the task fails with [ErrorExpired]
	OnExpiryIgnore OnExpiry = "ignore" // the task waits on, for its own timeout
)

// Callback is one waiting task, registered once, as its owner may see it:
// neither the task token nor the payload is in it.
type Callback struct {
	ID        CallbackID
	State     State
	CreatedAt time.Time
	ExpiresAt time.Time
	OnExpiry  OnExpiry
	Tags      map[string]string
	Links     []Link
	Key       string // name of the master key that made the id and the links
	Outcome   *OutcomeView
	Delivery  *DeliveryView
}

// OutcomeView is an outcome without its payload.
type OutcomeView struct {
	Type  OutcomeType
	By    string // a link's name, or [ByExpiry]
	At    time.Time
	Error string // of a failure
}

// DeliveryView tells how bringing the outcome to Step Functions goes.
type DeliveryView struct {
	Attempts      int
	Confirmed     bool      // Step Functions itself said that it took the outcome
	NextAttemptAt time.Time // zero when there is none to come
	LastError     string    // AWS' error code or our name for what went wrong
	DeliveredAt   time.Time // zero until delivered
}

// Expires is a deadline as it was asked for: after a time, or at a time. The
// zero value asks for the default.
type Expires struct {
	In time.Duration
	At time.Time
	// Default says that In was filled in and not asked for. A registration
	// repeated after the default has changed is still the same.
	Default bool
}

// Registration is what a workflow asks for: a callback for one task token.
type Registration struct {
	TaskToken TaskToken
	Expires   Expires
	OnExpiry  OnExpiry
	Tags      map[string]string
	Links     map[string]LinkType
}

// The bounds of a registration. MaxTaskTokenChars is AWS' own.
const (
	MaxTaskTokenChars = 2048
	MaxLinks          = 16
	MaxTags           = 16
	MaxTagValueChars  = 256
)

var (
	linkName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)
	tagKey   = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
)

// DefaultLink names the link that a registration without links gets, and
// whose URL is the callback's own.
const DefaultLink = "default"

// normalize fills in what was left out.
func (r *Registration) normalize(defaultExpiry time.Duration) {
	if r.Expires == (Expires{}) {
		r.Expires = Expires{In: defaultExpiry, Default: true}
	}
	if r.OnExpiry == "" {
		r.OnExpiry = OnExpiryFail
	}
	if len(r.Links) == 0 {
		r.Links = map[string]LinkType{DefaultLink: LinkWebhook}
	}
}

// check returns every mistake in the registration, each an *InvalidFieldError.
// Whether a deadline given as a time is still to come is for the store to
// judge, by the clock of Redis.
func (r *Registration) check(maxExpiry time.Duration) []error {
	var errs []error
	add := func(field, format string, args ...any) {
		errs = append(errs, &InvalidFieldError{field, fmt.Sprintf(format, args...)})
	}
	switch n := utf8.RuneCountInString(string(r.TaskToken)); {
	case n == 0:
		add("taskToken", "is required: pass the state's $$.Task.Token")
	case n > MaxTaskTokenChars:
		add("taskToken", "has %d characters, Step Functions takes at most %d", n, MaxTaskTokenChars)
	case !utf8.ValidString(string(r.TaskToken)):
		add("taskToken", "is not valid UTF-8")
	}
	switch in := r.Expires.In; {
	case in != 0 && !r.Expires.At.IsZero():
		add("expiresIn", "excludes expiresAt: give one of them")
	case in < 0, in > 0 && in < time.Millisecond:
		add("expiresIn", "must be a duration of at least 1ms, such as 90m, 24h or 7d")
	case in > maxExpiry:
		add("expiresIn", "is %s, at most %s is allowed", in, maxExpiry)
	}
	if r.OnExpiry != OnExpiryFail && r.OnExpiry != OnExpiryIgnore {
		add("onExpiry", "must be fail or ignore")
	}
	errs = append(errs, r.checkTags()...)
	return append(errs, r.checkLinks()...)
}

func (r *Registration) checkTags() []error {
	var errs []error
	if len(r.Tags) > MaxTags {
		errs = append(errs, &InvalidFieldError{"tags", fmt.Sprintf("has %d entries, at most %d are allowed", len(r.Tags), MaxTags)})
	}
	for _, key := range slices.Sorted(maps.Keys(r.Tags)) {
		if !tagKey.MatchString(key) {
			errs = append(errs, &InvalidFieldError{"tags", "has a key that is not 1 to 64 characters of A-Z a-z 0-9 _ . -"})
		} else if value := r.Tags[key]; !utf8.ValidString(value) || utf8.RuneCountInString(value) > MaxTagValueChars {
			errs = append(errs, &InvalidFieldError{"tags." + key, fmt.Sprintf("must be valid UTF-8 of at most %d characters", MaxTagValueChars)})
		}
	}
	return errs
}

func (r *Registration) checkLinks() []error {
	var errs []error
	if len(r.Links) > MaxLinks {
		errs = append(errs, &InvalidFieldError{"links", fmt.Sprintf("has %d entries, at most %d are allowed", len(r.Links), MaxLinks)})
	}
	for _, name := range slices.Sorted(maps.Keys(r.Links)) {
		switch {
		case !linkName.MatchString(name):
			errs = append(errs, &InvalidFieldError{"links", "has a name that is not 1 to 32 characters a-z, 0-9 or -, a letter first"})
		case name == ByExpiry:
			errs = append(errs, &InvalidFieldError{"links." + name, "is a reserved name"})
		case !slices.Contains(LinkTypes, r.Links[name]):
			errs = append(errs, &InvalidFieldError{"links." + name + ".type", fmt.Sprintf("must be one of %v", LinkTypes)})
		}
	}
	return errs
}

// NumberedLinks returns the registration's links in the order of their names,
// numbered from 0: the same registration gives the same numbers, and so the
// same URLs.
func (r *Registration) NumberedLinks() []Link {
	links := make([]Link, 0, len(r.Links))
	for _, name := range slices.Sorted(maps.Keys(r.Links)) {
		links = append(links, Link{Name: name, Type: r.Links[name], Number: byte(len(links))}) //nolint:gosec // at most MaxLinks
	}
	return links
}
