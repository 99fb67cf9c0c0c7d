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

// Metrics counts round trips to Redis. The operation is the name of the first
// script or command. A round trip has failed if it brought no usable reply.
type Metrics interface {
	RedisCalled(operation string, failed bool, took time.Duration)
}

// measure reports all further round trips of a client to the metrics.
func (s *Store) measure(client redis.UniversalClient) {
	if s.metrics != nil {
		client.AddHook(timing{s.metrics})
	}
}

// timing is a hook of the client that measures each round trip as its caller
// sees it, including the wait for a connection and the repetition of a lost
// command.
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
		t.observe(cmd, err, began)
		return err
	}
}

// ProcessPipelineHook implements [redis.Hook]. A pipeline is one round trip, named
// after its first command: the others are the same, or support it.
func (t timing) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		began := time.Now()
		err := next(ctx, cmds)
		t.observe(cmds[0], err, began)
		return err
	}
}

// connecting are the commands that the client itself sends when it connects. They
// are not counted: they belong to the round trip that waits for the connection,
// and the client can do without those that the server refuses.
var connecting = []string{"hello", "auth", "client", "select", "readonly", "command", "cluster"}

func (t timing) observe(cmd redis.Cmder, err error, began time.Time) {
	if !slices.Contains(connecting, cmd.Name()) {
		t.metrics.RedisCalled(operation(cmd), failed(err), time.Since(began))
	}
}

// failed returns whether there was no usable reply. An absent key is a usable
// reply, and so is a request for the text of a script.
func failed(err error) bool {
	return err != nil && !errors.Is(err, redis.Nil) && !redis.HasErrorPrefix(err, "NOSCRIPT")
}

// operation returns the name of a command, or of a script, whether it is called by
// digest or by text. The names come from this package's code, so their number is
// bounded. A script of another user of the client, such as migrations in dev mode,
// is named after its command.
func operation(cmd redis.Cmder) string {
	args := cmd.Args()
	name := cmd.Name()
	if name != "evalsha" && name != "eval" || len(args) < 2 {
		return name
	}
	text, _ := args[1].(string)
	return cmp.Or(scriptNames[text], name)
}

// scriptNames are the names of the scripts, by digest and by text.
var scriptNames = map[string]string{}
