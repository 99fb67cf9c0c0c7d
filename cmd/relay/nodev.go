//go:build release

package main

// devCommands is empty in a release build: it has no stand-ins.
type devCommands struct{}
