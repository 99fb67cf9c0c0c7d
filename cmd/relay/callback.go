package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"callback-relay/api"
	"callback-relay/client"
	"callback-relay/config"
)

// callbackCommand uses a running relay through its private API.
type callbackCommand struct {
	Create  createCommand  `cmd:"" help:"Register a task token, read from standard input, and print the URLs."`
	Get     getCommand     `cmd:"" help:"Show one callback."`
	History historyCommand `cmd:"" help:"Show what became of events and attempts that did not lead to the outcome."`
	List    listCommand    `cmd:"" help:"List callbacks, newest first; with --state, by deadline, next attempt or end."`
	Extend  extendCommand  `cmd:"" help:"Give a pending callback another deadline."`
	AddLink addLinkCommand `cmd:"" help:"Give a pending callback another link, or replace one that leaked."`
	Revoke  revokeCommand  `cmd:"" help:"Close one link or await of a callback."`
	Cancel  cancelCommand  `cmd:"" help:"Cancel a pending callback."`
	Try     tryCommand     `cmd:"" help:"Register a callback without a task and cancel it, to check that the relay works."`
}

// remote is how to reach the relay, and how to show its responses.
type remote struct {
	APIURL     string        `name:"api-url" env:"RELAY_API_URL" default:"http://127.0.0.1:8081" help:"Address of the relay's private API."`
	APIKey     config.Secret `name:"api-key" env:"RELAY_API_KEY" help:"API key. Prefer the environment or a file: others can see a command line."`
	APIKeyFile string        `name:"api-key-file" env:"RELAY_API_KEY_FILE" help:"File that holds the API key." placeholder:"PATH"`
	Output     string        `short:"o" enum:"table,json" default:"table" help:"table for people, json for programs."`
}

// connect returns a client.
func (r *remote) connect() (*client.Client, error) {
	key := r.APIKey.Reveal()
	if r.APIKeyFile != "" {
		if key != "" {
			return nil, &config.Mistake{Setting: "RELAY_API_KEY_FILE", Problem: "is set, and so is RELAY_API_KEY; keep one of them"}
		}
		text, err := os.ReadFile(r.APIKeyFile)
		if err != nil {
			return nil, &config.Mistake{Setting: "RELAY_API_KEY_FILE", Problem: config.WithoutPath(err).Error()}
		}
		key = strings.TrimSpace(string(text))
	}
	if key == "" {
		return nil, &config.Mistake{Setting: "RELAY_API_KEY", Problem: "is missing; set it to the key that 'relay keys api' printed"}
	}
	c, err := client.New(r.APIURL, key)
	if err != nil {
		return nil, &config.Mistake{Setting: "RELAY_API_URL", Problem: err.Error()}
	}
	return c, nil
}

// explain marks the client's errors that mean that no relay responded.
func explain(err error) error {
	if _, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("the relay %w: %w", errUnreachable, err)
	}
	return err
}

// explainCollection is [explain] for requests that name no callback: a 404 then
// means that there is no private API at this address.
func explainCollection(err error) error {
	if answer, ok := errors.AsType[*client.Error](err); ok && answer.StatusCode == http.StatusNotFound {
		return &config.Mistake{Setting: "RELAY_API_URL", Problem: "want the address of the private listener, but there is no private API at this address: " + err.Error()}
	}
	return explain(err)
}

// extendCommand gives one callback another deadline.
type extendCommand struct {
	remote
	ID callbackID `arg:"" help:"The callback's id."`
	In string     `help:"How long the callback may wait from now, such as 90m, 24h or 7d." placeholder:"DURATION" xor:"deadline" required:""`
	At string     `help:"Until when the callback may wait, as YYYY-MM-DDThh:mm:ssZ; at most a year from now." placeholder:"TIME" xor:"deadline" required:""`
}

// Run implements the command.
func (c *extendCommand) Run(ctx context.Context, t terminal) error {
	at, err := parseTime("--at", c.At)
	if err != nil {
		return err
	}
	return c.one(t, func(relay *client.Client) (api.Callback, error) {
		return relay.Update(ctx, string(c.ID), api.UpdateRequest{ExpiresIn: c.In, ExpiresAt: at})
	})
}

// revokeCommand closes one link or await.
type revokeCommand struct {
	remote
	ID   callbackID `arg:"" help:"The callback's id."`
	Link string     `arg:"" help:"The name of the link or await."`
}

// Run implements the command.
func (c *revokeCommand) Run(ctx context.Context, t terminal) error {
	return c.one(t, func(relay *client.Client) (api.Callback, error) {
		return relay.RevokeLink(ctx, string(c.ID), c.Link)
	})
}

// getCommand shows one callback.
type getCommand struct {
	remote
	ID callbackID `arg:"" help:"The callback's id, or the reference that a page shows."`
}

// Run implements the command.
func (c *getCommand) Run(ctx context.Context, t terminal) error {
	return c.one(t, func(relay *client.Client) (api.Callback, error) { return relay.Get(ctx, string(c.ID)) })
}

// cancelCommand cancels one callback.
type cancelCommand struct {
	remote
	ID callbackID `arg:"" help:"The callback's id."`
}

// Run implements the command.
func (c *cancelCommand) Run(ctx context.Context, t terminal) error {
	return c.one(t, func(relay *client.Client) (api.Callback, error) { return relay.Cancel(ctx, string(c.ID)) })
}

// one does something with one callback and shows it.
func (r *remote) one(t terminal, do func(*client.Client) (api.Callback, error)) error {
	relay, err := r.connect()
	if err != nil {
		return err
	}
	cb, err := do(relay)
	if err != nil {
		return explain(err)
	}
	return r.show(t.out, cb)
}
