package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"callback-relay/programs"
)

// TestMain runs the test binary in the roles that scenarios start.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == roleStandIn || os.Args[1] == roleBare) {
		if err := run(context.Background(), os.Args[1:], os.Stdout, os.Stderr); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	if builtIn != "" {
		os.RemoveAll(builtIn)
	}
	os.Exit(code)
}

// builtIn is the directory of the relay's binary, once it was built.
var builtIn string

// relayBinary builds the relay, when it is first asked for.
var relayBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "bench-test")
	if err != nil {
		return "", err
	}
	builtIn = dir
	binary := filepath.Join(dir, "relay")
	if out, err := exec.Command("go", "build", "-o", binary, "../cmd/relay").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return binary, nil
})

// needLinux skips a test that reads processor times.
func needLinux(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		programs.Skip(t, "processor times are read from /proc")
	}
}

// ms returns durations in milliseconds.
func ms(values ...int) []time.Duration {
	durations := make([]time.Duration, len(values))
	for i, v := range values {
		durations[i] = time.Duration(v) * time.Millisecond
	}
	return durations
}

// roundOf returns a result with so many requests a second, and processor times for
// 1,000 requests that are proportional to factor.
func roundOf(second int, factor float64) result {
	used := func(each float64) time.Duration {
		return time.Duration(1000 * each * factor * float64(time.Microsecond))
	}
	return result{
		requests: 1000, took: 1000 * time.Second / time.Duration(second),
		latencies: ms(1, 2, 3, 40), cpu: clocks{used(100), used(20), used(30), used(50)},
		statuses:   map[string]int{"delivered": 998, "accepted": 2},
		peakMemory: 32 << 20, pendingBytes: 1_500, commands: 4,
	}
}

// measured returns a report of all scenarios: the relay has a quarter less throughput,
// and uses a quarter more processor time.
func measured() report {
	r := report{
		plan: plan{rounds: 1, scale: 1}, machine: "A machine.",
		names: [2]string{bareName, relayName}, marks: benchMarks,
	}
	for _, s := range scenarios() {
		c := compared{scenario: s, relay: []result{roundOf(3000, 1.25)}}
		if !s.alone {
			c.reference = []result{roundOf(4000, 1)}
		}
		if s.name == idleName {
			c.relay[0].requests = 0
		}
		r.compared = append(r.compared, c)
	}
	return r
}
