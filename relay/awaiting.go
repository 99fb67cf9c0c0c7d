package relay

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"callback-relay/senders"
)

// Awaiting returns the pending callbacks that wait for a key of a sender's hook, the one
// whose deadline is next first.
func (s *Service) Awaiting(ctx context.Context, sender, key string) ([]Callback, error) {
	var digests []AwaitDigest
	for _, key := range s.keys.AwaitKeys(sender, key) {
		digests = append(digests, key.Digest)
	}
	return s.store.Awaiting(ctx, digests)
}

// listAwaiting returns a page of those who wait for a key. All are found by one look-up, since
// at most [MaxWaiters] wait.
func (s *Service) listAwaiting(ctx context.Context, q Query) (Page, error) {
	// The hook need not be configured any more: then it matters most who waits there.
	if !senders.ValidName(q.AwaitSender) {
		return Page{}, &InvalidFieldError{"await", "does not begin with the name of a sender, which has " + senders.NameForm}
	}
	after := place{}
	if q.Cursor != "" {
		var ok bool
		if after, ok = parsePlace(q.Cursor); !ok {
			return Page{}, &InvalidFieldError{"cursor", "is not a cursor that this list returned; use it only with the same await"}
		}
	}
	found, err := s.Awaiting(ctx, q.AwaitSender, q.AwaitKey)
	if err != nil {
		return Page{}, err
	}
	slices.SortFunc(found, func(a, b Callback) int { return placeOf(a).compare(placeOf(b)) })
	page := Page{Callbacks: []Callback{}}
	for _, cb := range found {
		if placeOf(cb).compare(after) <= 0 {
			continue
		}
		if len(page.Callbacks) == q.Limit {
			page.Next = after.String()
			break
		}
		after = placeOf(cb)
		page.Examined, page.ExaminedTo = page.Examined+1, cb.ExpiresAt
		if q.Matches(cb) {
			page.Callbacks = append(page.Callbacks, cb)
		}
	}
	return page, nil
}

// place is where a callback is in the list of those who wait for a key.
type place struct {
	deadline int64 // in milliseconds
	id       CallbackID
}

func placeOf(cb Callback) place { return place{cb.ExpiresAt.UnixMilli(), cb.ID} }

func (p place) compare(other place) int {
	return cmp.Or(cmp.Compare(p.deadline, other.deadline), cmp.Compare(p.id, other.id))
}

// cursorPrefix begins the cursors of this list, and of no other.
const cursorPrefix = "await-"

func (p place) String() string {
	return cursorPrefix + strconv.FormatInt(p.deadline, 10) + "-" + string(p.id)
}

// parsePlace reads what [place.String] wrote.
func parsePlace(text string) (p place, ok bool) {
	text, ours := strings.CutPrefix(text, cursorPrefix)
	deadline, id, _ := strings.Cut(text, "-")
	ms, err := strconv.ParseInt(deadline, 10, 64)
	known, idErr := ParseCallbackID(id)
	return place{ms, known}, ours && err == nil && idErr == nil
}
