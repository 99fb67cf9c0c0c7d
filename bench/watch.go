package main

import (
	"bufio"
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"time"
)

// commandWatch counts the commands that clients send to a Redis. Those that scripts
// run are not counted, nor is MONITOR, by which it learns of them.
type commandWatch struct {
	conn net.Conn
	seen atomic.Int64
}

func (s *redisServer) watch(ctx context.Context) (*commandWatch, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write([]byte("MONITOR\r\n")); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	lines := bufio.NewReader(conn)
	if reply, err := lines.ReadString('\n'); err != nil || !strings.HasPrefix(reply, "+OK") {
		return nil, errors.Join(errors.New("MONITOR was refused: "+strings.TrimSpace(reply)), err, conn.Close())
	}
	w := &commandWatch{conn: conn}
	go func() {
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return // it was stopped
			}
			if sentByClient(line) {
				w.seen.Add(1)
			}
		}
	}()
	return w, nil
}

// sentByClient tells whether a line of MONITOR is a command of a client. A script's has
// "lua" in place of the client's address: +1339518083.107412 [0 lua] "get" "x".
func sentByClient(line string) bool {
	_, rest, found := strings.Cut(line, " [")
	database, from, _ := strings.Cut(rest, " ")
	return found && database != "" && !strings.HasPrefix(from, "lua]")
}

func (w *commandWatch) count() int64 { return w.seen.Load() }

// perSecond counts for a while.
func (w *commandWatch) perSecond(ctx context.Context, pause time.Duration) (float64, error) {
	before, began := w.count(), time.Now()
	if err := wait(ctx, pause); err != nil {
		return 0, err
	}
	return float64(w.count()-before) / time.Since(began).Seconds(), nil
}

func (w *commandWatch) stop() { w.conn.Close() }

// wait does nothing for a while.
func wait(ctx context.Context, pause time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(pause):
		return nil
	}
}
