package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
)

// maxExamined bounds the callbacks that one page of a list looks at, so that a
// filter that matches little cannot hold up Redis. The page then comes back
// short, with a cursor to go on from.
const maxExamined = 1000

// listStep is how many callbacks one round trip looks at, at least: it asks
// every partition, which would be a waste for one callback.
const listStep = 100

// place is where in the list a callback stands: newest first, then by id.
type place struct {
	created int64 // ms
	id      relay.CallbackID
}

// before tells whether a comes before b in the list.
func before(a, b place) int {
	return cmp.Or(cmp.Compare(b.created, a.created), cmp.Compare(b.id, a.id))
}

// cursor is the text form of a place, and parseCursor its reverse.
func (p place) cursor() string { return fmt.Sprintf("%d-%s", p.created, p.id) }

func parseCursor(s string) (place, error) {
	ms, text, _ := strings.Cut(s, "-")
	created, err := strconv.ParseInt(ms, 10, 64)
	id, idErr := relay.ParseCallbackID(text)
	if err != nil || idErr != nil {
		return place{}, &relay.InvalidFieldError{Field: "cursor", Problem: "is not one that a list returned"}
	}
	return place{created, id}, nil
}

// List implements [relay.Store].
func (s *Store) List(ctx context.Context, q relay.Query) (relay.Page, error) {
	var last *place
	if q.Cursor != "" {
		p, err := parseCursor(q.Cursor)
		if err != nil {
			return relay.Page{}, err
		}
		last = &p
	}
	page := relay.Page{Callbacks: []relay.Callback{}}
	step := max(q.Limit, listStep)
	for examined := 0; examined < maxExamined; {
		places, err := s.placesAfter(ctx, last, step)
		if err != nil {
			return relay.Page{}, fmt.Errorf("list: %w", err)
		}
		ids := make([]relay.CallbackID, len(places))
		for i, p := range places {
			ids[i] = p.id
		}
		views, err := s.readAll(ctx, ids)
		if err != nil {
			return relay.Page{}, fmt.Errorf("list: %w", err)
		}
		for i, v := range views {
			// What cannot be read must not hide the rest.
			readable := v.record != nil && (v.err == nil || errors.Is(v.err, relay.ErrSealed))
			if readable && matches(v.Callback, q) {
				page.Callbacks = append(page.Callbacks, v.Callback)
			}
			last = &places[i]
			if len(page.Callbacks) == q.Limit {
				break
			}
		}
		if len(page.Callbacks) == q.Limit {
			break
		}
		if len(places) < step {
			return page, nil // the end of the list
		}
		examined += len(places)
	}
	page.Next = last.cursor()
	return page, nil
}

func matches(cb relay.Callback, q relay.Query) bool {
	if q.State != "" && cb.State != q.State {
		return false
	}
	value, ok := cb.Tags[q.TagKey]
	return q.TagKey == "" || ok && value == q.TagValue
}

// placesAfter returns the next n places of the list after the last one, or
// from its beginning. Fewer than n means that there are no more.
func (s *Store) placesAfter(ctx context.Context, last *place, n int) ([]place, error) {
	newest := "+inf"
	if last != nil {
		newest = strconv.FormatInt(last.created, 10)
	}
	// Callbacks of the last one's own millisecond come back once more: fetch
	// enough to get past them.
	for fetch := int64(n) + 8; ; fetch *= 2 {
		sets := make([]*redis.ZSliceCmd, relay.Partitions)
		_, err := s.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i := range sets {
				sets[i] = p.ZRevRangeByScoreWithScores(ctx, createdKey(i),
					&redis.ZRangeBy{Min: "-inf", Max: newest, Count: fetch})
			}
			return nil
		})
		if err != nil {
			return nil, unavailable(err)
		}
		var places []place
		more := false
		for _, set := range sets {
			fresh := 0
			for _, z := range set.Val() {
				id, err := relay.ParseCallbackID(fmt.Sprint(z.Member))
				p := place{created: int64(z.Score), id: id}
				if err == nil && (last == nil || before(p, *last) > 0) {
					places, fresh = append(places, p), fresh+1
				}
			}
			more = more || int64(len(set.Val())) == fetch && fresh < n
		}
		if more {
			continue
		}
		slices.SortFunc(places, before)
		return places[:min(n, len(places))], nil
	}
}
