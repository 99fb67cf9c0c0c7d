package main

import (
	"context"
	"crypto/rand"

	"callback-relay/api"
)

// tryCommand shows that a relay works, from the private API to Redis and back.
type tryCommand struct {
	remote
}

// Run implements the command. The task token is of no task, and Step Functions
// never hears of it: if the command is cut off, what it registered is ignored
// once it expires.
func (c *tryCommand) Run(ctx context.Context, t terminal) error {
	relay, err := c.connect()
	if err != nil {
		return err
	}
	made, _, err := relay.Create(ctx, api.CreateRequest{
		TaskToken: "relay-callback-try-" + rand.Text(),
		ExpiresIn: "1m",
		OnExpiry:  api.OnExpiryIgnore,
		Tags:      map[string]string{"made-by": "relay callback try"},
	})
	if err != nil {
		return explainCollection(err)
	}
	cancelled, err := relay.Cancel(ctx, made.ID)
	if err != nil {
		return explain(err)
	}
	cancelled.URL, cancelled.Links = "", nil // a cluster's log is no place for links, closed ones neither
	return c.show(t.out, cancelled)
}
