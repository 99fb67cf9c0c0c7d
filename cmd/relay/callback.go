package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"callback-relay/api"
	"callback-relay/client"
	"callback-relay/config"
)

// callbackCommand uses a running relay through its private API.
type callbackCommand struct {
	Create  createCommand  `cmd:"" help:"Register a task token, read from standard input, and print the URLs."`
	Get     getCommand     `cmd:"" help:"Show one callback."`
	History historyCommand `cmd:"" help:"Show what became of events and attempts that did not lead to the outcome."`
	List    listCommand    `cmd:"" help:"List callbacks, newest first; with --state, by deadline, next attempt or end."`
	Extend  extendCommand  `cmd:"" help:"Give a pending callback another deadline."`
	AddLink addLinkCommand `cmd:"" help:"Give a pending callback another link, or replace one that leaked."`
	Revoke  revokeCommand  `cmd:"" help:"Close one link or await of a callback."`
	Cancel  cancelCommand  `cmd:"" help:"Cancel a pending callback."`
	Try     tryCommand     `cmd:"" help:"Register a callback without a task and cancel it, to check that the relay works."`
}

// remote is how to reach the relay, and how to show its responses.
type remote struct {
	APIURL     string        `name:"api-url" env:"RELAY_API_URL" default:"http://127.0.0.1:8081" help:"Address of the relay's private API."`
	APIKey     config.Secret `name:"api-key" env:"RELAY_API_KEY" help:"API key. Prefer the environment or a file: others can see a command line."`
	APIKeyFile string        `name:"api-key-file" env:"RELAY_API_KEY_FILE" help:"File that holds the API key." placeholder:"PATH"`
	Output     string        `short:"o" enum:"table,json" default:"table" help:"table for people, json for programs."`
}

// connect returns a client.
func (r *remote) connect() (*client.Client, error) {
	key := r.APIKey.Reveal()
	if r.APIKeyFile != "" {
		if key != "" {
			return nil, &config.Mistake{Setting: "RELAY_API_KEY_FILE", Problem: "is set, and so is RELAY_API_KEY; keep one of them"}
		}
		text, err := os.ReadFile(r.APIKeyFile)
		if err != nil {
			return nil, &config.Mistake{Setting: "RELAY_API_KEY_FILE", Problem: config.WithoutPath(err).Error()}
		}
		key = strings.TrimSpace(string(text))
	}
	if key == "" {
		return nil, &config.Mistake{Setting: "RELAY_API_KEY", Problem: "is missing; set it to the key that 'relay keys api' printed"}
	}
	c, err := client.New(r.APIURL, key)
	if err != nil {
		return nil, &config.Mistake{Setting: "RELAY_API_URL", Problem: err.Error()}
	}
	return c, nil
}

// explain marks the client's errors that mean that no relay responded.
func explain(err error) error {
	if _, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("the relay %w: %w", errUnreachable, err)
	}
	return err
}

// explainCollection is [explain] for requests that name no callback: a 404 then
// means that there is no private API at this address.
func explainCollection(err error) error {
	if answer, ok := errors.AsType[*client.Error](err); ok && answer.StatusCode == http.StatusNotFound {
		return &config.Mistake{Setting: "RELAY_API_URL", Problem: "want the address of the private listener, but there is no private API at this address: " + err.Error()}
	}
	return explain(err)
}

// extendCommand gives one callback another deadline.
type extendCommand struct {
	remote
	ID string `arg:"" help:"The callback's id."`
	In string `help:"How long the callback may wait from now, such as 90m, 24h or 7d." placeholder:"DURATION" xor:"deadline" required:""`
	At string `help:"Until when the callback may wait, as YYYY-MM-DDThh:mm:ssZ; at most a year from now." placeholder:"TIME" xor:"deadline" required:""`
}

// Run implements the command.
func (c *extendCommand) Run(ctx context.Context, t terminal) error {
	at, err := parseTime("--at", c.At)
	if err != nil {
		return err
	}
	return c.one(t, func(relay *client.Client) (api.Callback, error) {
		return relay.Update(ctx, c.ID, api.UpdateRequest{ExpiresIn: c.In, ExpiresAt: at})
	})
}

// revokeCommand closes one link or await.
type revokeCommand struct {
	remote
	ID   string `arg:"" help:"The callback's id."`
	Link string `arg:"" help:"The name of the link or await."`
}

// Run implements the command.
func (c *revokeCommand) Run(ctx context.Context, t terminal) error {
	return c.one(t, func(relay *client.Client) (api.Callback, error) { return relay.RevokeLink(ctx, c.ID, c.Link) })
}

// getCommand shows one callback.
type getCommand struct {
	remote
	ID string `arg:"" help:"The callback's id."`
}

// Run implements the command.
func (c *getCommand) Run(ctx context.Context, t terminal) error {
	return c.one(t, func(relay *client.Client) (api.Callback, error) { return relay.Get(ctx, c.ID) })
}

// cancelCommand cancels one callback.
type cancelCommand struct {
	remote
	ID string `arg:"" help:"The callback's id."`
}

// Run implements the command.
func (c *cancelCommand) Run(ctx context.Context, t terminal) error {
	return c.one(t, func(relay *client.Client) (api.Callback, error) { return relay.Cancel(ctx, c.ID) })
}

// listCommand lists callbacks.
type listCommand struct {
	remote
	State string `help:"Only callbacks in this state: pending, answered, delivered, refused, expired or cancelled."`
	Tag   string `help:"Only callbacks with this tag, as key=value." placeholder:"KEY=VALUE"`
	Await string `help:"Only pending callbacks that wait for this key of a sender's hook, as sender:key." placeholder:"SENDER:KEY"`
	Limit int    `default:"20" help:"How many at most; 0 for all."`
}

// Run implements the command.
func (c *listCommand) Run(ctx context.Context, t terminal) error {
	relay, err := c.connect()
	if err != nil {
		return err
	}
	query := client.Query{State: c.State, Limit: 100}
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
	fmt.Fprintln(w, "ID\tSTATE\tCREATED\tEXPIRES\tTAGS")
	for _, cb := range found {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", cb.ID, cb.State,
			cb.CreatedAt.Format(time.RFC3339), cb.ExpiresAt.Format(time.RFC3339), tags(cb))
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

// one does something with one callback and shows it.
func (r *remote) one(t terminal, do func(*client.Client) (api.Callback, error)) error {
	relay, err := r.connect()
	if err != nil {
		return err
	}
	cb, err := do(relay)
	if err != nil {
		return explain(err)
	}
	return r.show(t.out, cb)
}

// show prints a callback.
func (r *remote) show(out io.Writer, cb api.Callback) error {
	if r.Output == "json" {
		return printJSON(out, cb)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	row("id", "%s", cb.ID)
	row("state", "%s", cb.State)
	row("created", "%s", cb.CreatedAt.Format(time.RFC3339))
	expires := cb.ExpiresAt.Format(time.RFC3339)
	if cb.State == api.StatePending {
		expires += " (then: " + cb.OnExpiry + ")"
	}
	row("expires", "%s", expires)
	if len(cb.Tags) > 0 {
		row("tags", "%s", tags(cb))
	}
	for _, d := range cb.Decisions {
		name := d.By.Approver
		if d.By.Typed {
			name += " (not verified)"
		}
		row(d.Decision, "by %s on link %s, %s", name, d.By.Link, d.At.Format(time.RFC3339))
	}
	if o := cb.Outcome; o != nil {
		row("outcome", "%s by %s, %s", strings.TrimSpace(o.Type+" "+o.Error), o.By, o.At.Format(time.RFC3339))
	}
	if d := cb.Delivery; d != nil {
		row("attempts", "%d", d.Attempts)
		if d.LastError != "" {
			row("last error", "%s", d.LastError)
		}
		if d.NextAttemptAt != nil {
			row("next attempt", "%s", d.NextAttemptAt.Format(time.RFC3339))
		}
		if d.Confirmed != nil && !*d.Confirmed {
			row("confirmed", "no: Step Functions closed the task after an attempt without a clear result")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cb.Links)) {
		showLink(w, name, cb.Links[name])
	}
	for _, name := range slices.Sorted(maps.Keys(cb.Awaits)) {
		kind := "await"
		if cb.Awaits[name].Closed {
			kind += ", closed"
		}
		about := cb.Awaits[name].Sender
		if key := cb.Awaits[name].Key; key != "" {
			about += " about " + key
		}
		row(name+" ("+kind+")", "an event of %s", about)
	}
	return w.Flush()
}

// showLink prints a link as one table row, and what belongs to it, if the relay chose it,
// as others.
func showLink(w io.Writer, name string, link api.Link) {
	about := link.Type
	if link.Page && link.Type != api.LinkApproval { // an approval is always a page
		about += " page"
	}
	if link.Approver != "" {
		about += ", " + link.Approver
	}
	if link.Closed {
		about += ", closed"
	}
	fmt.Fprintf(w, "%s (%s)\t%s\n", name, about, link.URL)
	if link.Secret != "" {
		fmt.Fprintf(w, "secret (%s)\t%s\n", name, link.Secret)
	}
	if link.Code != "" {
		fmt.Fprintf(w, "%s's code\t%s (send it separately from the link)\n", name, link.Code)
	}
}

func tags(cb api.Callback) string {
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(cb.Tags)) {
		pairs = append(pairs, key+"="+cb.Tags[key])
	}
	return strings.Join(pairs, " ")
}

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
