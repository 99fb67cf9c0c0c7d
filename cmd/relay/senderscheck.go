package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"callback-relay/config"
	"callback-relay/handlers"
	"callback-relay/relay"
	"callback-relay/senders"
)

// sendersCheckCommand says what would become of a request that was saved.
type sendersCheckCommand struct {
	Name         string `arg:"" optional:"" help:"Sender, by its name in the configuration file. Or give --preset or --registration."`
	Config       string `name:"config" env:"RELAY_CONFIG_FILE" help:"The configuration file." placeholder:"PATH"`
	Request      string `required:"" help:"File with the request: its first line, its header, an empty line, and its body, each byte as it was sent." placeholder:"PATH"`
	Preset       string `help:"Sender, by its name in 'relay senders list'. Or give --registration." placeholder:"NAME"`
	Registration string `help:"File with a registration as JSON, in the form of POST /v1/callbacks. It says what the event means to the task." placeholder:"PATH"`
	Link         string `help:"Link or await in the registration, if it has several." placeholder:"NAME"`
	SecretEnv    string `help:"Environment variable that holds the sender's secret." placeholder:"NAME" xor:"secret"`
	SecretFile   string `help:"File that holds the sender's secret; - is standard input." placeholder:"PATH" xor:"secret"`
	URL          string `help:"URL that the sender was given, for senders that sign it. Without it, the one in the request." placeholder:"URL"`
	At           string `help:"Time at which the request arrived, such as 2030-01-31T12:00:00Z or 1700000000. Without it, now." placeholder:"TIME"`
}

// errNotAccepted is the result of a check that the request did not pass. What is wrong
// was printed.
var errNotAccepted = errors.New("the relay would not accept this request")

// Run implements the command.
func (c *sendersCheckCommand) Run(ctx context.Context, t terminal) error {
	guard, err := c.guard(t.in)
	if err != nil {
		return err
	}
	known, err := c.senders(guard)
	if err != nil {
		return err
	}
	post, err := c.post()
	if err != nil {
		return err
	}
	service, err := c.service(known)
	if err != nil {
		return err
	}
	view := rehearsalView{guard: guard, post: post, knowsOutcomes: c.Registration != "" || c.hasOutcomes(known), sender: senderOf(guard, known)}
	if hook, found := known.Hook(guard.Sender); found && (c.Name != "" || guard.Key != "") {
		at, err := service.RehearseHook(ctx, hook, post)
		if err != nil {
			return err
		}
		view.atHook = &at
		guard = atLink(guard, hook)
		view.guard.Sender = guard.Sender
	}
	if !view.knowsOutcomes {
		guard.Otherwise = "succeed" // or the sender would need outcomes
	}
	view.result, err = service.Rehearse(ctx, guard, post)
	if err != nil {
		return c.explain(err)
	}
	view.print(t.out)
	if view.refused() {
		return errNotAccepted
	}
	return nil
}

// senders returns the senders of the configuration file, if the guard names one. Mistakes
// of other senders do not matter: their secrets are often not there.
func (c *sendersCheckCommand) senders(guard relay.Guard) (*configFile, error) {
	var file *config.File
	if guard.Sender != "" {
		if c.Config == "" {
			return nil, &config.Mistake{Setting: "--config", Problem: "missing: name the configuration file, which has the sender"}
		}
		var err error
		file, err = config.ReadFile(c.Config)
		if err := mistakesOf(guard.Sender, err); err != nil {
			return nil, err
		}
	}
	known := newConfigFile(file, func(string, error) {}, slog.New(slog.DiscardHandler))
	_, named := known.Named(guard.Sender)
	_, hooked := known.Hook(guard.Sender)
	setting := "--registration"
	if c.Name != "" {
		setting = "NAME"
	}
	// The name is not repeated: it may be a secret in the wrong place.
	switch {
	case guard.Sender == "":
	case guard.Key != "" && !hooked && named:
		return nil, &config.Mistake{Setting: setting, Problem: "awaits events of a sender that has no hook in " + c.Config}
	case !named && (!hooked || c.Name == "" && guard.Key == ""): // a link cannot name a sender without a proof
		return nil, &config.Mistake{Setting: setting, Problem: "names a sender that " + c.Config + " does not have; it has " +
			cmp.Or(strings.Join(known.Names(), ", "), "none")}
	}
	return known, nil
}

// mistakesOf returns the mistakes of a configuration file that are about one sender, or
// about the file as a whole.
func mistakesOf(sender string, err error) error {
	var all []error
	for _, err := range parts(err) {
		if wrong, ok := errors.AsType[*config.FileMistake](err); ok {
			field, ofSender := strings.CutPrefix(wrong.Field, "senders.")
			if ofSender && field != sender && !strings.HasPrefix(field, sender+".") {
				continue
			}
		}
		all = append(all, err)
	}
	return errors.Join(all...)
}

// hasOutcomes tells whether the sender knows what its events mean to a task.
func (c *sendersCheckCommand) hasOutcomes(known *configFile) bool {
	if sender, found := known.Named(c.Name); found {
		return sender.Outcomes() != nil
	}
	return slices.ContainsFunc(senders.Presets(), func(p senders.Preset) bool { return p.Name == c.Preset && p.Outcomes != nil })
}

// guard returns the guard of the link at which the request arrives.
func (c *sendersCheckCommand) guard(in io.Reader) (relay.Guard, error) {
	var guard relay.Guard
	given := 0
	for _, way := range []string{c.Name, c.Preset, c.Registration} {
		if way != "" {
			given++
		}
	}
	switch {
	case given != 1:
		return guard, &config.Mistake{Setting: "--preset", Problem: "give either the name of a sender in the configuration file, or --preset, or --registration, to say who the sender is"}
	case c.Name != "":
		return relay.Guard{Sender: c.Name}, nil
	case c.Registration != "":
		found, err := c.registered()
		if err != nil {
			return guard, err
		}
		guard = *found
	default:
		guard.Inline, guard.OneSecret = &senders.Spec{Preset: c.Preset}, true
	}
	secret, err := c.secret(in)
	if err != nil {
		return guard, err
	}
	switch {
	case guard.Inline == nil:
	case secret != "":
		guard.Inline.Secrets = []string{secret}
	case guard.Inline.WantsValue():
		return guard, &config.Mistake{Setting: "--secret-env", Problem: "missing: the relay chose the secret of this link; take it from the response to the registration"}
	}
	return guard, nil
}

// registered returns the guard of the link in the registration.
func (c *sendersCheckCommand) registered() (*relay.Guard, error) {
	var registration relay.Registration
	err := readRequest("--registration", c.Registration, func(text []byte) (err error) {
		registration, err = handlers.ParseRegistration(text)
		return err
	})
	if err != nil {
		return nil, err
	}
	var found []*relay.Guard
	for name := range registration.Links {
		if guard := registration.Guard(name); guard != nil && (c.Link == "" || name == c.Link) {
			found = append(found, guard)
		}
	}
	for name := range registration.Awaits {
		if c.Link == "" || name == c.Link {
			found = append(found, registration.Guard(name))
		}
	}
	if len(found) != 1 {
		return nil, &config.Mistake{Setting: "--link", Problem: fmt.Sprintf("must name one webhook link of the registration that has a sender or outcomes, or one await; %d match", len(found))}
	}
	return found[0], nil
}

// secret reads the secret; "" for none.
func (c *sendersCheckCommand) secret(in io.Reader) (string, error) {
	switch {
	case c.SecretEnv != "":
		secret := os.Getenv(c.SecretEnv)
		if secret == "" {
			return "", &config.Mistake{Setting: "--secret-env", Problem: "names a variable that is not set"}
		}
		return secret, nil
	case c.SecretFile == "":
		return "", nil
	}
	if c.SecretFile != "-" {
		file, err := os.Open(c.SecretFile)
		if err != nil {
			return "", &config.Mistake{Setting: "--secret-file", Problem: config.WithoutPath(err).Error()}
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, 64<<10))
	if err != nil {
		return "", &config.Mistake{Setting: "--secret-file", Problem: "cannot be read"}
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

// post returns the request as the relay gets it.
func (c *sendersCheckCommand) post() (relay.Post, error) {
	saved, err := readSavedRequest(c.Request)
	if err != nil {
		return relay.Post{}, &config.Mistake{Setting: "--request", Problem: c.Request + ": " + err.Error()}
	}
	if c.URL != "" {
		if saved.URL, err = url.Parse(c.URL); err != nil || saved.URL.Host == "" {
			return relay.Post{}, &config.Mistake{Setting: "--url", Problem: "is not a whole URL, such as https://relay.example.com/c/..."}
		}
	}
	post := relay.Post{Header: saved.Header, Query: saved.URL.RawQuery, Body: saved.Body, Room: unlimited{}}
	if saved.URL.Host != "" {
		post.URL = saved.URL.String()
	}
	return post, nil
}

// unlimited is the memory for one request, which is there already.
type unlimited struct{}

// Take implements [bodies.Room].
func (unlimited) Take(int) error { return nil }

// Give implements [bodies.Room].
func (unlimited) Give(int) {}

// service returns a service that stores and delivers nothing, with the default limits.
func (c *sendersCheckCommand) service(known relay.Senders) (*relay.Service, error) {
	now := time.Now()
	if c.At != "" {
		seconds, err := strconv.ParseInt(c.At, 10, 64)
		if now = time.Unix(seconds, 0); err != nil {
			if now, err = time.Parse(time.RFC3339, c.At); err != nil {
				return nil, &config.Mistake{Setting: "--at", Problem: "is not a time such as 2030-01-31T12:00:00Z or 1700000000"}
			}
		}
	}
	master, err := relay.NewMasterKey("check")
	if err != nil {
		return nil, err
	}
	keys, err := relay.ParseKeyRing(master)
	if err != nil {
		return nil, err
	}
	return relay.NewService(relay.ServiceOptions{
		Keys: keys, Senders: known, PublicURL: &url.URL{Scheme: "https", Host: "relay.invalid"},
		MaxOutput: relay.MaxOutputBytes, MaxBody: 1 << 20, Now: func() time.Time { return now },
	}), nil
}

// explain returns a mistake in a guard as one of the flag that it is from.
func (c *sendersCheckCommand) explain(err error) error {
	wrong, ok := errors.AsType[*relay.InvalidFieldError](err)
	switch {
	case !ok:
		return err
	case strings.HasPrefix(wrong.Field, "sender.secret"):
		return &config.Mistake{Setting: "--secret-env or --secret-file", Problem: err.Error()}
	case c.Name != "":
		return &config.Mistake{Setting: "NAME", Problem: err.Error()}
	case c.Registration == "":
		return &config.Mistake{Setting: "--preset", Problem: err.Error()}
	}
	return &config.Mistake{Setting: "--registration", Problem: err.Error()}
}
