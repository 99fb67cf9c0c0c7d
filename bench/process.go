package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
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
// ends. Its standard error goes to ours.
func start(ctx context.Context, env []string, stdout io.Writer, program string, args ...string) (*process, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = env
	cmd.Stdout, cmd.Stderr = stdout, os.Stderr
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
	p, err = start(ctx, env, write, self, role)
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

// cpu returns the processor time spent so far, in user and in kernel mode.
func (p *process) cpu() (time.Duration, error) { return cpuOf(p.pid()) }

// cpuOf is cpu for a process id, or "self".
func cpuOf(pid string) (time.Duration, error) {
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0, err
	}
	return parseCPU(string(text))
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

// tick is the unit of processor times in /proc: USER_HZ, 100 a second on every
// architecture that Go supports.
const tick = 10 * time.Millisecond

// parseCPU reads utime and stime, fields 14 and 15 of proc_pid_stat(5). The
// program's name, field 2, stands in parentheses and may contain anything.
func parseCPU(stat string) (time.Duration, error) {
	_, rest, _ := cutLast(stat, ")")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, errors.New("/proc/…/stat: too few fields")
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	system, systemErr := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * tick, errors.Join(err, systemErr)
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
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
