package store

import (
	"fmt"
	"strings"

	"callback-relay/relay"
)

// This file has all keys. docs/keyspace.md describes them. The part in braces is
// the cluster's hash tag: a callback and its queues change together, so they must
// be in one slot.

// schemaKey holds the keyspace's marker. Only package migrations writes it.
const schemaKey = "relay:schema"

// schemaMarkers are the values of the marker that this package can work with.
var schemaMarkers = []string{"1", "1>2", schemaLatest}

// schemaLatest is the latest value of the marker. It says that every callback that
// has ended is in the set of its final state. With an earlier value, only those
// are that a replica of this release has ended.
const schemaLatest = "2"

// replicasKey is the sorted set of live replicas, scored by their last sign of
// life in milliseconds.
const replicasKey = "relay:v1:replicas"

// awaitedKey is the sorted set of the senders whose events callbacks may await, scored by
// until when, in milliseconds.
const awaitedKey = "relay:v1:awaited"

// callbackKey is the hash of one callback.
func callbackKey(id relay.CallbackID) string {
	return partitionKey(id.Partition(), "cb:"+string(id))
}

// dueKey is the sorted set of answered callbacks, scored by when the next attempt
// may start, in milliseconds. For a leased callback, that is the end of its lease.
func dueKey(partition int) string { return partitionKey(partition, "due") }

// deadlineKey is the sorted set of pending callbacks, scored by their deadline
// in milliseconds.
func deadlineKey(partition int) string { return partitionKey(partition, "deadline") }

// createdKey is the sorted set of all callbacks, scored by their creation in
// milliseconds, for listing.
func createdKey(partition int) string { return partitionKey(partition, "created") }

// endedKey is the sorted set of the callbacks in a final state, scored by when
// their retention ends, in milliseconds.
func endedKey(partition int, final relay.State) string { return partitionKey(partition, string(final)) }

// asideKey is the sorted set of members that were found in the other sets and
// cannot be read, written as "<set> <member>" with the score that they had there.
func asideKey(partition int) string { return partitionKey(partition, "aside") }

// awaitKey is the sorted set of those who wait for a digest, scored by until when.
func awaitKey(digest relay.AwaitDigest) string {
	return partitionKey(digest.Partition(), "await:"+string(digest))
}

// eventsKey is the hash of the events of a digest.
func eventsKey(digest relay.AwaitDigest) string {
	return partitionKey(digest.Partition(), "events:"+string(digest))
}

// seenKey is the sorted set of the events that a digest has had, scored by until when
// they are remembered.
func seenKey(digest relay.AwaitDigest) string {
	return partitionKey(digest.Partition(), "seen:"+string(digest))
}

// matchesKey is the sorted set of digests with events that were not served yet, scored by
// when somebody must look at them.
func matchesKey(partition int) string { return partitionKey(partition, "matches") }

// freeKey is the sorted set of the free events of a sender, each a digest and a name,
// scored by their end.
func freeKey(partition int, sender string) string { return partitionKey(partition, "free:"+sender) }

func partitionKey(partition int, rest string) string { return prefixes[partition] + rest }

// hashTag returns the part of a key that decides its slot in a cluster.
func hashTag(key string) string {
	if _, rest, found := strings.Cut(key, "{"); found {
		if tag, _, closed := strings.Cut(rest, "}"); closed {
			return tag
		}
	}
	return key
}

// prefixes are made once, because every command needs one.
var prefixes = func() (made [relay.Partitions]string) {
	for partition := range made {
		made[partition] = fmt.Sprintf("relay:v1:{%02d}:", partition)
	}
	return made
}()
