package store

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"callback-relay/relay"
)

// maxExamined bounds how many callbacks are read for one page of a list, so that
// a search for a rare tag cannot hold up Redis. The page is then shorter than
// asked for, and has a cursor to continue from.
const maxExamined = 1000

// searchStep is how many callbacks are read at once when most of them may not
// match.
const searchStep = 250

// order is the order of a list: by the scores of one kind of sorted set, and by
// ids where scores are equal.
type order struct {
	sortedSet
	up bool // the lowest score first
}

// The orders of lists that are not of a final state. Waiting callbacks are listed
// by what happens to them next, the earliest first. A callback that moves while a
// list is read can be missed: a pending one that gets an earlier deadline, and an
// answered one whose attempt ends, because it then moves from the end of its lease
// to its next attempt.
var (
	byCreation    = order{createdSet, false}
	byDeadline    = order{deadlineSet, true}
	byNextAttempt = order{dueSet, true}
)

// ordersOf returns the orders in which callbacks in a state can be listed. In a
// final state, the callback whose retention ends last comes first. Unless the
// retention was changed, that is the one that ended last. Before the migration, the
// set of a final state is incomplete, so its callbacks are searched for among all
// callbacks.
func ordersOf(state relay.State) []order {
	switch {
	case state == relay.StatePending:
		return []order{byDeadline}
	case state == relay.StateAnswered:
		return []order{byNextAttempt}
	case state.Final():
		return []order{{endedSet(state), false}, byCreation}
	}
	return []order{byCreation}
}

// orderOf returns the order in which a list of a state begins.
func (s *Store) orderOf(state relay.State) order {
	orders := ordersOf(state)
	if s.migrated() {
		return orders[0]
	}
	return orders[len(orders)-1]
}

// compare compares members by this order.
func (o order) compare(a, b member) int {
	if o.up {
		return compare(a, b)
	}
	return compare(b, a)
}

// cursor returns the text form of a place in a list, from which the list can
// continue: the last member that was examined.
func (o order) cursor(last member) string { return o.name + "-" + score(last) + "-" + string(last.id) }

// score returns the score of a member in the form that Redis reads.
func score(m member) string { return strconv.FormatFloat(m.score, 'f', -1, 64) }

// errCursor is returned for a cursor that no list of the state has returned.
var errCursor = &relay.InvalidFieldError{
	Field: "cursor", Problem: "is not a cursor that this list returned; use it only with the same state",
}

// parseCursor reads a cursor of a list by state, and the order of that list. A list
// ends in the order in which it began, even if it began before the migration, or on
// a replica that noticed the end of the migration earlier than this one.
func parseCursor(text string, state relay.State) (order, member, error) {
	parts := strings.Split(text, "-")
	orders := ordersOf(state)
	i := slices.IndexFunc(orders, func(o order) bool { return o.name == parts[0] })
	if len(parts) != 3 || i < 0 {
		return order{}, member{}, errCursor
	}
	o := orders[i]
	score, err := strconv.ParseFloat(parts[1], 64)
	id, idErr := relay.ParseCallbackID(parts[2])
	if err != nil || idErr != nil || math.IsNaN(score) || math.IsInf(score, 0) {
		return order{}, member{}, errCursor
	}
	return o, member{part{o.sortedSet, id.Partition()}, id, score}, nil
}

// List implements [relay.Store].
func (s *Store) List(ctx context.Context, q relay.Query) (relay.Page, error) {
	if err := s.usable(ctx); err != nil { // this also reads the version that migrated looks at
		return relay.Page{}, fmt.Errorf("list: %w", err)
	}
	o, last := s.orderOf(q.State), (*member)(nil)
	if q.Cursor != "" {
		from, place, err := parseCursor(q.Cursor, q.State)
		if err != nil {
			return relay.Page{}, err
		}
		o, last = from, &place
	}
	searching := q.TagKey != "" || q.Declined || q.State != "" && o.name == createdSet.name
	page := relay.Page{Callbacks: []relay.Callback{}}
	for page.Examined < maxExamined && len(page.Callbacks) < q.Limit {
		step := q.Limit - len(page.Callbacks)
		if searching {
			step = min(max(step, searchStep), maxExamined-page.Examined)
		}
		members, err := s.next(ctx, o, last, step)
		if err != nil {
			return relay.Page{}, fmt.Errorf("list: %w", err)
		}
		examined, err := s.addMatches(ctx, &page, members, q)
		if err != nil {
			return relay.Page{}, fmt.Errorf("list: %w", err)
		}
		if examined > 0 {
			last = &members[examined-1]
			page.Examined += examined
			page.ExaminedTo = s.reached(o, *last)
		}
		if len(members) < step && examined == len(members) {
			return page, nil // the end of the list
		}
	}
	page.Next = o.cursor(*last)
	return page, nil
}

// reached returns a time of the last callback that was examined: what it is ordered
// by or, in a final state, when it ended.
func (s *Store) reached(o order, last member) time.Time {
	at := time.UnixMilli(int64(last.score)).UTC()
	if relay.State(o.name).Final() {
		return at.Add(-s.retention)
	}
	return at
}

// addMatches reads callbacks and adds those that match the query to a page, up to
// the query's limit. It returns how many callbacks it has examined.
func (s *Store) addMatches(ctx context.Context, page *relay.Page, members []member, q relay.Query) (examined int, err error) {
	ids := make([]relay.CallbackID, len(members))
	for i, m := range members {
		ids[i] = m.id
	}
	views, err := s.readAll(ctx, ids)
	if err != nil {
		return 0, err
	}
	for _, v := range views {
		examined++
		if v.readable() && q.Matches(v.Callback) {
			page.Callbacks = append(page.Callbacks, v.Callback)
		}
		if len(page.Callbacks) == q.Limit {
			break
		}
	}
	return examined, nil
}

// next returns the n members that follow last, or the first n if last is nil.
// If it returns fewer than n, there are no more.
//
// Ids spread evenly over the partitions, so each partition is first asked for an
// equal share of the n. Then only those partitions are asked again that may have
// members before the n-th of those read so far, each for twice an equal share.
// If the sets are about equally large, the second round trip is the last one, and it
// reads little, because it stops at the n-th. Otherwise each round trip at least
// doubles how far the remaining partitions were read, and reads little more than 2n
// members.
func (s *Store) next(ctx context.Context, o order, last *member, n int) ([]member, error) {
	var found []member
	ask := make([]listed, 0, relay.Partitions)
	for _, p := range partsOf(allPartitions, []sortedSet{o.sortedSet}) {
		ask = append(ask, listed{part: p, last: last, more: true})
	}
	each := n/relay.Partitions + 1
	var stop *member
	for len(ask) > 0 {
		read, err := s.listParts(ctx, o, ask, each, stop)
		if err != nil {
			return nil, err
		}
		found = append(found, read...)
		slices.SortFunc(found, o.compare)
		if found = found[:min(n, len(found))]; len(found) == n {
			stop = &found[n-1]
		}
		ask = slices.DeleteFunc(ask, func(l listed) bool {
			return !l.more || stop != nil && o.compare(*l.last, *stop) >= 0
		})
		each = 2*n/max(1, len(ask)) + 1
	}
	return found, nil
}

// listed says how far a set has been listed.
type listed struct {
	part
	last *member // nil at the beginning
	more bool    // there may be further members
}

// bounds are the arguments of list.lua for this set: the member after which to
// begin, and the last one that may be listed if there is a stop.
func (l listed) bounds(stop *member) []any {
	args := []any{"", "", ""}
	if l.last != nil {
		args[0], args[1] = score(*l.last), string(l.last.id)
		if l.last.partition != l.partition {
			args[1] = string(l.last.id.In(l.partition))
		}
	}
	if stop != nil {
		args[2] = string(stop.id.In(l.partition))
	}
	return args
}

// listParts reads further members of sorted sets, up to each of every set and
// none after stop. It updates from with how far they have been listed. Members
// that are not ids are set aside.
func (s *Store) listParts(ctx context.Context, o order, from []listed, each int, stop *member) ([]member, error) {
	direction := "down"
	if o.up {
		direction = "up"
	}
	at := make(map[int]*listed, len(from))
	parts := make([]part, len(from))
	for i := range from {
		parts[i], at[from[i].partition] = from[i].part, &from[i]
	}
	members, strays, err := s.readParts(ctx, listScript, parts, func(group []part) []any {
		args := []any{direction, each, ""}
		if stop != nil {
			args[2] = score(*stop)
		}
		for _, p := range group {
			args = append(args, at[p.partition].bounds(stop)...)
		}
		return args
	})
	if err != nil {
		if onlyDamaged(err) { // a list without a partition would look complete
			err = unavailable(err)
		}
		return nil, err
	}
	_ = s.setAside(ctx, strays) // if this fails they stay, and the list skips them anyway
	read := map[int]int{}
	note := func(m member) {
		read[m.partition]++
		if l := at[m.partition]; l.last == nil || o.compare(m, *l.last) > 0 {
			l.last = &m
		}
	}
	for _, m := range members {
		note(m)
	}
	for _, m := range strays {
		note(member{m.part, relay.CallbackID(m.member), m.score})
	}
	for i := range from {
		from[i].more = read[from[i].partition] == each
	}
	return members, nil
}
