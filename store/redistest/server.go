package redistest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Server is a running server process.
type Server struct {
	URL  string // redis://127.0.0.1:port/0
	Addr string

	t       testing.TB
	program string
	args    []string
	cmd     *exec.Cmd
	gone    chan struct{} // closed when the process has ended
	log     *bytes.Buffer
}

// launch runs a program in its own directory, with arguments made for it.
func launch(t testing.TB, program string, args func(dir string) []string) *Server {
	t.Helper()
	// Another process may take a free port before the server does, so try again.
	for range 5 {
		port := freePort(t)
		s := &Server{
			URL:     fmt.Sprintf("redis://127.0.0.1:%d/0", port),
			Addr:    fmt.Sprintf("127.0.0.1:%d", port),
			t:       t,
			program: program,
			args:    append(args(t.TempDir()), "--port", strconv.Itoa(port), "--bind", "127.0.0.1"),
		}
		t.Cleanup(s.Kill)
		if s.run() {
			return s
		}
		t.Logf("%s did not start: %s", program, s.log)
	}
	t.Fatalf("%s does not start", program)
	return nil
}

// Pid returns the process id.
func (s *Server) Pid() int { return s.cmd.Process.Pid }

// Kill ends the server immediately, as kill -9 does, even while it is paused.
// Killing it twice is harmless.
func (s *Server) Kill() {
	if s.gone == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may be gone already
	<-s.gone
}

// Restart starts the server again after [Server.Kill], on the same port and with
// its data on disk.
func (s *Server) Restart() {
	s.t.Helper()
	if !s.run() {
		s.t.Fatalf("%s does not start again: %s", s.program, s.log)
	}
}

// Pause stops the process (SIGSTOP): its connections stay open, but it does not
// answer.
func (s *Server) Pause() {
	s.t.Helper()
	s.signal(syscall.SIGSTOP)
}

// Resume lets a paused server continue.
func (s *Server) Resume() {
	s.t.Helper()
	s.signal(syscall.SIGCONT)
}

func (s *Server) signal(signal os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		s.t.Fatalf("%s to %s: %v", signal, s.program, err)
	}
}

// run starts the process and returns whether it serves.
func (s *Server) run() bool {
	s.log, s.gone = &bytes.Buffer{}, make(chan struct{})
	s.cmd = exec.Command(s.program, s.args...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("start %s: %v", s.program, err)
	}
	gone := s.gone
	go func() {
		defer close(gone)
		_ = s.cmd.Wait() // it is always killed
	}()
	// Make sure that it is not another server that took the port first.
	own := fmt.Sprintf("process_id:%d\r\n", s.cmd.Process.Pid)
	deadline := time.After(patience)
	for !strings.Contains(s.info("server"), own) {
		select {
		case <-gone:
			return false
		case <-deadline:
			s.Kill()
			return false
		case <-time.After(pollEvery):
		}
	}
	return true
}

// Client returns a client of this one server, closed when the test ends. It
// tries each command once.
func (s *Server) Client() *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: s.Addr, MaxRetries: -1})
	s.t.Cleanup(func() { c.Close() })
	return c
}

// ask runs a command that must not fail.
func (s *Server) ask(question func(*redis.Client) error) {
	s.t.Helper()
	c := redis.NewClient(&redis.Options{Addr: s.Addr})
	defer c.Close()
	if err := question(c); err != nil {
		s.t.Fatalf("ask %s: %v", s.program, err)
	}
}

// info returns a section of INFO, or "" while the server does not answer.
func (s *Server) info(section string) string {
	c := redis.NewClient(&redis.Options{Addr: s.Addr, MaxRetries: -1, DialerRetries: 1})
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	text, err := c.Info(ctx, section).Result()
	if err != nil {
		return ""
	}
	return text
}

// How long a process is waited for, and how often it is asked.
const (
	patience  = 20 * time.Second
	pollEvery = 5 * time.Millisecond
)

// until polls a condition of a process until it holds.
func (s *Server) until(what string, holds func() bool) {
	s.t.Helper()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-deadline:
			s.t.Fatalf("waited in vain until %s", what)
		case <-time.After(pollEvery):
		}
	}
}

func (s *Server) hostPort() (host, port string) {
	s.t.Helper()
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		s.t.Fatal(err)
	}
	return host, port
}

// freePort returns a port that was free a moment ago, with the one 10,000
// higher in range: a cluster node uses both.
func freePort(t testing.TB) int {
	t.Helper()
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		l.Close()
		if port < 55_000 {
			return port
		}
	}
}
