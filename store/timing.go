package store

import (
	"cmp"
	"context"
	"errors"
	"net"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// Metrics is told of each round trip to Redis: by the name of the script, or of
// the command, that it begins with, and whether there was no usable reply.
type Metrics interface {
	RedisCalled(operation string, failed bool, took time.Duration)
}

// timed lets the metrics be told of what a client does from now on.
func (s *Store) timed(client redis.UniversalClient) {
	if s.metrics != nil {
		client.AddHook(timing{s.metrics})
	}
}

// timing is a hook of the client that measures each round trip as its caller
// sees it: the wait for a connection and the repetition of a lost command are
// part of it.
type timing struct{ metrics Metrics }

// DialHook implements [redis.Hook].
func (timing) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

// ProcessHook implements [redis.Hook].
func (t timing) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		began := time.Now()
		err := next(ctx, cmd)
		t.tell(cmd, err, began)
		return err
	}
}

// ProcessPipelineHook implements [redis.Hook]. A pipeline is one round trip,
// and goes by its first command: the others are of the same kind, or help it.
func (t timing) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		began := time.Now()
		err := next(ctx, cmds)
		t.tell(cmds[0], err, began)
		return err
	}
}

// connecting is what the client sends by itself when it connects. That is part
// of the round trip that waits for the connection, and may be refused in part:
// rights that the client can do without.
var connecting = []string{"hello", "auth", "client", "select", "readonly", "command", "cluster"}

func (t timing) tell(cmd redis.Cmder, err error, began time.Time) {
	if !slices.Contains(connecting, cmd.Name()) {
		t.metrics.RedisCalled(operation(cmd), failed(err), time.Since(began))
	}
}

// failed tells trouble from a reply: that a key is not there, or that a server
// needs the text of a script first, is one.
func failed(err error) bool {
	return err != nil && !errors.Is(err, redis.Nil) && !redis.HasErrorPrefix(err, "NOSCRIPT")
}

// operation names a command. There are as many names as this package's code
// has: scripts go by their own, whether they are called by digest or by text.
// One of somebody else who has the client, as migrations in dev mode, has none.
func operation(cmd redis.Cmder) string {
	args := cmd.Args()
	name := cmd.Name()
	if name != "evalsha" && name != "eval" || len(args) < 2 {
		return name
	}
	text, _ := args[1].(string)
	return cmp.Or(scriptNames[text], name)
}

// scriptNames are the names of the scripts by their digest and by their text.
var scriptNames = map[string]string{}
