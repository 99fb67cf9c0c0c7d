package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"callback-relay/senders"
)

// sendersCommand describes the senders that a registration can name.
type sendersCommand struct {
	List sendersListCommand `cmd:"" help:"List the presets for senders of webhooks, the most useful first."`
	Doc  sendersDocCommand  `cmd:"" hidden:"" help:"Print the table of docs/senders.md."`
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

type sendersDocCommand struct{}

// Run implements the command.
func (c *sendersDocCommand) Run(t terminal) error {
	_, err := fmt.Fprint(t.out, sendersTable())
	return err
}

// sendersTable is the table of docs/senders.md.
func sendersTable() string {
	var b strings.Builder
	b.WriteString("| `preset` | sender | one URL for | what to give | what its events do without `outcomes` |\n|---|---|---|---|---|\n")
	for _, p := range senders.Presets() {
		var give []string
		if p.Secret != "" {
			give = append(give, "`secret`: "+p.Secret)
		}
		if p.ChosenByRelay {
			give[0] += "; left out, the relay chooses it"
		}
		if p.Account != "" {
			give = append(give, "`account`: "+p.Account)
		}
		var does []string
		for _, o := range p.Outcomes {
			what := "succeed"
			if o.Error != "" {
				what = "fail with `" + o.Error + "`"
			}
			if o.When == "" {
				does = append(does, what)
			} else {
				does = append(does, "`"+strings.ReplaceAll(o.When, "|", "\\|")+"`: "+what)
			}
		}
		if does == nil {
			does = []string{"give `outcomes`"}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", p.Name, p.Title, scopes[p.Scope], strings.Join(give, "; "), strings.Join(does, "<br>"))
	}
	return b.String()
}
