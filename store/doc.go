// Package store keeps callbacks and due deliveries in Redis (7.0 or later, or
// Valkey; standalone, Sentinel or Cluster).
//
// # One change, one script
//
// Each change of a callback is one Lua script under scripts/, and each script
// has one caller here. A script gets the states that it compares and writes as
// arguments, from the table in package relay. It reads the clock of Redis, so
// replicas with wrong clocks agree on every deadline. Its checks come first and
// its writes last, because Redis does not undo a script that fails half way. It
// can safely run twice, because the client repeats a command whose reply was
// lost.
//
// A script checks what must not change between the check and the write; the
// package comment of relay lists these rules. When a check fails, the script
// writes nothing and reports the facts that it found. [relay.Facts] turns them
// into an error; this package does not interpret them.
//
// A reply alternates names and values, and begins with the verdict. A field of
// the callback has its own name in a reply, and is left out when it is absent.
// prelude.lua has the functions that all scripts share, refusal.lua those of scripts
// that can refuse.
//
// # Memory
//
// A full Redis (maxmemory with noeviction) refuses a script at the first write
// that takes memory. A script that brings new data makes such a write first, so
// that it is refused before it has changed anything. A script that finishes
// stored work begins with a write that needs no memory (HDEL, ZREM or PERSIST),
// after which Redis lets it run to the end. So a full Redis still drains.
//
// # Secrets
//
// Task tokens and payloads are sealed in this package, so that no caller can
// forget to seal them. A link's secret is not stored at all.
package store
