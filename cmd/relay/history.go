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
	ID callbackID `arg:"" help:"The callback's id, or the reference that a page shows."`
}

// Run implements the command.
func (c *historyCommand) Run(ctx context.Context, t terminal) error {
	relay, err := c.connect()
	if err != nil {
		return err
	}
	history, err := relay.History(ctx, string(c.ID))
	if err != nil {
		return explain(err)
	}
	if c.Output == "json" {
		return printJSON(t.out, history)
	}
	if len(history.Entries) == 0 {
		fmt.Fprintln(t.out, "no entries: nothing but what relay callback get shows has happened")
		return nil
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "LAST\tTIMES\tNAME\tVERDICT\tOUTCOME\tREASON\tEVENT\tBYTES\tNOTE")
	for _, e := range history.Entries {
		outcome := ""
		if e.Outcome != nil {
			outcome = fmt.Sprintf("outcomes[%d]", *e.Outcome)
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n",
			e.LastAt.Format(time.RFC3339), e.Count, e.Link, e.Verdict, outcome, e.Reason, printable(e.EventID), e.Bytes, printable(e.Note))
	}
	return w.Flush()
}
