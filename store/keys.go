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

// schemaMarkers are those that this package can work with. A release that
// brings migration 2 closer knows "1>2" and "2" too; see package migrations.
var schemaMarkers = []string{"1"}

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

// asideKey is the sorted set of what was found in the three above and cannot be
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
