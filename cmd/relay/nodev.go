//go:build release

package main

// devCommands is empty in a release build: it has no stand-ins.
type devCommands struct{}

// devSendersCommands is empty too: the samples that senders are described with are not
// in a release build.
type devSendersCommands struct{}
