package programs

import (
	"os"
	"os/exec"
	"testing"
)

// Available tells whether a test may run the named program from the path. If it may
// not, the log says so, and what is left out: for example "not tested on Valkey".
func Available(t testing.TB, program, without string) bool {
	t.Helper()
	if testing.Short() {
		t.Logf("%s is not started with -short: %s", program, without)
		return false
	}
	if _, err := exec.LookPath(program); err == nil {
		return true
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is not installed, and CI requires it", program)
	}
	t.Logf("%s is not installed: %s (make setup installs it)", program, without)
	return false
}

// Need skips the test unless it may run the program.
func Need(t testing.TB, program string) {
	t.Helper()
	if !Available(t, program, "skipped") {
		t.SkipNow()
	}
}

// Skip skips a test that lacks something other than a program, such as the network. In
// CI the test fails.
func Skip(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
