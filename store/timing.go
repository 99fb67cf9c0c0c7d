package store

import (
	"context"
	"errors"
	"net"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// Metrics counts calls of scripts, and round trips of other commands to Redis. The
// operation is the name of the script, or of the first command. A call has failed if it
// brought no usable reply. What a caller left is not counted, since it says nothing of
// Redis.
type Metrics interface {
	RedisCalled(operation string, failed bool, took time.Duration)
}

// measure reports all further round trips of a client to the metrics, except those that
// carry scripts of this package: [Store.execute] reports each of their calls.
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
	if !slices.Contains(connecting, cmd.Name()) && !carriesScript(cmd) && !left(err) {
		t.metrics.RedisCalled(cmd.Name(), failed(err), time.Since(began))
	}
}

// failed returns whether there was no usable reply. An absent key is a usable
// reply, and so is a request for the text of a script.
func failed(err error) bool {
	return err != nil && !errors.Is(err, redis.Nil) && !redis.HasErrorPrefix(err, "NOSCRIPT")
}

// left returns whether there is no reply because the caller did not wait for it.
func left(err error) bool { return errors.Is(err, context.Canceled) }

// carriesScript returns whether a command calls a script of this package, by digest or by
// text. Another user of the client, such as migrations in dev mode, has scripts of its own.
func carriesScript(cmd redis.Cmder) bool {
	args := cmd.Args()
	if name := cmd.Name(); name != "evalsha" && name != "eval" || len(args) < 2 {
		return false
	}
	text, _ := args[1].(string)
	return ownScripts[text]
}
