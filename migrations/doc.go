// Package migrations changes the layout of the relay's keys in Redis, one
// numbered step after the other.
//
// The key relay:schema holds the number of the last step taken, as a plain
// string; without it nothing has been set up. [Up] takes the steps that are
// missing and [Status] tells which these are. The number only ever rises.
//
// Two processes may run [Up] at once, and either may die half way: a step is
// written so that taking it again, or twice at the same time, does no harm,
// and its number is noted after it. A number higher than this program knows
// means that a newer relay has been here; that is [ErrNewer], and nothing is
// touched.
package migrations
