package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain puts a relay command into the PATH, which is this test binary under
// another name: scripts and tests run it as a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"relay": main})
}
