package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain puts a relay command into the PATH. It is this test binary under another
// name, which scripts and tests run as a separate process.
func TestMain(m *testing.M) {
	if err := os.Setenv("OTEL_BSP_SCHEDULE_DELAY", "50"); err != nil { // ms, from a span to its export
		panic(err)
	}
	testscript.Main(m, map[string]func(){"relay": main})
}
