package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
)

// plan is what a run does.
type plan struct {
	rounds    int
	clients   int
	callbacks int // registered and answered in each round
	warmUp    int // before that, unmeasured
	markdown  string
	svg       string
	sizes     bool // measure what callbacks take in Redis, and nothing else
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run executes one command line. Processes that a round starts have a role as
// their first argument; people give none.
func run(ctx context.Context, args []string, out, progress io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case roleStandIn:
			return serveStandIn(ctx, out)
		case roleBare:
			return serveBare(ctx, out)
		}
	}
	p, err := parsePlan(args, progress)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	relay := filepath.Join(dir, "relay")
	fmt.Fprintln(progress, "building the relay")
	if err := buildRelay(ctx, relay); err != nil {
		return err
	}
	if p.sizes {
		return p.measureSizes(ctx, relay, out, progress)
	}
	results, err := p.measure(ctx, relay, progress)
	if err != nil {
		return err
	}
	r := report{plan: p, machine: describeMachine(ctx), bare: results[bareName], relay: results[relayName]}
	return r.write(out)
}

func parsePlan(args []string, usage io.Writer) (plan, error) {
	var p plan
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(usage)
	flags.IntVar(&p.rounds, "rounds", 3, "rounds of each server, taken in turn")
	flags.IntVar(&p.clients, "clients", 64, "clients at once, each with one connection that is kept")
	flags.IntVar(&p.callbacks, "callbacks", 20_000, "callbacks registered and then answered in each round")
	flags.IntVar(&p.warmUp, "warm-up", 3_000, "callbacks before the measured ones")
	flags.StringVar(&p.markdown, "markdown", "", "put the figures into this `file`, between its bench comments")
	flags.StringVar(&p.svg, "svg", "", "draw the figures into this `file`")
	flags.BoolVar(&p.sizes, "sizes", false, "measure what callbacks of several kinds take in Redis, instead of comparing")
	if err := flags.Parse(args); err != nil {
		return p, err
	}
	if flags.NArg() > 0 {
		return p, fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	if p.rounds < 1 || p.clients < 1 || p.callbacks < 1 || p.warmUp < 0 {
		return p, errors.New("rounds, clients and callbacks must be positive")
	}
	return p, nil
}

// measure alternates between the two servers and returns the results by server
// name.
func (p plan) measure(ctx context.Context, relay string, progress io.Writer) (map[string][]result, error) {
	servers := []server{{bareName, startBare}, {relayName, startRelay(relay)}}
	results := map[string][]result{}
	for n := range p.rounds {
		for _, s := range servers {
			say := func(format string, args ...any) {
				fmt.Fprintf(progress, "round %d of %d, %s: %s\n", n+1, p.rounds, s.name, fmt.Sprintf(format, args...))
			}
			r, err := p.round(ctx, s, say)
			if err != nil {
				return nil, fmt.Errorf("round %d, %s: %w", n+1, s.name, err)
			}
			results[s.name] = append(results[s.name], r)
		}
	}
	return results, nil
}

// buildRelay builds the release binary.
func buildRelay(ctx context.Context, to string) error {
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", "release,nethttpomithttp2",
		"-ldflags", "-s -w", "-o", to, "callback-relay/cmd/relay")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the relay: %w\n%s", err, output)
	}
	return nil
}
