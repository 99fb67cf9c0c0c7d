package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"callback-relay/api"
	"callback-relay/config"
)

// createCommand registers a task token.
type createCommand struct {
	remote
	ExpiresIn string            `help:"How long it may wait, such as 90m, 24h or 7d; the relay's default otherwise." placeholder:"DURATION"`
	ExpiresAt string            `help:"Until when it may wait, such as 2030-01-31T12:00:00Z." placeholder:"TIME"`
	OnExpiry  string            `help:"What happens then: fail the task, or ignore." placeholder:"fail|ignore"`
	Tag       map[string]string `help:"Tag to find it by, as key=value. May be repeated." placeholder:"KEY=VALUE" mapsep:"none"`
	Link      map[string]string `help:"Link to make, as name=webhook, name=heartbeat or name=approval. May be repeated; one webhook named default otherwise." placeholder:"NAME=TYPE" mapsep:"none"`
	Title     string            `help:"What the pages are about, such as \"Deploy 4.2.0?\". Each needs a title, this or one of its own." placeholder:"TEXT"`
	From      string            `help:"File with the registration as JSON, in the form of POST /v1/callbacks without the task token. Other flags win." placeholder:"PATH"`
}

// Run implements the command.
func (c *createCommand) Run(ctx context.Context, t terminal) error {
	relay, err := c.connect()
	if err != nil {
		return err
	}
	// Not an argument: command lines are seen by others and kept by shells.
	line, err := bufio.NewReader(io.LimitReader(t.in, 64<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the task token from standard input: %w", err)
	}
	request, err := c.request()
	if err != nil {
		return err
	}
	request.TaskToken = strings.TrimSpace(line)
	cb, _, err := relay.Create(ctx, request)
	if err != nil {
		return explainCollection(err)
	}
	return c.show(t.out, cb)
}

// request is what the flags and the file ask for.
func (c *createCommand) request() (api.CreateRequest, error) {
	var request api.CreateRequest
	if c.From != "" {
		if err := readRequest(c.From, &request, `a registration in JSON, such as {"links":{"dana":{"type":"approval"}}}`); err != nil {
			return request, &config.Mistake{Setting: "--from", Problem: err.Error()}
		}
	}
	at, err := parseTime("--expires-at", c.ExpiresAt)
	if err != nil {
		return request, err
	}
	if c.ExpiresIn != "" || at != nil {
		request.ExpiresIn, request.ExpiresAt = c.ExpiresIn, at
	}
	request.OnExpiry = cmp.Or(c.OnExpiry, request.OnExpiry)
	if len(c.Tag) > 0 {
		request.Tags = c.Tag
	}
	if c.Title != "" {
		if request.Approval == nil {
			request.Approval = &api.Approval{}
		}
		request.Approval.Title = c.Title
	}
	for name, kind := range c.Link {
		if request.Links == nil {
			request.Links = map[string]api.LinkRequest{}
		}
		request.Links[name] = api.LinkRequest{Type: kind}
	}
	return request, nil
}

// readRequest reads a file that has to be what is wanted. What a mistake is in is
// named, and nothing that the file says is shown.
func readRequest(path string, into any, wanted string) error {
	text, err := os.ReadFile(path) //nolint:gosec // whoever runs the command names the file
	if err != nil {
		return config.WithoutPath(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff")))) // PowerShell writes a byte order mark
	decoder.DisallowUnknownFields()
	err = decoder.Decode(into)
	if err == nil {
		if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
			return errors.New("has more in it than " + wanted)
		}
		return nil
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("has the wrong type of value for %s", cmp.Or(wrong.Field, "the whole"))
	}
	if _, ok := errors.AsType[*time.ParseError](err); ok {
		return errors.New("has an expiresAt that is not a time such as 2030-01-31T12:00:00Z")
	}
	// The one error of the decoder that has no type.
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("has a field that is not known: %s", name)
	}
	return errors.New("is not " + wanted)
}

// parseTime reads a time that was given with a flag; nil for none.
func parseTime(flag, text string) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, &config.Mistake{Setting: flag, Problem: "is not a time such as 2030-01-31T12:00:00Z"}
	}
	return &at, nil
}
