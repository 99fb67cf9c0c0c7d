package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"
)

// historyCommand shows what was not the straight way to a callback's outcome.
type historyCommand struct {
	remote
	ID string `arg:"" help:"The callback's id."`
}

// Run implements the command.
func (c *historyCommand) Run(ctx context.Context, t terminal) error {
	relay, err := c.connect()
	if err != nil {
		return err
	}
	history, err := relay.History(ctx, c.ID)
	if err != nil {
		return explain(err)
	}
	if c.Output == "json" {
		return printJSON(t.out, history)
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "LAST\tTIMES\tNAME\tVERDICT\tOUTCOME\tREASON\tEVENT\tBYTES")
	for _, e := range history.Entries {
		outcome := ""
		if e.Outcome != nil {
			outcome = fmt.Sprintf("outcomes[%d]", *e.Outcome)
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t%d\n",
			e.LastAt.Format(time.RFC3339), e.Count, e.Link, e.Verdict, outcome, e.Reason, printable(e.EventID), e.Bytes)
	}
	return w.Flush()
}
