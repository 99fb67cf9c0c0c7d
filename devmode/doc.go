// Package devmode is everything the relay needs around it, inside one process:
// a Redis and a Step Functions, on loopback and in memory. The relay talks to
// both over the network, with its real clients, so nothing in it is special to
// development. It is not part of a release build.
package devmode
