package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// redisServer is a redis-server.
type redisServer struct {
	*process
	addr   string
	client *redis.Client
}

// startRedis runs a redis-server with its defaults, except that it writes nothing to
// disk and evicts nothing. Further options override these.
func startRedis(ctx context.Context, dir string, options ...string) (*redisServer, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	_, port, _ := strings.Cut(addr, ":")
	p, err := start(ctx, os.Environ(), nil, os.Stderr, "redis-server", append([]string{"--bind", "127.0.0.1", "--port", port, "--dir", dir,
		"--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction", "--repl-diskless-sync-delay", "0"}, options...)...)
	if err != nil {
		return nil, err
	}
	s := &redisServer{process: p, addr: addr, client: redis.NewClient(&redis.Options{Addr: addr})}
	own := fmt.Sprintf("process_id:%d\r\n", p.cmd.Process.Pid)
	if err := p.until(ctx, "ready", func() bool {
		info, err := s.client.Info(ctx, "server").Result()
		return err == nil && strings.Contains(info, own)
	}); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// startReplica runs a replica of the server, and waits until it is in step.
func (s *redisServer) startReplica(ctx context.Context, dir string) (*redisServer, error) {
	replica, err := startRedis(ctx, dir, "--replicaof", strings.Replace(s.addr, ":", " ", 1))
	if err != nil {
		return nil, err
	}
	if err := replica.until(ctx, "in step", func() bool {
		info, err := s.client.Info(ctx, "replication").Result()
		return err == nil && strings.Contains(info, "state=online")
	}); err != nil {
		replica.stop()
		return nil, err
	}
	return replica, nil
}

func (s *redisServer) stop() {
	_ = s.client.Close() // nothing is under way
	s.process.stop()
}

// memory returns the memory that Redis has allocated, without the buffers of its
// clients, which vary with the load.
func (s *redisServer) memory(ctx context.Context) (int64, error) {
	info, err := s.client.Info(ctx, "memory").Result()
	if err != nil {
		return 0, err
	}
	used, err := infoField(info, "used_memory")
	if err != nil {
		return 0, err
	}
	clients, err := infoField(info, "mem_clients_normal")
	return used - clients, err
}

// kept returns the memory of all keys by MEMORY USAGE. Unlike memory, it is exact
// for a few callbacks, and does not include the table of keys.
func (s *redisServer) kept(ctx context.Context) (total int64, err error) {
	keys, err := s.client.Keys(ctx, "*").Result()
	if err != nil {
		return 0, err
	}
	usages, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, key := range keys {
			p.MemoryUsage(ctx, key, 0) // 0: count all members, not a sample
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for _, usage := range usages {
		total += usage.(*redis.IntCmd).Val()
	}
	return total, nil
}

// infoField reads a number from the reply to INFO.
func infoField(info, name string) (int64, error) {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		}
	}
	return 0, fmt.Errorf("INFO has no %s", name)
}

// freeAddress returns a loopback address whose port was free a moment ago.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
