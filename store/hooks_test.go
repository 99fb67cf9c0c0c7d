package store_test

import (
	"context"
	"fmt"
	"net"

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

// onceAfter does something after the first pipeline that has the command in it,
// as the client spells it.
type onceAfter struct {
	repeat  // for the hooks that are not of interest
	command string
	do      func()
}

func (o *onceAfter) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (o *onceAfter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		for _, cmd := range cmds {
			if do := o.do; do != nil && fmt.Sprint(cmd.Args()...) == o.command {
				o.do = nil
				do()
			}
		}
		return err
	}
}

// counter counts the commands in pipelines.
type counter struct {
	repeat   // for the hooks that are not of interest
	commands int
}

func (c *counter) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (c *counter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.commands += len(cmds)
		return next(ctx, cmds)
	}
}
