package redistest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Available tells whether there is a redis-server to run. In CI there must be.
func Available(t testing.TB) bool {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err == nil {
		return true
	}
	if os.Getenv("CI") != "" {
		t.Fatal("redis-server is not installed, and CI does not go without it")
	}
	t.Log("redis-server is not installed: tested on the in-process server only (make test installs it)")
	return false
}

// Server is a running redis-server.
type Server struct {
	URL  string // redis://127.0.0.1:port/0
	Addr string

	t    testing.TB
	args []string
	cmd  *exec.Cmd
	gone chan struct{} // closed when the process has ended
	log  *bytes.Buffer
}

// Start runs a redis-server with further arguments ("--maxmemory", "2mb"). It
// keeps no data on disk unless the arguments say so.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	return start(t, func(dir string) []string {
		return append([]string{
			"--dir", dir, "--save", "", "--maxmemory-policy", "noeviction",
			"--cluster-config-file", filepath.Join(dir, "nodes.conf"),
		}, args...)
	})
}

// StartSentinel runs a redis-server and a Sentinel that watches it under the
// name mymaster. What it returns is the Sentinel, with a URL for both.
func StartSentinel(t testing.TB) *Server {
	t.Helper()
	_, port, err := net.SplitHostPort(Start(t).Addr)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, func(dir string) []string {
		// A Sentinel keeps what it learns in its configuration file.
		file := filepath.Join(dir, "sentinel.conf")
		if err := os.WriteFile(file, []byte("sentinel monitor mymaster 127.0.0.1 "+port+" 1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{file, "--sentinel", "--dir", dir}
	})
	s.URL += "?master_name=mymaster"
	return s
}

// start runs the program with the arguments made for a directory of its own.
func start(t testing.TB, args func(dir string) []string) *Server {
	t.Helper()
	// Another process can take a free port before redis-server does: try again.
	for range 5 {
		port := freePort(t)
		s := &Server{
			URL:  fmt.Sprintf("redis://127.0.0.1:%d/0", port),
			Addr: fmt.Sprintf("127.0.0.1:%d", port),
			t:    t,
			args: append(args(t.TempDir()), "--port", strconv.Itoa(port), "--bind", "127.0.0.1"),
		}
		t.Cleanup(s.Kill)
		if s.run() {
			return s
		}
		t.Logf("redis-server did not start: %s", s.log)
	}
	t.Fatal("redis-server does not start")
	return nil
}

// StartCluster runs a cluster of one node that holds every slot. It refuses
// what a real cluster refuses, such as a script with keys in two slots.
func StartCluster(t testing.TB, args ...string) *Server {
	t.Helper()
	s := Start(t, append([]string{"--cluster-enabled", "yes"}, args...)...)
	c := redis.NewClient(&redis.Options{Addr: s.Addr})
	defer c.Close()
	ctx := t.Context()
	if err := c.ClusterAddSlotsRange(ctx, 0, 16383).Err(); err != nil {
		t.Fatalf("assign slots: %v", err)
	}
	s.until("the cluster is up", func() bool {
		info, err := c.ClusterInfo(ctx).Result()
		return err == nil && strings.Contains(info, "cluster_state:ok")
	})
	return s
}

// Kill ends the server at once, as kill -9 does. Killing it twice is harmless.
func (s *Server) Kill() {
	if s.gone == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may be gone already
	<-s.gone
}

// Restart starts the server again on the same port after [Server.Kill].
func (s *Server) Restart() {
	s.t.Helper()
	if !s.run() {
		s.t.Fatalf("redis-server does not start again: %s", s.log)
	}
}

// run starts the process and tells whether it serves.
func (s *Server) run() bool {
	s.log, s.gone = &bytes.Buffer{}, make(chan struct{})
	s.cmd = exec.Command("redis-server", s.args...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("start redis-server: %v", err)
	}
	go func() {
		defer close(s.gone)
		_ = s.cmd.Wait() // it is always killed
	}()
	c := redis.NewClient(&redis.Options{Addr: s.Addr, MaxRetries: -1})
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	own := fmt.Sprintf("process_id:%d\r\n", s.cmd.Process.Pid)
	for {
		info, err := c.Info(ctx, "server").Result()
		if err == nil && strings.Contains(info, own) {
			return true // and not another server that was faster to take the port
		}
		select {
		case <-s.gone:
			return false
		case <-ctx.Done():
			s.Kill()
			return false
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// until waits for a condition of a process that cannot tell when it holds.
func (s *Server) until(what string, holds func() bool) {
	s.t.Helper()
	deadline := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-deadline:
			s.t.Fatalf("waited in vain until %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
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
