package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"callback-relay/client"
	"callback-relay/config"
)

// Exit codes, for scripts. docs/configuration.md and `relay --help` name them.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2 // the command line or a setting is wrong
	exitNotFound    = 3 // no such callback, sender or event
	exitConflict    = 4 // the callback's state does not allow it
	exitUnavailable = 5 // the relay, or something that it needs, is unavailable: try again
)

const description = `Turns a waiting AWS Step Functions task into a URL.

Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 no such callback,
sender or event, 4 the callback's state does not allow it, 5 unavailable, try
again.`

// commands is the command line.
type commands struct {
	Serve    serveCommand    `cmd:"" help:"Run the relay."`
	Check    checkCommand    `cmd:"" help:"Check what a relay depends on: Redis, its public URL, AWS."`
	Callback callbackCommand `cmd:"" help:"Register, look up, list and cancel callbacks, through a running relay."`
	Health   healthCommand   `cmd:"" help:"Ask the relay on this machine whether it is ready, or alive."`
	Keys     keysCommand     `cmd:"" help:"Make keys."`
	Migrate  migrateCommand  `cmd:"" help:"Migrate the Redis keyspace to the version that this release needs."`
	Senders  sendersCommand  `cmd:"" help:"Describe the senders of webhooks that the relay knows."`
	Config   configCommand   `cmd:"" help:"Describe the settings, and check the configuration file."`
	Version  versionCommand  `cmd:"" help:"Print the version."`

	ShowVersion kong.VersionFlag `name:"version" help:"Print the version."`

	devCommands
}

// terminal is where a command reads from and writes to.
type terminal struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // so that a second signal ends the process at once
	code := run(ctx, os.Args[1:], terminal{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// run executes one command line and returns its exit code.
func run(ctx context.Context, args []string, t terminal) int {
	parser, err := kong.New(&commands{},
		kong.Name("relay"), kong.Description(description),
		kong.Writers(t.out, t.err), kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(t),
		kong.Vars{"version": versionLine()},
	)
	if err != nil {
		panic(err) // the structs above are wrong
	}
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(t.err, "relay: %s\nTry 'relay --help'.\n", withoutSecrets(err.Error(), args))
		return exitUsage
	}
	if err := command.Run(); err != nil {
		fmt.Fprintf(t.err, "relay: %v\n", err)
		return exitCode(err)
	}
	return exitOK
}

// longestWord is the length up to which an argument may be a misspelt command.
// A longer one is more likely a task token, a link or a key in the wrong place.
const longestWord = 24

// withoutSecrets removes long arguments from an error about the command line,
// since the output of commands ends up in the logs of build systems.
func withoutSecrets(problem string, args []string) string {
	for _, arg := range args {
		if len(arg) > longestWord && !strings.HasPrefix(arg, "-") {
			problem = strings.ReplaceAll(problem, arg, "[left out]")
		}
	}
	return problem
}

// errUnreachable marks errors of servers that gave no response at all.
var errUnreachable = errors.New("cannot be reached")

// exitCode finds the exit code for an error.
func exitCode(err error) int {
	if _, wrong := errors.AsType[*config.Mistake](err); wrong {
		return exitUsage
	}
	if _, wrong := errors.AsType[*config.FileMistake](err); wrong {
		return exitUsage
	}
	if errors.Is(err, errUnreachable) {
		return exitUnavailable
	}
	answer, ok := errors.AsType[*client.Error](err)
	if !ok {
		return exitFailed
	}
	switch answer.StatusCode {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusRequestEntityTooLarge:
		return exitUsage
	case http.StatusNotFound:
		return exitNotFound
	case http.StatusConflict, http.StatusGone:
		return exitConflict
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return exitUnavailable
	}
	return exitFailed
}
