package store

import (
	"cmp"
	"context"
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
	asideSet    = sortedSet{"aside", asideKey}
	matchesSet  = sortedSet{"matches", matchesKey}
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

// partsOf returns the sets of the partitions, ordered by partition.
func partsOf(partitions []int, sets []sortedSet) []part {
	parts := make([]part, 0, len(partitions)*len(sets))
	for _, partition := range partitions {
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
	return slices.Collect(slices.Chunk(allPartitions, size))
}

// allPartitions are the numbers of all partitions.
var allPartitions = func() []int {
	all := make([]int, relay.Partitions)
	for partition := range all {
		all[partition] = partition
	}
	return all
}()

// readParts runs due.lua or list.lua on sorted sets in one round trip. parts must
// be ordered by partition. Members that are not ids of their partition are
// returned separately. With an error, it still returns what could be read. The
// error is a [*damagedError] if only keys of another type could not be.
func (s *Store) readParts(ctx context.Context, script *script, parts []part, args func(parts []part) []any) ([]member, []stray, error) {
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
	var broken []part
	for i, got := range replies {
		m, strange, unreadable := readMembers(groups[i], got)
		members, strays, broken = append(members, m...), append(strays, strange...), append(broken, unreadable...)
	}
	return members, strays, cmp.Or(err, notSets(broken))
}

// readMembers reads a reply of due.lua or list.lua about some sorted sets.
// broken are the keys that are no sorted sets.
func readMembers(parts []part, got reply) (members []member, strays []stray, broken []part) {
	for i := 0; i+2 < len(got); i += 3 {
		number, err := strconv.Atoi(got[i])
		if err != nil || number < 1 || number > len(parts) {
			continue // no script of ours returns this
		}
		p := parts[number-1]
		if got[i+2] == "" {
			broken = append(broken, p)
			continue
		}
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
	return members, strays, broken
}

// due returns up to limit due members of sorted sets, the oldest first. It sets
// aside members that are not ids. With a [*damagedError] it still returns what
// could be read.
func (s *Store) due(ctx context.Context, sets []sortedSet, limit int) ([]member, error) {
	// Ids spread evenly, so a few members of each set fill the limit. If not,
	// the next call follows immediately and takes the next few.
	each := 1 + limit/relay.Partitions*2
	var aside error
	for round := 0; ; round++ {
		members, strays, err := s.readParts(ctx, dueScript, partsOf(allPartitions, sets), func([]part) []any {
			return []any{each}
		})
		slices.SortFunc(members, compare)
		members = members[:min(limit, len(members))]
		if !onlyDamaged(err) || len(strays) == 0 || round == asideRounds {
			return members, cmp.Or(aside, err)
		}
		if aside = s.setAside(ctx, strays); !onlyDamaged(aside) {
			return members, aside
		}
		each = asideBatch
	}
}
