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
	ExpiresIn string            `help:"How long the callback may wait, such as 90m, 24h or 7d. Without it, the relay's default." placeholder:"DURATION"`
	ExpiresAt string            `help:"Until when the callback may wait, such as 2030-01-31T12:00:00Z." placeholder:"TIME"`
	OnExpiry  string            `help:"What happens then: fail fails the task, ignore sends nothing to it." placeholder:"fail|ignore"`
	Tag       map[string]string `help:"Tag for finding the callback, as key=value. May be repeated." placeholder:"KEY=VALUE" mapsep:"none"`
	Link      map[string]string `help:"Link to make, as name=webhook, name=heartbeat or name=approval. May be repeated. Without it, one webhook named default." placeholder:"NAME=TYPE" mapsep:"none"`
	Title     string            `help:"What the pages are about, such as \"Deploy 4.2.0?\". Each page needs a title, this one or its own." placeholder:"TEXT"`
	From      string            `help:"File with the registration as JSON, in the form of POST /v1/callbacks without the task token. Other flags take precedence." placeholder:"PATH"`
}

// Run implements the command.
func (c *createCommand) Run(ctx context.Context, t terminal) error {
	relay, err := c.connect()
	if err != nil {
		return err
	}
	// Not an argument: others can see command lines, and shells keep them.
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

// request returns the registration that the file and the flags describe.
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

// readRequest reads a JSON file into a value; wanted describes the value for
// errors. An error names the wrong field, and shows no content of the file.
func readRequest(path string, into any, wanted string) error {
	text, err := os.ReadFile(path) //nolint:gosec // the user of the command names the file
	if err != nil {
		return config.WithoutPath(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff")))) // PowerShell writes a byte order mark
	decoder.DisallowUnknownFields()
	err = decoder.Decode(into)
	if err == nil {
		if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
			return errors.New("has more than " + wanted)
		}
		return nil
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("has the wrong type of value for %s", cmp.Or(wrong.Field, "the whole file"))
	}
	if _, ok := errors.AsType[*time.ParseError](err); ok {
		return errors.New("has an expiresAt that is not a time such as 2030-01-31T12:00:00Z")
	}
	// The one error of the decoder that has no type.
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("has an unknown field: %s", name)
	}
	return errors.New("is not " + wanted)
}

// parseTime reads the time of a flag; nil for none.
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
