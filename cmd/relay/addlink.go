package main

import (
	"cmp"
	"context"
	"text/tabwriter"

	"callback-relay/api"
	"callback-relay/config"
)

// addLinkCommand adds or replaces one link.
type addLinkCommand struct {
	remote
	ID       string `arg:"" help:"The callback's id."`
	Link     string `arg:"" help:"The link's name. It replaces an existing link of this name, which is closed."`
	Type     string `help:"webhook, success, failure, heartbeat or approval." placeholder:"TYPE"`
	Page     bool   `help:"Make the link a page for a person, for types that machines can use too."`
	Approver string `help:"Who decides, for an approval. Without it, the page asks for a name." placeholder:"NAME"`
	Title    string `help:"Title of the link's page, if it is not the approval's." placeholder:"TEXT"`
	From     string `help:"File with the link as JSON, in the form of a registration. Other flags take precedence." placeholder:"PATH"`
}

// Run implements the command.
func (c *addLinkCommand) Run(ctx context.Context, t terminal) error {
	relay, err := c.connect()
	if err != nil {
		return err
	}
	request := api.AddLinkRequest{Name: c.Link}
	if c.From != "" {
		if err := readRequest(c.From, &request.LinkRequest, `a link in JSON, such as {"type":"approval","approver":"Dana Okafor"}`); err != nil {
			return &config.Mistake{Setting: "--from", Problem: err.Error()}
		}
	}
	request.Type, request.Approver = cmp.Or(c.Type, request.Type), cmp.Or(c.Approver, request.Approver)
	request.Page, request.Title = c.Page || request.Page, cmp.Or(c.Title, request.Title)
	link, err := relay.AddLink(ctx, c.ID, request)
	if err != nil {
		return explain(err)
	}
	if c.Output == "json" {
		return printJSON(t.out, link)
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	showLink(w, c.Link, link)
	return w.Flush()
}
