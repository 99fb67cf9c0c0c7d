// Package senders knows the senders of webhooks.
//
// Many senders test a URL before they use it: they post a challenge, a ping or a
// confirmation, and some repeat that every few hours. Such a handshake is not an
// answer. [Handshake] recognises it, and returns the reply that its sender expects.
package senders
