package migrations

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// onEachServer runs a test against an empty miniredis and, where there is one,
// an empty redis-server.
func onEachServer(t *testing.T, test func(*testing.T, redis.UniversalClient)) {
	t.Helper()
	t.Run("miniredis", func(t *testing.T) {
		test(t, connect(t, &redis.Options{Addr: miniredis.RunT(t).Addr()}))
	})
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		if _, ci := os.LookupEnv("CI"); ci {
			t.Fatal("redis-server is not installed, and CI must test against a real one")
		}
		t.Log("redis-server is not installed: tested on miniredis alone")
		return
	}
	t.Run("redis-server", func(t *testing.T) {
		test(t, connect(t, startRedis(t, binary)))
	})
}

func connect(t *testing.T, options *redis.Options) redis.UniversalClient {
	t.Helper()
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// startRedis runs an empty redis-server until the test ends. It listens on a
// unix socket, so it needs no port.
func startRedis(t *testing.T, binary string) *redis.Options {
	t.Helper()
	// Not t.TempDir: the name of a test can push the path over what a socket
	// may have, about 100 bytes.
	dir, err := os.MkdirTemp("", "redis")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")

	cmd := exec.Command(binary, "--port", "0", "--unixsocket", socket, "--dir", dir, "--save", "", "--appendonly", "no")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	var log strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.Contains(lines.Text(), "ready to accept connections") {
			go func() { _, _ = io.Copy(io.Discard, out) }() // never let it block on its log
			return &redis.Options{Network: "unix", Addr: socket}
		}
		log.WriteString(lines.Text() + "\n")
	}
	t.Fatalf("redis-server did not start:\n%s", log.String())
	return nil
}

var errAway = errors.New("no server")

// noServer is a dialer that finds nobody.
func noServer(context.Context, string, string) (net.Conn, error) { return nil, errAway }
