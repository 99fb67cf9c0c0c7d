// Package senders knows the senders of webhooks: how each proves itself, how it tests a
// URL, where its events have their id, and which reply it expects.
//
// A [Spec] names a preset or describes a [Proof]. [New] makes a [Sender] of it, whose
// [Sender.Check] says whether a post is the sender's. Most presets are rows of a table, in
// the form in which somebody describes a proof. A few senders have code of their own.
//
// Many senders test a URL before they use it: they post a challenge, a ping or a
// confirmation, and some repeat that every few hours. Such a handshake is not an answer.
// [Handshake] recognises it at links that take posts of everybody, and [Sender.Handshake]
// at links of one sender. Both return the reply that its sender expects.
package senders
