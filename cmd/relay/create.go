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
	"unicode/utf8"

	"callback-relay/api"
	"callback-relay/config"
	"callback-relay/handlers"
)

// createCommand registers a task token.
type createCommand struct {
	remote
	ExpiresIn string            `help:"How long the callback may wait, such as 90m, 24h or 7d. Without it, the relay's default." placeholder:"DURATION"`
	ExpiresAt string            `help:"Until when the callback may wait, as YYYY-MM-DDThh:mm:ssZ; at most a year from now." placeholder:"TIME"`
	OnExpiry  string            `help:"What happens then: fail fails the task, ignore sends nothing to it." placeholder:"fail|ignore"`
	Tag       map[string]string `help:"Tag for finding the callback, as key=value. May be repeated." placeholder:"KEY=VALUE" mapsep:"none"`
	Link      map[string]string `help:"Link to make, as name=webhook, name=heartbeat or name=approval. May be repeated. Without it, one webhook named default." placeholder:"NAME=TYPE" mapsep:"none"`
	Await     []string          `help:"Key at a sender's hook to wait for, as sender=key. May be repeated. The await gets the sender's name." placeholder:"SENDER=KEY" sep:"none"`
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
		err := readRequest("--from", c.From, func(text []byte) error {
			if _, err := handlers.ParseRegistration(text); err != nil {
				return err
			}
			return json.Unmarshal(text, &request)
		})
		if err != nil {
			return request, err
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
	for _, await := range c.Await {
		sender, key, ok := parseAwait(await)
		if !ok {
			return request, &config.Mistake{Setting: "--await", Problem: "is not sender=key, such as stripe=pi_3N"}
		}
		if request.Awaits == nil {
			request.Awaits = map[string]api.AwaitRequest{}
		}
		text, err := json.Marshal(key)
		if err != nil {
			return request, err
		}
		request.Awaits[awaitName(request, sender)] = api.AwaitRequest{Sender: sender, Key: text}
	}
	return request, nil
}

// parseAwait reads the name of a sender and a key, with = or : between them. No name of a
// sender has either.
func parseAwait(text string) (sender, key string, ok bool) {
	i := strings.IndexAny(text, "=:")
	if i <= 0 || i == len(text)-1 {
		return "", "", false
	}
	return text[:i], text[i+1:], true
}

// awaitName returns the name for one more await: that of its sender, as far as names of
// awaits can have its characters, with a number if it is taken.
func awaitName(request api.CreateRequest, sender string) string {
	name := strings.Map(func(r rune) rune {
		if r == '.' || r == '_' {
			return '-'
		}
		return r
	}, strings.ToLower(sender))
	if name[0] < 'a' || name[0] > 'z' || name == "expiry" {
		name = "from-" + name
	}
	name = name[:min(len(name), 60)] // so that there is room for a number
	for free, n := name, 2; ; free, n = fmt.Sprint(name, "-", n), n+1 {
		_, isLink := request.Links[free]
		if _, isAwait := request.Awaits[free]; !isLink && !isAwait {
			return free
		}
	}
}

// readRequest reads the JSON file that a flag names, and passes its object to parse, which
// checks the fields. The error says where the file is wrong: by line and column, or as parse
// says it.
func readRequest(flag, path string, parse func(text []byte) error) error {
	wrong := func(at, problem string) error {
		return &config.Mistake{Setting: flag, Problem: path + at + ": " + problem}
	}
	text, err := os.ReadFile(path) //nolint:gosec // the user of the command names the file
	if err != nil {
		return wrong("", config.WithoutPath(err).Error())
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // PowerShell writes a byte order mark
	if before, problem := beforeMistake(text); problem != "" {
		line := 1 + bytes.Count(before, []byte("\n"))
		column := 1 + utf8.RuneCount(before[1+bytes.LastIndexByte(before, '\n'):])
		return wrong(fmt.Sprintf(":%d:%d", line, column), problem)
	}
	if bytes.TrimSpace(text)[0] != '{' { // it is JSON, so it is not empty
		return wrong("", "must be an object")
	}
	if err := parse(text); err != nil {
		return wrong("", strings.Join(texts(err), "; "))
	}
	return nil
}

// beforeMistake returns what is before the first byte that is wrong in a JSON text, and what
// is wrong with it; "" if nothing is.
func beforeMistake(text []byte) (before []byte, problem string) {
	for at, char := range string(text) {
		if char == utf8.RuneError && !bytes.HasPrefix(text[at:], []byte("\ufffd")) {
			return text[:at], "is not UTF-8; save the file in that encoding"
		}
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(text, &json.RawMessage{})); ok {
		return text[:max(0, syntax.Offset-1)], "is not one JSON value; look for a missing or extra quote, comma or bracket here"
	}
	return text, ""
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
