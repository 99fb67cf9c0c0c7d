package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"callback-relay/api"
	"callback-relay/senders"
)

// sendersCommand describes the senders that a registration can name.
type sendersCommand struct {
	List   sendersListCommand   `cmd:"" help:"List the senders of a running relay, with the URLs of their hooks, and the presets, the most useful first."`
	Check  sendersCheckCommand  `cmd:"" help:"Say what would become of a saved request: whether it is proven, which event it is, and what the task would get."`
	Events sendersEventsCommand `cmd:"" help:"Show or drop the events of a sender's hook that nobody has used."`

	devSendersCommands
}

// sendersListCommand lists the senders of a running relay, if it is told an API key, and the
// presets.
type sendersListCommand struct{ remote }

// Run implements the command.
func (c *sendersListCommand) Run(ctx context.Context, t terminal) error {
	if c.Output == "json" {
		list, err := c.configured(ctx)
		if err != nil {
			return err
		}
		return printJSON(t.out, list)
	}
	if c.APIKey.Reveal() != "" || c.APIKeyFile != "" {
		list, err := c.configured(ctx)
		if err != nil { // the presets need no relay
			_, _ = fmt.Fprintf(t.err, "relay: the relay's own senders are not shown: %v\n", err)
		}
		if err := printConfigured(t.out, list.Senders); err != nil {
			return err
		}
	}
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

// configured returns the senders of the relay's configuration file.
func (c *sendersListCommand) configured(ctx context.Context) (api.SenderList, error) {
	relay, err := c.connect()
	if err != nil {
		return api.SenderList{}, err
	}
	list, err := relay.Senders(ctx)
	return list, explainCollection(err)
}

// printConfigured prints the senders of a relay, if there are any, and an empty line.
func printConfigured(out io.Writer, list []api.ConfiguredSender) error {
	if len(list) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "NAME\tPROOF\tKEEPS EVENTS FOR\tHOOK")
	for _, s := range list {
		proof, keep, url := s.Preset, "", "none"
		if proof == "" {
			proof = "its own"
		}
		if s.Hook != nil {
			keep, url = s.Hook.Keep, s.Hook.URL
			if !s.Hook.Proof {
				proof = "none: everybody may post"
			}
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.Name, proof, keep, url)
	}
	_, _ = fmt.Fprintln(w)
	return w.Flush()
}

// scopes say which posts one URL is for.
var scopes = map[senders.Scope]string{
	senders.PerRequest: "each job", senders.PerObject: "each subscription", senders.PerAccount: "the account",
}
