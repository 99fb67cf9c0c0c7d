package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"callback-relay/api"
	"callback-relay/client"
	"callback-relay/config"
)

// listCommand lists callbacks.
type listCommand struct {
	remote
	State    string `help:"Only callbacks in this state: pending, answered, delivered, refused, expired or cancelled."`
	Tag      string `help:"Only callbacks with this tag, as key=value." placeholder:"KEY=VALUE"`
	Await    string `help:"Only pending callbacks that wait for this key of a sender's hook, as sender:key." placeholder:"SENDER:KEY"`
	Declined bool   `help:"Only callbacks of which somebody said that a link is not for them."`
	Limit    int    `default:"20" help:"How many at most; 0 for all."`
}

// Run implements the command.
func (c *listCommand) Run(ctx context.Context, t terminal) error {
	relay, err := c.connect()
	if err != nil {
		return err
	}
	query := client.Query{State: c.State, Declined: c.Declined, Limit: 100}
	if c.Await != "" {
		sender, key, ok := parseAwait(c.Await)
		if !ok {
			return &config.Mistake{Setting: "--await", Problem: "is not sender:key, such as stripe:pi_3N"}
		}
		query.Await = sender + ":" + key
	}
	if c.Tag != "" {
		key, value, ok := strings.Cut(c.Tag, "=")
		if !ok {
			return &config.Mistake{Setting: "--tag", Problem: "is not key=value"}
		}
		query.Tag = key + ":" + value // a key has neither = nor :
	}
	if c.Limit != 0 {
		query.Limit = min(c.Limit, query.Limit)
	}
	found, err := c.find(ctx, t, relay, query)
	if err != nil {
		return explainCollection(err)
	}
	if c.Output == "json" {
		return printJSON(t.out, found)
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tSTATE\tCREATED\tEXPIRES\tDECLINED\tTAGS")
	for _, cb := range found {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", cb.ID, cb.State,
			cb.CreatedAt.Format(time.RFC3339), cb.ExpiresAt.Format(time.RFC3339), declined(cb), tags(cb))
	}
	return w.Flush()
}

// find collects as many callbacks as were requested. If the search takes long,
// it shows its progress on a terminal.
func (c *listCommand) find(ctx context.Context, t terminal, relay *client.Client, query client.Query) ([]api.Callback, error) {
	found, examined := []api.Callback{}, 0
	shown := newSearchView(t, c.State)
	defer shown.end()
	for page, err := range relay.Pages(ctx, query) {
		if err != nil {
			return nil, err
		}
		found, examined = append(found, page.Callbacks...), examined+page.Examined
		if c.Limit != 0 && len(found) >= c.Limit {
			return found[:c.Limit], nil
		}
		if len(page.Callbacks) < query.Limit && page.NextCursor != "" {
			shown.show(examined, len(found), page.ExaminedTo)
		}
	}
	return found, nil
}
