package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"text/tabwriter"

	"callback-relay/api"
	"callback-relay/handlers"
	"callback-relay/relay"
)

// addLinkCommand adds or replaces one link.
type addLinkCommand struct {
	remote
	ID       callbackID `arg:"" help:"The callback's id."`
	Link     string     `arg:"" help:"The link's name. It replaces an existing link of this name, which is closed."`
	Type     string     `help:"webhook, success, failure, heartbeat or approval." placeholder:"TYPE"`
	Page     bool       `help:"Make the link a page for a person, for types that machines can use too."`
	Approver string     `help:"Who decides, for an approval. Without it, the page asks for a name." placeholder:"NAME"`
	Email    string     `help:"Mail address of the approver, if the approval is verified." placeholder:"ADDRESS"`
	Title    string     `help:"Title of the link's page, if it is not the approval's." placeholder:"TEXT"`
	From     string     `help:"File with the link as JSON, in the form of a registration. Other flags take precedence." placeholder:"PATH"`
}

// Run implements the command.
func (c *addLinkCommand) Run(ctx context.Context, t terminal) error {
	client, err := c.connect()
	if err != nil {
		return err
	}
	request, err := c.request()
	if err != nil {
		return err
	}
	link, err := client.AddLink(ctx, string(c.ID), request)
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

// request returns the link that the file and the flags describe.
func (c *addLinkCommand) request() (api.AddLinkRequest, error) {
	request := api.AddLinkRequest{Name: c.Link}
	if c.From != "" {
		err := readRequest("--from", c.From, func(text []byte) error {
			if err := checkLink(text); err != nil {
				return err
			}
			return json.Unmarshal(text, &request.LinkRequest)
		})
		if err != nil {
			return request, err
		}
	}
	request.Type = cmp.Or(c.Type, request.Type)
	request.Approver = api.Approver{Name: cmp.Or(c.Approver, request.Approver.Name), Email: cmp.Or(c.Email, request.Approver.Email)}
	request.Page, request.Title = c.Page || request.Page, cmp.Or(c.Title, request.Title)
	return request, nil
}

// checkLink checks the fields of a link, as those of the only link of a registration.
func checkLink(text []byte) error {
	_, err := handlers.ParseRegistration(slices.Concat([]byte(`{"links":{"link":`), text, []byte(`}}`)))
	if wrong, ok := errors.AsType[*relay.InvalidFieldError](err); ok {
		field := strings.TrimPrefix(strings.TrimPrefix(wrong.Field, "links."), "link.")
		return &relay.InvalidFieldError{Field: field, Problem: wrong.Problem}
	}
	return err
}
