//go:build !release

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"callback-relay/config"
	"callback-relay/devmode/samples"
	"callback-relay/handlers"
	"callback-relay/senders"
)

// devPostCommand posts samples of a sender's events, so that the author of a workflow sees
// what becomes of them.
type devPostCommand struct {
	Preset       string `arg:"" help:"Sender, by its name in 'relay senders list'."`
	URL          string `arg:"" name:"callback-url" optional:"" help:"Link or hook to post to."`
	Secret       string `help:"Secret that the link was registered with, or that the hook's sender has in the configuration file. Without it, the one in the sample's registration." placeholder:"SECRET"`
	Event        string `help:"Post only this event." placeholder:"NAME" xor:"which"`
	All          bool   `help:"Post all events. Otherwise the events up to the first one that ends the task are posted." xor:"which"`
	List         bool   `help:"List the events, with the answer to each, and post nothing." xor:"which"`
	Registration bool   `help:"Print a registration for these events, and post nothing." xor:"which"`
}

const postTimeout = 30 * time.Second

// Run implements the command.
func (c *devPostCommand) Run(ctx context.Context, t terminal) error {
	sample, err := samples.Load(c.Preset)
	if err != nil {
		return c.explain(err)
	}
	switch {
	case c.List:
		return listSample(t.out, sample)
	case c.Registration:
		_, err := fmt.Fprintf(t.out, "%s\n", sample.Registration)
		return err
	}
	events, err := c.events(sample)
	if err != nil {
		return err
	}
	link, err := url.Parse(c.URL)
	if err != nil || link.Host == "" || link.Scheme != "http" && link.Scheme != "https" {
		return &config.Mistake{Setting: "CALLBACK-URL", Problem: "is not the URL of a link or a hook, such as http://127.0.0.1:8080/c/..."}
	}
	sender, err := c.sender(sample)
	if err != nil {
		return err
	}
	refused := 0
	for _, event := range events {
		accepted, err := c.post(ctx, t.out, sample, sender, event, *link)
		if err != nil {
			return fmt.Errorf("post %s: %w", event.Name, err)
		}
		if !accepted {
			refused++
		}
	}
	if refused > 0 {
		return fmt.Errorf("%d of %d events were not accepted", refused, len(events))
	}
	return nil
}

// explain says why there are no samples of the preset.
func (c *devPostCommand) explain(err error) error {
	_, known := senders.New(senders.Spec{Preset: c.Preset})
	if wrong, ok := errors.AsType[*senders.SpecError](known); ok && wrong.Field == "preset" {
		err = errors.New(wrong.Problem)
	}
	return &config.Mistake{Setting: "PRESET", Problem: err.Error()}
}

// events returns the events to post.
func (c *devPostCommand) events(sample samples.Sample) ([]samples.Event, error) {
	if c.Event != "" {
		event, found := sample.Event(c.Event)
		if !found {
			return nil, &config.Mistake{Setting: "--event", Problem: fmt.Sprintf("%q is not an event of %s, which has %s", c.Event, c.Preset, eventNames(sample))}
		}
		return []samples.Event{event}, nil
	}
	last := slices.IndexFunc(sample.Events, func(e samples.Event) bool { return e.Expected.Ends() })
	if c.All || last < 0 {
		return sample.Events, nil
	}
	return sample.Events[:last+1], nil
}

// eventNames lists the events of a sample.
func eventNames(sample samples.Sample) string {
	var names []string
	for _, e := range sample.Events {
		names = append(names, e.Name)
	}
	return strings.Join(names, ", ")
}

// sender returns the sender of the sample's registration, with the secret of the command
// line.
func (c *devPostCommand) sender(sample samples.Sample) (*senders.Sender, error) {
	registration, err := handlers.ParseRegistration(sample.Registration)
	if err != nil {
		return nil, err
	}
	var spec senders.Spec
	for _, link := range registration.Links { // there is one
		spec = *link.Guard.Inline
	}
	switch {
	case c.Secret != "" && sample.Key != nil:
		return nil, &config.Mistake{Setting: "--secret", Problem: "cannot be used: " + c.Preset + " signs with a private key, which only the sender has. " +
			"Leave it out, and register the link as --registration shows: then the key of the samples counts"}
	case c.Secret != "":
		spec.Secrets = []string{c.Secret}
	case spec.WantsValue():
		return nil, &config.Mistake{Setting: "--secret", Problem: "missing: the relay chose a secret for the link, and the response to the registration has it, beside the link's url; that of a hook is in the configuration file"}
	}
	sender, err := senders.New(spec)
	if err != nil {
		return nil, &config.Mistake{Setting: "--secret", Problem: err.Error()}
	}
	return sender, nil
}

// post posts one event and prints what was posted and answered. accepted tells whether the
// answer was a 2xx.
func (c *devPostCommand) post(ctx context.Context, out io.Writer, sample samples.Sample, sender *senders.Sender, event samples.Event, link url.URL) (accepted bool, err error) {
	if event.Query != "" {
		link.RawQuery = event.Query
	}
	now := time.Now()
	header, body := event.At(now)
	signed := senders.Request{Method: http.MethodPost, URL: link.String(), Header: header, Query: link.Query(), Body: body, Now: now}
	if err := sender.Sign(&signed, sample.Key); err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, link.String(), bytes.NewReader(signed.Body))
	if err != nil {
		return false, err
	}
	req.Header = signed.Header
	fmt.Fprintf(out, "%s\n", event.Name)
	var head bytes.Buffer
	_ = signed.Header.Write(&head) // a buffer takes everything
	for line := range strings.Lines(head.String() + string(signed.Body)) {
		fmt.Fprintf(out, "  > %s\n", strings.TrimRight(line, "\r\n"))
	}
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		return false, errors.Join(errUnreachable, err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	expected := event.Expected
	if strings.Contains(link.Path, "/h/") { // what becomes of it there depends on who waits
		expected.Reply = nil
	}
	fmt.Fprintf(out, "  < %s\n", shownAnswer(expected, response.StatusCode, bytes.TrimSpace(answer)))
	if response.StatusCode == http.StatusUnauthorized {
		fmt.Fprintf(out, "  The link must be registered with %s. So must the sender of a hook be configured.\n", c.shared(sample))
	}
	return response.StatusCode/100 == 2, err
}

// shared says what the link and the samples must have in common.
func (c *devPostCommand) shared(sample samples.Sample) string {
	noSecret := slices.ContainsFunc(senders.Presets(), func(p senders.Preset) bool { return p.Name == c.Preset && p.Secret == "" })
	switch {
	case noSecret:
		return "the account that the samples are of: that of --registration"
	case sample.Key != nil:
		return "the public key of the samples: that of --registration"
	}
	return "the secret that signs here: that of --registration, or give --secret"
}

// shownAnswer returns an answer in one line. The replies that some senders expect do not say
// what became of the event, so the line has what the sample expects.
func shownAnswer(want samples.Expected, status int, body []byte) string {
	shown := fmt.Sprintf("%d %s", status, body)
	if len(body) == 0 {
		shown = fmt.Sprintf("%d, empty", status)
	}
	if want.Reply != nil && status == want.Status {
		shown += " (expected: " + want.Verdict + ")"
	}
	return shown
}

// listSample lists the events of a sample.
func listSample(out io.Writer, sample samples.Sample) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "EVENT\tANSWER")
	for _, e := range sample.Events {
		fmt.Fprintf(w, "%s\t%s\n", e.Name, e.Expected.Text)
	}
	return w.Flush()
}
