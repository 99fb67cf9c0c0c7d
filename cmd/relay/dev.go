//go:build !release

package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"callback-relay/config"
	"callback-relay/devmode"
	"callback-relay/devmode/samples"
	"callback-relay/migrations"
	"callback-relay/publickeys"
	"callback-relay/relay"
	"callback-relay/stepfunctions/standin"
)

// devCommands are the commands that a release build does not have.
type devCommands struct {
	Dev devCommand `cmd:"" help:"Try out the relay, and registrations."`
}

// devCommand runs everything in one process, or posts samples to it.
type devCommand struct {
	Run  devRunCommand  `cmd:"" default:"withargs" help:"Run the relay with Redis and Step Functions inside the process, to try it out. The default."`
	Post devPostCommand `cmd:"" help:"Sign samples of a sender's events, and post them to a link."`
}

// devRunCommand runs everything in one process.
type devRunCommand struct {
	PublicListen  string `default:"127.0.0.1:8080" help:"Address and port of the public links. If this or the private port is in use, other ports are used."`
	PrivateListen string `default:"127.0.0.1:8081" help:"Address and port of the private API."`
	ConfigFile    string `env:"RELAY_CONFIG_FILE" help:"YAML file with the senders that registrations can name, as for 'relay serve'. It is read again when it changes. Without it, there is one with a sample hook." placeholder:"PATH"`
	LogLevel      string `default:"warn" help:"debug, info, warn or error."`
}

// Run implements the command.
func (c *devRunCommand) Run(ctx context.Context, t terminal) error {
	master, err := relay.NewMasterKey("dev")
	if err != nil {
		return err
	}
	keys, err := relay.ParseKeyRing(master)
	if err != nil {
		return err
	}
	world, err := devmode.Start(func(e standin.Effect) { t.printEffect(keys, e) })
	if err != nil {
		return err
	}
	defer world.Close()

	file, remove, err := c.configFile()
	if err != nil {
		return err
	}
	defer remove()
	listening, err := bindNear(c.PublicListen, c.PrivateListen)
	if err != nil {
		return err
	}
	apiKey := "dev-" + rand.Text()
	cfg, err := c.config(world, listening, file, master, apiKey)
	if err != nil {
		listening.close()
		return err
	}
	shown, err := newPages(cfg.Brand)
	if err != nil {
		listening.close()
		return err
	}
	published, err := samples.Published(http.DefaultTransport)
	if err != nil {
		listening.close()
		return err
	}
	n, err := newNode(nodeOptions{
		Config: cfg, Keys: keys, Pages: shown, Ports: listening, Log: t.err,
		SenderKeys: publickeys.New(published),
		AroundLog:  func(log slog.Handler) slog.Handler { return hookWatch{log, t.printIgnored} },
		AWS: aws.Config{
			Region:       "us-east-1",
			Credentials:  credentials.NewStaticCredentialsProvider("dev", "dev", ""),
			BaseEndpoint: &world.StepFunctionsURL,
		},
	})
	if err != nil {
		return err
	}
	if _, err := migrations.Up(ctx, n.redis, nil); err != nil {
		n.close()
		return err
	}
	links, err := c.sampleTasks(ctx, n, world)
	if err != nil {
		n.close()
		return err
	}
	t.printWelcome(cfg, apiKey, links)
	hooks := n.configFile.Hooks()
	switch {
	case c.ConfigFile == "":
		t.printHook(file, n.service.HookURL(sampleHook))
	case len(hooks) > 0:
		t.printHooks(file, hooks, n.service)
	}
	ignored := ""
	if len(hooks) > 0 {
		ignored = ", and what hooks ignore"
	}
	fmt.Fprintf(t.out, "\nWhat Step Functions receives is printed here%s. Ctrl-C stops everything.\n", ignored)
	return n.run(ctx)
}

// sampleHook is the sender in [devmode.ConfigFile].
const sampleHook = "shop"

// configFile returns the path of the configuration file, and removes it if it was made.
func (c *devRunCommand) configFile() (path string, remove func(), err error) {
	if c.ConfigFile != "" {
		return c.ConfigFile, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "relay-dev-")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) } // nothing depends on it
	path = filepath.Join(dir, "relay.yaml")
	if err := os.WriteFile(path, devmode.ConfigFile, 0o600); err != nil {
		remove()
		return "", nil, err
	}
	return path, remove, nil
}

// sampleLinks are the links of the two sample tasks.
type sampleLinks struct{ webhook, approval string }

// sampleTasks registers a task for a machine and one for a person.
func (c *devRunCommand) sampleTasks(ctx context.Context, n *node, world *devmode.World) (sampleLinks, error) {
	register := func(r relay.Registration) (string, error) {
		r.TaskToken = relay.TaskToken(world.StepFunctions.NewTask(standin.TaskOptions{}))
		r.Expires = relay.Expires{In: time.Hour}
		cb, _, err := n.service.Create(ctx, r)
		if err != nil {
			return "", err
		}
		return n.service.URL(cb, cb.Links[0]), nil
	}
	webhook, err := register(relay.Registration{})
	if err != nil {
		return sampleLinks{}, err
	}
	approval, err := register(relay.Registration{
		Links: map[string]relay.LinkRequest{"dana": {
			LinkKind: relay.LinkKind{Type: relay.LinkApproval}, Approver: "Dana Okafor",
			Response: relay.Response{Text: "The terminal shows what the workflow received."},
		}},
		Approval: &relay.Approval{
			Title:   "Deploy 4.2.0 to production?",
			Message: "All **212 tests** passed. Rolling back takes about two minutes:\n\n- the database is not changed\n- nobody is logged out",
			Details: []relay.Detail{
				{Name: "Service", Value: "billing"}, {Name: "Changes", Value: "4.1.9 to 4.2.0", URL: "https://example.com/changes/4.2.0"},
			},
			RequestedBy:  "Release pipeline, release@example.com",
			ApproveLabel: "Deploy", RejectLabel: "Not now", Comment: relay.CommentRequiredOnReject,
			Fields: []byte(`{"type": "object", "properties": {
				"window": {"title": "When", "type": "string", "enum": ["now", "tonight"], "default": "now"},
				"share": {"title": "Share of users at first, in percent", "type": "integer", "minimum": 1, "maximum": 100, "default": 10}}}`),
		},
	})
	return sampleLinks{webhook, approval}, err
}

// config makes the settings for this world, as an operator would.
func (c *devRunCommand) config(world *devmode.World, listening ports, file, master, apiKey string) (config.Config, error) {
	public, private := dialable(listening.public), dialable(listening.private)
	hash := sha256.Sum256([]byte(apiKey))
	return config.Settings{
		PublicURL:     (&url.URL{Scheme: "http", Host: public}).String(),
		PublicListen:  public,
		PrivateListen: private,
		RedisSettings: config.RedisSettings{RedisURL: config.Secret(world.RedisURL)},
		Keys:          config.Secret(master),
		APIKeys:       config.Secret("dev:" + hex.EncodeToString(hash[:])),
		ConfigFile:    file,
		LogLevel:      c.LogLevel,
		LogFormat:     string(config.LogText),
	}.Parse()
}

// dialable returns the address at which this machine reaches a listener. A
// listener on all interfaces has the address [::], which cannot be dialled.
func dialable(l net.Listener) string {
	address, ok := l.Addr().(*net.TCPAddr)
	if !ok || !address.IP.IsUnspecified() {
		return l.Addr().String()
	}
	return net.JoinHostPort("localhost", strconv.Itoa(address.Port))
}

// bindNear is [bind], with other ports of the same hosts if a port is in use.
func bindNear(public, private string) (ports, error) {
	listening, err := bind(public, private)
	if !errors.Is(err, syscall.EADDRINUSE) {
		return listening, err
	}
	for _, address := range []*string{&public, &private} {
		host, _, err := net.SplitHostPort(*address)
		if err != nil {
			return ports{}, err
		}
		*address = net.JoinHostPort(host, "0")
	}
	return bind(public, private)
}

func (t terminal) printWelcome(cfg config.Config, apiKey string, links sampleLinks) {
	fmt.Fprintf(t.out, `The callback relay is running in development mode. Redis and Step Functions run
inside this process, in memory: nothing is kept when it stops.

  public links  http://%[1]s
  private API   http://%[2]s  (openapi.yaml, metrics and readyz are there too)

A sample task waits for an answer at

  %[3]s

Complete it from another terminal:

  curl -i %[3]s -H 'Content-Type: application/json' -d '{"approved": true, "amount": 12345678901234567890123}'

Another task waits for a person. Open this in a browser and decide:

  %[5]s

Or register a task of your own:

  export RELAY_API_URL=http://%[2]s RELAY_API_KEY=%[4]s
  echo any-text-you-like | go run ./cmd/relay callback create

Or see what becomes of the events of a sender, such as GitHub:

  go run ./cmd/relay dev post github --registration > github.json
  echo any-other-text | go run ./cmd/relay callback create --from github.json
  go run ./cmd/relay dev post github URL-OF-THE-LINK
`, cfg.PublicListen, cfg.PrivateListen, links.webhook, apiKey, links.approval)
}

// printHook shows the sample hook, with both orders of event and registration.
func (t terminal) printHook(file, hook string) {
	fmt.Fprintf(t.out, `
Or use a hook, the one URL to which a sender posts all its events. This one is in
%[1]s. Here the event comes first, and waits for the task:

  curl -i %[2]s -H 'Content-Type: application/json' -d '{"order": 41, "state": "shipped"}'
  echo task-41 | go run ./cmd/relay callback create --await shop=41

And here the task comes first:

  echo task-42 | go run ./cmd/relay callback create --await shop=42
  curl -i %[2]s -H 'Content-Type: application/json' -d '{"order": 42, "state": "shipped"}'
`, file, hook)
}

// printHooks shows the hooks of a configuration file.
func (t terminal) printHooks(file string, hooks []relay.Hook, service *relay.Service) {
	fmt.Fprintf(t.out, "\nOr use the hooks of %s, the URLs to which senders post all their events:\n\n", file)
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	for _, hook := range hooks {
		fmt.Fprintf(w, "  %s\t%s\n", hook.Name, service.HookURL(hook.Name))
	}
	_ = w.Flush()
	fmt.Fprintf(t.out, "\nA task awaits an event of one by its key:\n\n  echo one-more-text | go run ./cmd/relay callback create --await %s=KEY\n", hooks[0].Name)
}

// printEffect writes at once: effects may overlap.
func (t terminal) printEffect(keys *relay.KeyRing, e standin.Effect) {
	id := keys.Identify(relay.TaskToken(e.TaskToken))[0].ID
	received := ""
	switch e.Action {
	case standin.SendTaskSuccess:
		received = fmt.Sprintf(":\n%s", e.Output)
	case standin.SendTaskFailure:
		received = fmt.Sprintf(":\n  error: %s\n  cause: %s", e.Error, e.Cause)
	}
	fmt.Fprintf(t.out, "\nStep Functions received %s for callback %s%s\n", e.Action, id, received)
}
