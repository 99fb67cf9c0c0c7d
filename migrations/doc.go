// Package migrations changes the layout of the relay's keys in Redis, one
// numbered step after the other, while relays serve.
//
// The key relay:schema is the marker: "1" says that the keyspace has version 1,
// and "1>2" that some callbacks are still as version 1 has them and some are
// as version 2 has them. Without it nothing has been set up. A relay serves
// only with a marker that it knows, so the marker is also the gate: a release
// that could not read what migration 2 makes stops serving, with 503, before
// anything is changed.
//
//	 plan ── how many callbacks it will change
//	  │
//	 wait ── nothing is begun while a replica is alive that does not know "2"
//	  │
//	 gate ── the marker goes from "1" to "1>2"; replicas get time to notice
//	  │
//	apply ── every callback is rewritten by a script of its own, a page at a
//	  │      time; a cursor is kept in Redis after each page
//	  │
//	verify ─ every callback is looked at again; what was written behind our
//	  │      back in the old form is rewritten
//	  │
//	 open ── the marker goes to "2"
//	  │
//	clean up ─ what only the old form needed is removed
//
// A run may end at any point, also by kill -9, and the next one goes on where
// it ended. One run works at a time: it holds a lock that ends by itself when
// its holder does not renew it. The marker and the cursor change only by a
// script that finds the lock still held, so a run that lost it, and does not
// know yet, moves neither. It may still rewrite the rest of a page, which does
// no harm: rewriting a callback twice, or from two sides, changes it once.
//
// A marker higher than this program knows means that a newer relay has been
// here; that is [ErrNewer], and nothing is touched.
//
// Decisions 20 and 25, in docs/decisions, say which releases may serve during
// which step.
package migrations
