// Package migrations changes the layout of the relay's keys in Redis, one
// numbered step after the other, while relays serve.
//
// The key relay:schema is the marker. "1" says that the keyspace has version 1.
// "1>2" says that some callbacks still have the form of version 1 and some have
// that of version 2. Without a marker, nothing has been set up. A relay serves
// only with a marker that it knows, so the marker is also the gate: a release
// that cannot read the results of migration 2 stops serving, with 503, before
// anything is changed.
//
//	 plan ── how many callbacks it will change
//	  │
//	 wait ── nothing is begun while a replica is alive that does not know "2"
//	  │
//	 gate ── the marker changes from "1" to "1>2"; replicas get time to notice
//	  │
//	apply ── every callback is rewritten by its own script call, a page at a
//	  │      time; a cursor is stored in Redis after each page
//	  │
//	verify ─ every callback is looked at again; what was written behind our
//	  │      back in the old form is rewritten
//	  │
//	 open ── the marker changes to "2"
//	  │
//	clean up ─ what only the old form needed is removed
//
// A run may end at any point, even by kill -9, and the next run continues where
// it ended. One run works at a time: it holds a lock that expires unless it is
// renewed. The marker and the cursor are changed only by a script that checks
// the lock, so a run that has lost the lock without noticing changes neither. It
// may still rewrite the rest of a page. That is harmless: rewriting a callback
// twice, or by two runs at once, has the same result as rewriting it once.
//
// A marker higher than this program knows means that a newer relay has used
// this Redis. The error is then [ErrNewer], and nothing is changed.
//
// Decisions 20 and 25, in docs/decisions, say which releases may serve during
// which step.
package migrations
