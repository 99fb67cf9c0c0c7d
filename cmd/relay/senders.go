package main

import (
	"fmt"
	"text/tabwriter"

	"callback-relay/senders"
)

// sendersCommand describes the senders that a registration can name.
type sendersCommand struct {
	List  sendersListCommand  `cmd:"" help:"List the presets for senders of webhooks, the most useful first."`
	Check sendersCheckCommand `cmd:"" help:"Say what would become of a saved request: whether it is proven, which event it is, and what the task would get."`

	devSendersCommands
}

type sendersListCommand struct{}

// scopes say which posts one URL is for.
var scopes = map[senders.Scope]string{
	senders.PerRequest: "each job", senders.PerObject: "each subscription", senders.PerAccount: "the account",
}

// Run implements the command.
func (c *sendersListCommand) Run(t terminal) error {
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "PRESET\tSENDER\tONE URL FOR\tCOMPLETES BY ITSELF")
	for _, p := range senders.Presets() {
		completes := "no: give outcomes"
		if p.Outcomes != nil {
			completes = "yes"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", p.Name, p.Title, scopes[p.Scope], completes)
	}
	return w.Flush()
}
