package faults

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// replica is one relay in its own process. Only one goroutine at a time may control
// it; any may read its addresses.
type replica struct {
	testing.TB
	binary string // of the next start, and so is env
	env    []string
	at     atomic.Pointer[addresses] // of the last start
	log    *logBuffer                // of all starts
	cmd    *exec.Cmd
	gone   chan struct{} // closed when the process has ended
	ended  error         // how, once gone is closed
}

// addresses are where the two listeners of a process are, as host:port.
type addresses struct{ public, private string }

var servingLine = regexp.MustCompile(`"msg":"serving","public":"([^"]+)","private":"([^"]+)"`)

// newReplica starts `relay serve` with the environment, until the test ends.
func newReplica(t testing.TB, binary string, env []string) *replica {
	t.Helper()
	r := &replica{TB: t, binary: binary, env: env, log: &logBuffer{}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the last a replica logged, requests aside:\n%s", r.log.tail(20))
		}
	})
	r.start()
	t.Cleanup(r.kill)
	return r
}

// start runs the process again and waits until it serves. Its ports are new.
func (r *replica) start() {
	r.Helper()
	from := r.log.len()
	r.cmd = exec.Command(r.binary, "serve")
	r.cmd.Env = r.env
	r.cmd.Stdout, r.cmd.Stderr = r.log, r.log
	must(r, r.cmd.Start())
	r.gone = make(chan struct{})
	cmd, gone := r.cmd, r.gone
	go func() {
		defer close(gone)
		r.ended = cmd.Wait()
	}()
	eventually(r, "the replica serves", func() bool {
		select {
		case <-gone:
			r.Fatalf("the replica ended: %v\n%s", r.ended, r.log.after(from))
		default:
		}
		found := servingLine.FindStringSubmatch(r.log.after(from))
		if found != nil {
			r.at.Store(&addresses{found[1], found[2]})
		}
		return found != nil
	})
}

// kill ends the process with kill -9, even while it is paused. Killing it twice is
// harmless.
func (r *replica) kill() {
	_ = r.cmd.Process.Kill() // it may be gone already
	<-r.gone
}

// grace is how long orchestrators usually wait after SIGTERM.
const grace = 30 * time.Second

// terminate sends SIGTERM and returns how the process ended; nil is exit 0.
func (r *replica) terminate() error {
	r.signal(syscall.SIGTERM)
	return r.awaitEnd()
}

// awaitEnd waits as long as an orchestrator would.
func (r *replica) awaitEnd() error {
	select {
	case <-r.gone:
		return r.ended
	case <-time.After(grace):
		r.kill()
		return fmt.Errorf("not gone %s after SIGTERM", grace)
	}
}

// roll replaces the process as a rolling restart does: SIGTERM, and then a new
// process with a given binary and further settings.
func (r *replica) roll(binary string, settings ...string) {
	r.Helper()
	if err := r.terminate(); err != nil {
		r.Errorf("SIGTERM: %v", err)
	}
	r.binary, r.env = binary, append(r.env, settings...)
	r.start()
}

// pause stops the process where it is, and resume continues it.
func (r *replica) pause()  { r.signal(syscall.SIGSTOP) }
func (r *replica) resume() { r.signal(syscall.SIGCONT) }

func (r *replica) signal(s os.Signal) {
	r.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.Errorf("%s to a replica: %v", s, err)
	}
}

// memory returns the current and the peak resident memory of the process, in bytes.
func (r *replica) memory() (now, peak int64) {
	r.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid))
	must(r, err)
	return statusBytes(string(status), "VmRSS:"), statusBytes(string(status), "VmHWM:")
}

// statusBytes reads a line such as "VmRSS:	  1234 kB".
func statusBytes(status, name string) int64 {
	for line := range strings.Lines(status) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == name {
			kilobytes, _ := strconv.ParseInt(fields[1], 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Len()
}

// after returns the log after its first n bytes.
func (b *logBuffer) after(n int) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.text.Bytes()[n:])
}

// about returns the lines that have a text, but not those of requests.
func (b *logBuffer) about(text string) (lines []string) {
	for line := range strings.Lines(b.after(0)) {
		if text != "" && strings.Contains(line, text) && !strings.Contains(line, `"msg":"request"`) {
			lines = append(lines, line)
		}
	}
	return lines
}

// tail returns the last n lines that are not about requests.
func (b *logBuffer) tail(n int) string {
	var lines []string
	for line := range strings.Lines(b.after(0)) {
		if !strings.Contains(line, `"msg":"request"`) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-n):], "")
}
