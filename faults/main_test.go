package faults

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

var (
	seedFlag   = flag.Uint64("seed", 1, "what chance is made of; printed with every result")
	forFlag    = flag.Duration("for", 0, "keep TestFaults going for so long, with a new seed each round")
	roundFlag  = flag.Duration("round", 30*time.Second, "how long TestFaults injects faults in one round")
	settleFlag = flag.Duration("settle", 90*time.Second, "how long all may take to be settled after the faults")
	breaksFlag = flag.Bool("breaks", false, "break the relay on purpose, and check that the tests notice")
	binaryFlag = flag.String("binary", "", "the relay to test; by default it is built")
)

// relayBinary is the program that all tests run.
var relayBinary string

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		fmt.Println("the fault suite starts programs, and is left out with -short")
		return
	}
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		// The tests mostly wait, so more of them run than there are processors.
		_ = flag.Set("test.parallel", "6") // it is a flag of every test
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if relayBinary = *binaryFlag; relayBinary == "" {
		dir, err := os.MkdirTemp("", "faults")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		relayBinary = filepath.Join(dir, "relay")
		if err := build(relayBinary); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

// build makes the release binary, as `make build` does; with further flags for
// the Go command.
func build(binary string, flags ...string) error { return buildIn("..", binary, flags...) }

// buildIn builds the source in a folder.
func buildIn(dir, binary string, flags ...string) error {
	cmd := exec.Command("go", append([]string{"build"}, flags...)...)
	cmd.Args = append(cmd.Args, "-trimpath", "-tags", "release,nethttpomithttp2", "-ldflags", "-s -w", "-o", binary, "./cmd/relay")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the relay: %w\n%s", err, out)
	}
	return nil
}

// How long to wait for a condition, and how often to check it.
const (
	patience  = 30 * time.Second
	pollEvery = 10 * time.Millisecond
)

// eventually polls a condition until it holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	within(t, patience, what, holds)
}

func within(t testing.TB, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(limit)
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain until %s", what)
		case <-time.After(pollEvery):
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
