// Package senders knows who posts webhooks.
//
// Many senders try a URL before they use it: they post a challenge, a ping or a
// confirmation, and some repeat that every few hours. Such a handshake is no
// answer to anything. [Handshake] tells it from one, and says what its sender
// wants to hear.
package senders
