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
	"regexp"
	"syscall"
)

// plan is what a run does.
type plan struct {
	rounds  int
	scale   float64 // of the numbers of requests
	only    *regexp.Regexp
	pending int    // of the million
	binary  string // the relay; built if ""

	smoke, million, sizes bool // what to do in place of the comparison

	markdown, svg, scaling string // files to write
	published              string // a file with the ratios that the smoke compares with
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
	if p.binary == "" {
		dir, err := os.MkdirTemp("", "bench")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		p.binary = filepath.Join(dir, "relay")
		fmt.Fprintln(progress, "building the relay")
		if err := buildRelay(ctx, p.binary); err != nil {
			return err
		}
	}
	return p.run(ctx, out, progress)
}

// run does what the plan says.
func (p plan) run(ctx context.Context, out, progress io.Writer) error {
	switch {
	case p.sizes:
		return p.measureSizes(ctx, p.binary, out, progress)
	case p.million:
		return p.runMillion(ctx, p.binary, out, progress)
	case p.smoke:
		return p.runSmoke(ctx, bareAndRelay(p.binary), out, progress)
	}
	compared, err := p.compare(ctx, p.scenarios(), bareAndRelay(p.binary), progress)
	if err != nil {
		return err
	}
	r := report{plan: p, machine: describeMachine(ctx), compared: compared}
	return r.write(out)
}

func parsePlan(args []string, usage io.Writer) (plan, error) {
	var p plan
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(usage)
	flags.IntVar(&p.rounds, "rounds", 5, "rounds of each side of each scenario, taken in turn")
	flags.Float64Var(&p.scale, "scale", 1, "multiplies the number of requests in a round, for a quick trial")
	only := flags.String("only", "", "only the scenarios whose names match this regular `expression`")
	flags.IntVar(&p.pending, "pending", 1_000_000, "with -million: how many callbacks are pending")
	flags.StringVar(&p.binary, "binary", "", "measure this relay, a `file`, instead of building one")
	flags.BoolVar(&p.smoke, "smoke", false, "compare in less than two minutes, and fail if a ratio is far from its aim, or from the published one")
	flags.StringVar(&p.published, "published", "docs/benchmarks.md", "with -smoke: the `file` with the published ratios")
	flags.BoolVar(&p.million, "million", false, "compare a relay with a million pending callbacks with one that has a thousand")
	flags.BoolVar(&p.sizes, "sizes", false, "measure what callbacks of several kinds take in Redis")
	flags.StringVar(&p.markdown, "markdown", "", "put the figures into this `file`, between its comments")
	flags.StringVar(&p.svg, "svg", "", "draw the figures into this `file`")
	flags.StringVar(&p.scaling, "scaling", "", "put what follows for many replicas into this `file`, between its comments")
	if err := flags.Parse(args); err != nil {
		return p, err
	}
	if flags.NArg() > 0 {
		return p, fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	if p.rounds < 1 || p.scale <= 0 || p.pending < 1 {
		return p, errors.New("rounds, scale and pending must be positive")
	}
	if (p.smoke || p.million || p.sizes) && (p.svg != "" || p.scaling != "") || p.smoke && p.markdown != "" {
		return p, errors.New("-svg and -scaling need the whole comparison, without -smoke, -million and -sizes; -markdown cannot be used with -smoke")
	}
	if *only != "" {
		if p.markdown != "" || p.svg != "" || p.scaling != "" {
			return p, errors.New("-only cannot write files, because they have the figures of all scenarios: leave it out")
		}
		var err error
		if p.only, err = regexp.Compile(*only); err != nil {
			return p, fmt.Errorf("-only: %w", err)
		}
	}
	return p, nil
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
