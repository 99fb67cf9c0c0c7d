// Command relay is the callback relay: `relay serve` runs it, `relay dev` runs
// it with everything around it in one process, and the other commands help
// those who operate or use it. `relay --help` lists them.
//
// This package is wiring. node.go, read from top to bottom, is the diagram of
// what a running relay is made of.
package main
