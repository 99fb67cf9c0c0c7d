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

// sortedSet is one kind of sorted set that each partition has.
type sortedSet struct {
	name string
	key  func(partition int) string
}

var (
	dueSet      = sortedSet{"due", dueKey}
	deadlineSet = sortedSet{"deadline", deadlineKey}
	createdSet  = sortedSet{"created", createdKey}
)

// finalStates are those that callbacks end in, in the order in which scripts
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

// endedKeys are the keys of these sets in one partition.
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

// everywhere returns the sets of all partitions, one partition after the other.
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

// compare orders members by score. Where scores are equal it takes turns among
// the partitions, and within one it is the order of Redis: so the first few
// members are those that are first in their sets, whatever the scores.
func compare(a, b member) int {
	if c := cmp.Compare(a.score, b.score); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(a.id.In(0), b.id.In(0)), cmp.Compare(a.partition, b.partition))
}

func (m member) stray() stray { return stray{m.part, string(m.id), m.score} }

// slots divides the numbers of partitions into groups that one script can be
// given the keys of. In a cluster these are single partitions, since all keys
// of a script must be in one slot; elsewhere there is one group.
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

// readParts runs due.lua or list.lua on sorted sets, which are ordered by
// partition, in one round trip. What is no id of its partition is returned
// apart. With an error the members are those of the calls that worked.
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

// readMembers reads what due.lua and list.lua return of some sorted sets.
func readMembers(parts []part, got reply) (members []member, strays []stray) {
	for i := 0; i+2 < len(got); i += 3 {
		number, err := strconv.Atoi(got[i])
		if err != nil || number < 1 || number > len(parts) {
			continue // no script of ours says so
		}
		p := parts[number-1]
		id, ours := idIn(p.partition, got[i+1])
		score, err := strconv.ParseFloat(got[i+2], 64)
		if err != nil {
			continue // nor that
		}
		if !ours {
			strays = append(strays, stray{p, got[i+1], score})
			continue
		}
		members = append(members, member{p, id, score})
	}
	return members, strays
}

// due returns up to limit members of sorted sets whose time has come, the
// oldest first. What is no id is set aside, and then the error is errAside.
func (s *Store) due(ctx context.Context, sets []sortedSet, limit int) ([]member, error) {
	// Ids spread evenly, so a few of each set fill the limit. Where they do
	// not, the next call, which follows at once, takes the next few.
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
