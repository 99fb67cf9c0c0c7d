// Package store keeps callbacks and due deliveries in Redis (7.0 or later, or
// Valkey; standalone, Sentinel or Cluster).
//
// # One change, one script
//
// Each change of a callback is one Lua script under scripts/, and each script
// has one caller here. A script is mechanism only: the states it compares and
// writes come as arguments, from the table in package relay. It judges time by
// Redis' own clock, so replicas with wrong clocks agree on every deadline. Its
// checks come first and its writes last, because Redis does not undo a script
// that fails half way; and it can be repeated, because the client repeats a
// command whose answer was lost on the way.
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
