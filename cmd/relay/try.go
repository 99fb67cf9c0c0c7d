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

// Run implements the command. The task token belongs to no task, and is never
// sent to Step Functions: if the command is interrupted, its callback expires
// without any effect.
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
	cancelled.URL, cancelled.Links = "", nil // links do not belong in a cluster's log, not even closed ones
	return c.show(t.out, cancelled)
}
