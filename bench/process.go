package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a started process.
type process struct {
	cmd  *exec.Cmd
	gone chan struct{} // closed when it has ended
}

// start runs a program with exactly this environment until stop is called or ctx
// ends.
func start(ctx context.Context, env []string, stdout, stderr io.Writer, program string, args ...string) (*process, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = env
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	p := &process{cmd: cmd, gone: make(chan struct{})}
	go func() {
		defer close(p.gone)
		_ = cmd.Wait() // it is ended by a signal
	}()
	return p, nil
}

// startRole runs this program in another role. The role's first line of output
// is the URL at which it serves.
func startRole(ctx context.Context, role string, env ...string) (p *process, url string, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, "", err
	}
	defer read.Close()
	p, err = start(ctx, env, write, os.Stderr, self, role)
	write.Close() // the process has its own
	if err != nil {
		return nil, "", err
	}
	line, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		p.stop()
		return nil, "", fmt.Errorf("%s did not start", role)
	}
	return p, strings.TrimSpace(line), nil
}

// stop ends the process and waits for it.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may be gone already
	select {
	case <-p.gone:
	case <-time.After(5 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.gone
	}
}

// until polls for a condition that the process does not announce.
func (p *process) until(ctx context.Context, what string, holds func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for !holds() {
		select {
		case <-p.gone:
			return fmt.Errorf("%s ended before it was %s", p.cmd.Path, what)
		case <-ctx.Done():
			return fmt.Errorf("%s was never %s", p.cmd.Path, what)
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

// cpu returns the processor time that the process has used so far.
func (p *process) cpu() (time.Duration, error) { return cpuOf(p.pid()) }

// cpuOf is cpu for a process id, or "self". It adds up the time of all threads,
// which is exact, whereas /proc/<pid>/stat counts in hundredths of a second. The
// time of threads that have ended is missing; the processes that are measured here
// keep theirs.
func cpuOf(pid string) (sum time.Duration, err error) {
	threads, err := filepath.Glob("/proc/" + pid + "/task/*/schedstat")
	if err == nil && len(threads) == 0 {
		err = fmt.Errorf("/proc/%s/task: no threads", pid)
	}
	for _, thread := range threads {
		text, readErr := os.ReadFile(thread)
		if readErr != nil {
			continue // it ended a moment ago
		}
		time, parseErr := parseCPU(string(text))
		sum, err = sum+time, errors.Join(err, parseErr)
	}
	return sum, err
}

// peakMemory returns the peak resident memory in bytes.
func (p *process) peakMemory() (int64, error) {
	text, err := os.ReadFile("/proc/" + p.pid() + "/status")
	if err != nil {
		return 0, err
	}
	return parsePeakMemory(string(text))
}

func (p *process) pid() string { return strconv.Itoa(p.cmd.Process.Pid) }

// parseCPU reads the first number of a schedstat: the nanoseconds on a processor.
func parseCPU(schedstat string) (time.Duration, error) {
	first, _, _ := strings.Cut(schedstat, " ")
	ns, err := strconv.ParseInt(first, 10, 64)
	return time.Duration(ns), err
}

// parsePeakMemory reads VmHWM of proc_pid_status(5), which is in kB.
func parsePeakMemory(status string) (int64, error) {
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kB, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kB << 10, err
		}
	}
	return 0, errors.New("/proc/…/status: no VmHWM")
}
