package redistest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"callback-relay/programs"
)

func init() {
	// The client writes a line for each failed dial, and tests often dial servers
	// that are killed or still starting.
	logging.Disable()
}

// The server programs.
const (
	redisServer  = "redis-server"
	valkeyServer = "valkey-server"
)

// Available returns whether redis-server is installed. In CI it must be.
func Available(t testing.TB) bool {
	t.Helper()
	return programs.Available(t, redisServer, "tested on the in-process server only")
}

// AvailableValkey returns whether valkey-server is installed. In CI it must be.
func AvailableValkey(t testing.TB) bool {
	t.Helper()
	return programs.Available(t, valkeyServer, "not tested on Valkey")
}

// Start runs a redis-server with further arguments ("--maxmemory", "2mb"). It
// keeps no data on disk unless the arguments say so ("--appendonly", "yes").
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	return start(t, redisServer, args)
}

// StartValkey runs a valkey-server in the same way. It has the commands of Redis
// 7.2, such as WAITAOF.
func StartValkey(t testing.TB, args ...string) *Server {
	t.Helper()
	return start(t, valkeyServer, args)
}

// StartReplica runs a replica of a server with the same program. It returns when
// the primary says that the replica is in sync.
func StartReplica(t testing.TB, primary *Server, args ...string) *Server {
	t.Helper()
	host, port := primary.hostPort()
	s := start(t, primary.program, append([]string{"--replicaof", host, port}, args...))
	_, own := s.hostPort()
	s.until("the replica is in step", func() bool {
		return strings.Contains(s.info("replication"), "master_link_status:up") &&
			strings.Contains(primary.info("replication"), ",port="+own+",state=online")
	})
	return s
}

// start runs a server without persistence, unless the arguments ask for it.
func start(t testing.TB, program string, args []string) *Server {
	t.Helper()
	return launch(t, program, func(dir string) []string {
		return append([]string{
			"--dir", dir, "--save", "", "--maxmemory-policy", "noeviction",
			"--cluster-config-file", filepath.Join(dir, "nodes.conf"),
			"--repl-diskless-sync-delay", "0", // do not wait for further replicas
		}, args...)
	})
}

// StartSentinel runs a redis-server and a Sentinel that watches it under the name
// mymaster. It returns the Sentinel, with a URL for both.
func StartSentinel(t testing.TB) *Server {
	t.Helper()
	return watch(t, Start(t))
}

// watch runs a Sentinel for a primary. It replaces a primary that is gone after a
// second, not after the default half minute.
func watch(t testing.TB, primary *Server) *Server {
	t.Helper()
	host, port := primary.hostPort()
	s := launch(t, primary.program, func(dir string) []string {
		// A Sentinel writes what it learns to its configuration file.
		file := filepath.Join(dir, "sentinel.conf")
		conf := fmt.Sprintf("sentinel monitor mymaster %s %s 1\n"+
			"sentinel down-after-milliseconds mymaster 1000\n"+
			"sentinel failover-timeout mymaster 2000\n", host, port)
		if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{file, "--sentinel", "--dir", dir}
	})
	s.URL += "?master_name=mymaster"
	// By default a Sentinel polls every few seconds, and takes four polls to turn a
	// returning primary into a replica. The ping period must be short, or it takes a
	// live server for gone. It must not be too short: what a Sentinel knows about a
	// replica expires after five pings, and it asks once a second.
	s.ask(func(c *redis.Client) error {
		return c.Do(t.Context(), "SENTINEL", "DEBUG", "INFO-PERIOD", 250, "PUBLISH-PERIOD", 250, "PING-PERIOD", 250).Err()
	})
	return s
}

// StartCluster runs a cluster of one node that has every slot. It refuses what a
// larger cluster refuses, such as a script with keys in two slots.
func StartCluster(t testing.TB, args ...string) *Server {
	t.Helper()
	s := Start(t, append([]string{"--cluster-enabled", "yes"}, args...)...)
	s.ask(func(c *redis.Client) error {
		return c.ClusterAddSlotsRange(t.Context(), 0, slots-1).Err()
	})
	s.until("the cluster is up", s.clusterUp)
	return s
}
