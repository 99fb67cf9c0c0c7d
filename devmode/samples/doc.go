// Package samples has requests as the senders of webhooks post them: for each preset of
// package senders, a registration and some events. Each event says what the relay answers
// and what becomes of the task. They are made up, but have the shape of real ones.
//
// `relay dev post` signs and posts them, docs/senders.md shows them, and a test runs each
// through a relay. A release build does not have them.
package samples
