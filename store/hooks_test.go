package store_test

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"
)

// repeat makes the client send every command twice and keep the second reply,
// as if the first had been lost on the way back.
type repeat struct{}

func (repeat) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (repeat) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		_ = next(ctx, cmd) // the one that was lost
		return next(ctx, cmd)
	}
}

func (repeat) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		_ = next(ctx, cmds) // the ones that were lost
		return next(ctx, cmds)
	}
}

// onceAfter calls a function after the first command that begins with the given text, as
// the client writes it, alone or in a pipeline.
type onceAfter struct {
	repeat  // for the other hooks
	command string
	do      func()
}

func (o *onceAfter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		o.after(cmd)
		return err
	}
}

func (o *onceAfter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		o.after(cmds...)
		return err
	}
}

func (o *onceAfter) after(cmds ...redis.Cmder) {
	for _, cmd := range cmds {
		if do := o.do; do != nil && strings.HasPrefix(fmt.Sprint(cmd.Args()...), o.command) {
			o.do = nil
			do()
		}
	}
}

// reads counts what lists read from Redis.
type reads struct {
	repeat                 // for the other hooks
	trips, members, hashes int
}

func (c *reads) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		c.note(cmd)
		return err
	}
}

func (c *reads) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		c.note(cmds...)
		return err
	}
}

// note counts the commands of one round trip.
func (c *reads) note(cmds ...redis.Cmder) {
	c.trips++
	for _, cmd := range cmds {
		switch cmd := cmd.(type) {
		case *redis.SliceCmd:
			c.hashes++
		case *redis.Cmd:
			members, _ := cmd.Slice()
			c.members += len(members) / 3
		}
	}
}
