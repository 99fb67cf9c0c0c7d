package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"callback-relay/client"
	"callback-relay/config"
)

// sendersEventsCommand shows or drops events of a hook that nobody has used.
type sendersEventsCommand struct {
	remote
	Name    string `arg:"" help:"The sender's name in the relay's configuration file."`
	Limit   int    `default:"20" help:"How many to show at most, 1 to 100."`
	Drop    string `help:"Drop one event for good, as the list names it." placeholder:"DIGEST/EVENT" xor:"drop"`
	DropAll bool   `help:"Drop all of them for good, after a confirmation." xor:"drop"`
	Yes     bool   `help:"Drop them without asking."`
}

// Run implements the command.
func (c *sendersEventsCommand) Run(ctx context.Context, t terminal) error {
	if c.Limit < 1 || c.Limit > 100 {
		return &config.Mistake{Setting: "--limit", Problem: "must be a number from 1 to 100"}
	}
	if c.Yes && !c.DropAll {
		return &config.Mistake{Setting: "--yes", Problem: "is only for --drop-all"}
	}
	relay, err := c.connect()
	if err != nil {
		return err
	}
	switch {
	case c.Drop != "":
		err = c.dropOne(ctx, relay)
	case c.DropAll:
		err = c.dropAll(ctx, t, relay)
	default:
		err = c.list(ctx, t, relay)
	}
	return explain(err)
}

// list shows the events, without their bodies.
func (c *sendersEventsCommand) list(ctx context.Context, t terminal, relay *client.Client) error {
	kept, err := relay.Events(ctx, c.Name, c.Limit)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return printJSON(t.out, kept)
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CAME\tENDS\tSTORED\tTYPE\tID\tDIGEST/EVENT")
	for _, e := range kept.Events {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s/%s\n", e.At.Format(time.RFC3339), e.EndsAt.Format(time.RFC3339),
			e.Bytes, cmp.Or(printable(e.Type), "-"), cmp.Or(shortened(printable(e.ID)), "-"), e.Key, e.Event)
	}
	if kept.Total > len(kept.Events) {
		fmt.Fprintf(w, "%d more\n", kept.Total-len(kept.Events))
	}
	return w.Flush()
}

// shortened is a text for a table. The ids of events that have none are long digests.
func shortened(text string) string {
	const most = 40
	if chars := []rune(text); len(chars) > most {
		return string(chars[:most-1]) + "…"
	}
	return text
}

// dropOne drops the event that the flag names.
func (c *sendersEventsCommand) dropOne(ctx context.Context, relay *client.Client) error {
	key, event, found := strings.Cut(c.Drop, "/")
	if !found || key == "" || event == "" {
		return &config.Mistake{Setting: "--drop", Problem: "is not DIGEST/EVENT, as 'relay senders events NAME' shows it"}
	}
	return relay.DropEvent(ctx, c.Name, key, event)
}

// errNotConfirmed is the result of a command that was not confirmed.
var errNotConfirmed = errors.New("nothing was dropped: it was not confirmed with yes")

// dropAll drops as many events as there were at first, in bounded steps. Others may come
// meanwhile.
func (c *sendersEventsCommand) dropAll(ctx context.Context, t terminal, relay *client.Client) error {
	kept, err := relay.Events(ctx, c.Name, 1)
	if err != nil {
		return err
	}
	if kept.Total > 0 && !c.Yes {
		fmt.Fprintf(t.err, "Drop all events of %s that nobody has used? There are %d, and they cannot be restored.\nType yes to drop them: ", c.Name, kept.Total)
		answer, err := bufio.NewReader(io.LimitReader(t.in, 1<<10)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) || strings.TrimSpace(answer) != "yes" {
			return errNotConfirmed
		}
	}
	dropped := 0
	for more := kept.Total > 0; more; {
		step, err := relay.DropEvents(ctx, c.Name)
		if err != nil {
			return fmt.Errorf("after %d events: %w", dropped, err)
		}
		dropped += step.Dropped
		more = step.Dropped > 0 && step.Left > 0 && dropped < kept.Total
	}
	fmt.Fprintf(t.out, "dropped %d\n", dropped)
	return nil
}
