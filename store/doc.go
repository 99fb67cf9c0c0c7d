// Package store keeps callbacks and due deliveries in Redis (7.0 or later, or
// Valkey; standalone, Sentinel or Cluster).
//
// # One change, one script
//
// Each change of a callback is one Lua script under scripts/, and each script
// has one caller here. The states that a script compares and writes come as
// arguments, from the table in package relay. It reads the clock of Redis, so
// replicas with wrong clocks agree on every deadline. Its checks come first and
// its writes last, because Redis does not undo a script that fails half way. It
// can be repeated, because the client repeats a command whose reply was lost.
//
// A script checks what must not change between the check and the write; the
// package comment of relay lists these rules. When a check fails, the script
// writes nothing and reports the facts that it found. [relay.Facts] makes the
// error of them: nothing here says what a fact means to a caller.
//
// A reply is names and values in turn, the first of them the verdict. A field of
// the callback has its own name in a reply, and is left out when it is absent.
// prelude.lua has what the scripts share.
//
// # Memory
//
// A full Redis (maxmemory with noeviction) refuses a script at the first write
// that takes memory. Scripts that bring new data let that happen before they
// have changed anything. Scripts that finish what was stored begin with a
// write that needs no memory (HDEL, ZREM or PERSIST), after which Redis lets
// them run to the end: a full Redis still drains.
//
// # Secrets
//
// Task tokens and payloads are sealed here, where no caller can forget to, and
// a link's secret is not stored at all.
package store
