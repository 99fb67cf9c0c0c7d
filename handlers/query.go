package handlers

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"callback-relay/relay"
	"callback-relay/rules"
)

// filters are the parameters of a list. Errors do not repeat the name of any other
// parameter, since it is text from the caller.
var filters = []string{"state", "tag", "await", "declined", "limit", "cursor"}

// readQuery reads the parameters of a list of callbacks.
func readQuery(c echo.Context) (q relay.Query, err error) {
	err = readParameters(c, filters, func(name, value string) (problem string) {
		var found bool
		switch name {
		case "state":
			q.State = relay.State(value)
		case "tag":
			if q.TagKey, q.TagValue, found = strings.Cut(value, ":"); !found || q.TagKey == "" {
				return "must be a key, a colon and a value, such as order:42"
			}
		case "await":
			// Names of senders have no colon, so all further ones belong to the key.
			if q.AwaitSender, q.AwaitKey, found = strings.Cut(value, ":"); !found || q.AwaitSender == "" || q.AwaitKey == "" {
				return "must be the name of a sender, a colon and a key, such as stripe:pi_3N"
			}
			q.AwaitKey = rules.Key(q.AwaitKey)
		case "declined":
			if q.Declined = value == "true"; !q.Declined {
				return "must be true, or left out"
			}
		case "limit":
			q.Limit, problem = limit(value, relay.MaxPage)
			return problem
		case "cursor":
			q.Cursor = value
		}
		return ""
	})
	return q, err
}

// limit reads how many entries are requested.
func limit(value string, most int) (n int, problem string) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > most {
		return 0, "must be a number from 1 to " + strconv.Itoa(most)
	}
	return n, ""
}

// readParameters passes the parameters of a list to read, which returns what is wrong with
// one. It refuses a parameter that is unknown or given twice: if a filter were ignored, the
// list would show too much.
func readParameters(c echo.Context, known []string, read func(name, value string) (problem string)) error {
	params, err := url.ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return &relay.InvalidFieldError{Field: "query", Problem: "cannot be read: escape all characters except letters and digits"}
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(params)) {
		field := name
		var problem string
		switch {
		case !slices.Contains(known, name):
			field, problem = "query", "has an unknown parameter: use "+oneOf(known)
		case len(params[name]) > 1:
			problem = "is given more than once"
		default:
			problem = read(name, params.Get(name))
		}
		if problem != "" {
			errs = append(errs, &relay.InvalidFieldError{Field: field, Problem: problem})
		}
	}
	return errors.Join(errs...)
}

// oneOf lists words, the last of several after "or".
func oneOf(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0] + " alone"
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
