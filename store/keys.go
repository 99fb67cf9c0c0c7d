package store

import (
	"fmt"

	"callback-relay/relay"
)

// All keys of the keyspace, version 1. docs/keyspace.md describes them. The
// part in braces is the cluster's hash tag: a callback and its queues change
// together, so they live in one slot.

// schemaKey holds the keyspace's marker. Only package migrations writes it.
const schemaKey = "relay:schema"

// schemaMarkers are those that this package can work with.
var schemaMarkers = []string{"1", "1>2", schemaLatest}

// schemaLatest is the marker with which every callback that has ended is in
// the set of its final state. With an earlier one only those are that a replica
// of this release has ended.
const schemaLatest = "2"

// replicasKey is the sorted set of live replicas, scored by their last sign of
// life in milliseconds.
const replicasKey = "relay:v1:replicas"

// callbackKey is the hash of one callback.
func callbackKey(id relay.CallbackID) string {
	return partitionKey(id.Partition(), "cb:"+string(id))
}

// dueKey is the sorted set of answered callbacks, scored by when the next
// attempt may start, in milliseconds. A leased one stays in it, scored by the
// end of its lease.
func dueKey(partition int) string { return partitionKey(partition, "due") }

// deadlineKey is the sorted set of pending callbacks, scored by their deadline
// in milliseconds.
func deadlineKey(partition int) string { return partitionKey(partition, "deadline") }

// createdKey is the sorted set of all callbacks, scored by their creation in
// milliseconds, for listing.
func createdKey(partition int) string { return partitionKey(partition, "created") }

// endedKey is the sorted set of the callbacks in a final state, scored by when
// retention forgets them, in milliseconds.
func endedKey(partition int, final relay.State) string { return partitionKey(partition, string(final)) }

// asideKey is the sorted set of what was found in the others and cannot be
// read: "<set> <member>", with the score that it had there.
func asideKey(partition int) string { return partitionKey(partition, "aside") }

func partitionKey(partition int, rest string) string { return prefixes[partition] + rest }

// prefixes are made once: every command needs some.
var prefixes = func() (made [relay.Partitions]string) {
	for partition := range made {
		made[partition] = fmt.Sprintf("relay:v1:{%02d}:", partition)
	}
	return made
}()
