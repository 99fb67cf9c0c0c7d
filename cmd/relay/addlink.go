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
	Link     string `arg:"" help:"The link's name. A link that has it already is closed, and this one takes its place."`
	Type     string `help:"webhook, success, failure, heartbeat or approval." placeholder:"TYPE"`
	Page     bool   `help:"Open a page for a person, where machines could call the type too."`
	Approver string `help:"Who decides, of an approval; the page asks for a name otherwise." placeholder:"NAME"`
	Title    string `help:"What its page is about, where that is not the approval's title." placeholder:"TEXT"`
	From     string `help:"File with the link as JSON, in the form that it has in a registration. Other flags win." placeholder:"PATH"`
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
