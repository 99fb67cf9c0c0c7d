// Command relay is the callback relay: `relay serve` runs it, `relay dev` runs
// it with everything around it in one process, and the other commands help
// operators and users. `relay --help` lists them.
//
// This package is wiring. node.go, read from top to bottom, shows the parts of a
// running relay.
package main
