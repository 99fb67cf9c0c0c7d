package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
)

// sortedSet is a kind of sorted set. Each partition has one of each kind.
type sortedSet struct {
	name string
	key  func(partition int) string
}

var (
	dueSet      = sortedSet{"due", dueKey}
	deadlineSet = sortedSet{"deadline", deadlineKey}
	createdSet  = sortedSet{"created", createdKey}
)

// finalStates are the states in which callbacks end, in the order in which scripts
// get the keys of their sets.
var finalStates = slices.DeleteFunc(slices.Clone(relay.States), func(s relay.State) bool { return !s.Final() })

// endedSet is the set of the callbacks in a final state.
func endedSet(final relay.State) sortedSet {
	return sortedSet{string(final), func(partition int) string { return endedKey(partition, final) }}
}

// endedSets are the sets of all final states.
var endedSets = func() (sets []sortedSet) {
	for _, state := range finalStates {
		sets = append(sets, endedSet(state))
	}
	return sets
}()

// endedKeys returns the keys of these sets in one partition.
func endedKeys(partition int) []string {
	keys := make([]string, len(finalStates))
	for i, state := range finalStates {
		keys[i] = endedKey(partition, state)
	}
	return keys
}

// part is a sorted set of one partition.
type part struct {
	sortedSet
	partition int
}

func (p part) key() string { return p.sortedSet.key(p.partition) }

// everywhere returns the sets in all partitions, ordered by partition.
func everywhere(sets ...sortedSet) []part {
	parts := make([]part, 0, relay.Partitions*len(sets))
	for partition := range relay.Partitions {
		for _, set := range sets {
			parts = append(parts, part{set, partition})
		}
	}
	return parts
}

// member is one element of a partition's sorted set.
type member struct {
	part
	id    relay.CallbackID
	score float64
}

// compare orders members by score. Members with equal scores take turns among the
// partitions, and keep the order of Redis within a partition. So the first
// members of this order are also the first in their sets.
func compare(a, b member) int {
	if c := cmp.Compare(a.score, b.score); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(a.id.In(0), b.id.In(0)), cmp.Compare(a.partition, b.partition))
}

func (m member) stray() stray { return stray{m.part, string(m.id), m.score} }

// slots divides the partitions into groups that one script call can handle. In a
// cluster each group is a single partition, since all keys of a script must be in
// one slot; otherwise there is only one group.
func (s *Store) slots() [][]int {
	size := relay.Partitions
	if _, cluster := s.redis.(*redis.ClusterClient); cluster {
		size = 1
	}
	all := make([]int, relay.Partitions)
	for partition := range all {
		all[partition] = partition
	}
	return slices.Collect(slices.Chunk(all, size))
}

// readParts runs due.lua or list.lua on sorted sets in one round trip. parts must
// be ordered by partition. Members that are not ids of their partition are
// returned separately. With an error, it still returns what the successful calls
// read.
func (s *Store) readParts(ctx context.Context, script *redis.Script, parts []part, args func(parts []part) []any) ([]member, []stray, error) {
	var groups [][]part
	rest := parts
	for _, partitions := range s.slots() {
		n, _ := slices.BinarySearchFunc(rest, partitions[len(partitions)-1]+1, func(p part, partition int) int {
			return cmp.Compare(p.partition, partition)
		})
		if n > 0 {
			groups, rest = append(groups, rest[:n]), rest[n:]
		}
	}
	calls := make([]call, len(groups))
	for i, group := range groups {
		keys := make([]string, len(group))
		for j, p := range group {
			keys[j] = p.key()
		}
		calls[i] = call{keys, args(group)}
	}
	replies, err := s.runAll(ctx, script, calls)
	var members []member
	var strays []stray
	for i, got := range replies {
		m, strange := readMembers(groups[i], got)
		members, strays = append(members, m...), append(strays, strange...)
	}
	return members, strays, err
}

// readMembers reads a reply of due.lua or list.lua about some sorted sets.
func readMembers(parts []part, got reply) (members []member, strays []stray) {
	for i := 0; i+2 < len(got); i += 3 {
		number, err := strconv.Atoi(got[i])
		if err != nil || number < 1 || number > len(parts) {
			continue // no script of ours returns this
		}
		p := parts[number-1]
		id, ours := idIn(p.partition, got[i+1])
		score, err := strconv.ParseFloat(got[i+2], 64)
		if err != nil {
			continue // nor this
		}
		if !ours {
			strays = append(strays, stray{p, got[i+1], score})
			continue
		}
		members = append(members, member{p, id, score})
	}
	return members, strays
}

// due returns up to limit due members of sorted sets, the oldest first. It sets
// aside members that are not ids, and then returns errAside.
func (s *Store) due(ctx context.Context, sets []sortedSet, limit int) ([]member, error) {
	// Ids spread evenly, so a few members of each set fill the limit. If not,
	// the next call follows immediately and takes the next few.
	each := 1 + limit/relay.Partitions*2
	var aside error
	for round := 0; ; round++ {
		members, strays, err := s.readParts(ctx, dueScript, everywhere(sets...), func([]part) []any {
			return []any{each}
		})
		slices.SortFunc(members, compare)
		members = members[:min(limit, len(members))]
		if err != nil || len(strays) == 0 || round == asideRounds {
			return members, cmp.Or(err, aside)
		}
		if aside = s.setAside(ctx, strays); aside != nil && !errors.Is(aside, errAside) {
			return members, aside
		}
		each = asideBatch
	}
}
