package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// The keyspace already has many callbacks when sizes are measured. So the sets of
// all partitions have the encoding of large sets, and no hash table of Redis
// grows during a measurement, which would falsify it.
const (
	sizesAmong = 20_000
	sizesOf    = 1_000 // callbacks of each kind

	sizesClients = 64
)

// Optional members of a registration.
var (
	noExtras = registration{}
	withTags = registration{Tags: map[string]string{
		"order": "4711-2026", "customer": "acme-industries", "team": "payments", "environment": "production",
	}}
	withApproval = registration{
		Links: json.RawMessage(`{"default": {"type": "webhook"},
			"dana": {"type": "approval", "approver": "Dana Okafor"}, "kim": {"type": "approval", "approver": "Kim Larsen"}}`),
		Approval: json.RawMessage(`{"title": "Deploy 4.2.0 to production?", "message": "` + strings.Repeat("All **212 tests** passed. ", 16) + `",
			"details": {"Service": "billing", "Commit": "4c51a6f", "Changes": "https://example.com/changes/4.2.0", "Risk": "low"},
			"approveLabel": "Deploy", "rejectLabel": "Not now", "comment": "required-on-reject", "required": 2}`),
	}
)

// size is one line of the measured sizes.
type size struct {
	what  string
	bytes float64 // of Redis, for each callback
}

// sizesRun is one redis-server and one relay, which get callbacks of one kind after
// another.
type sizesRun struct {
	redis *redisServer
	load  *generator
	found []size
}

// measureSizes measures and prints.
func (p plan) measureSizes(ctx context.Context, relay string, out, progress io.Writer) error {
	waiting, err := p.sizesWaiting(ctx, relay, progress)
	if err != nil {
		return err
	}
	over, err := p.sizesOver(ctx, relay, progress)
	if err != nil {
		return err
	}
	text := sizesTable(append(waiting, over...), describeMachine(ctx))
	fmt.Fprint(out, text)
	if p.markdown == "" {
		return nil
	}
	return benchMarks.spliceFile(p.markdown, text)
}

func sizesTable(sizes []size, machine string) string {
	var b strings.Builder
	b.WriteString("| a callback that is | takes in Redis, bytes |\n|---|--:|\n")
	for _, s := range sizes {
		fmt.Fprintf(&b, "| %s | %s |\n", s.what, whole(s.bytes))
	}
	fmt.Fprintf(&b, "\nTask tokens of %d bytes; %s of each kind. %s\n", taskTokenBytes, whole(sizesOf), machine)
	return b.String()
}

// sizesWaiting measures callbacks that wait for an answer, and callbacks that wait
// for Step Functions, which is unavailable.
func (p plan) sizesWaiting(ctx context.Context, relay string, progress io.Writer) (found []size, err error) {
	nobody, err := freeAddress()
	if err != nil {
		return nil, err
	}
	err = p.withRelay(ctx, startRelay(relay, "RELAY_ANSWER_WAIT=0s", "RELAY_LOG_LEVEL=error"), "http://"+nobody, func(r *sizesRun) error {
		for _, kind := range []struct {
			what string
			asks registration
		}{
			{"pending", noExtras}, {"pending, with four tags", withTags}, {"pending, with an approval by two people", withApproval},
		} {
			fmt.Fprintln(progress, kind.what)
			if err := r.measure(ctx, kind.what, kind.asks, 0); err != nil {
				return err
			}
		}
		for _, output := range []int{payloadBytes, 4 << 10, 32 << 10} {
			what := fmt.Sprintf("answered with %s bytes, not delivered yet", whole(float64(output)))
			fmt.Fprintln(progress, what)
			if err := r.measure(ctx, what, noExtras, output); err != nil {
				return err
			}
		}
		found = r.found
		return nil
	})
	return found, err
}

// sizesOver measures what remains of delivered callbacks.
func (p plan) sizesOver(ctx context.Context, relay string, progress io.Writer) (found []size, err error) {
	standIn, url, err := startRole(ctx, roleStandIn)
	if err != nil {
		return nil, err
	}
	defer standIn.stop()
	err = p.withRelay(ctx, startRelay(relay), url, func(r *sizesRun) error {
		for _, kind := range []struct {
			what string
			asks registration
		}{
			{"delivered, until its retention ends", noExtras}, {"delivered, with four tags", withTags},
			{"delivered, with an approval by two people", withApproval},
		} {
			fmt.Fprintln(progress, kind.what)
			if err := r.measure(ctx, kind.what, kind.asks, payloadBytes); err != nil {
				return err
			}
		}
		found = r.found
		return nil
	})
	return found, err
}

// withRelay runs a relay among many callbacks.
func (p plan) withRelay(ctx context.Context, start func(context.Context, surroundings) (*subject, error), steps string, do func(*sizesRun) error) error {
	dir, err := os.MkdirTemp("", "bench-sizes")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	redis, err := startRedis(ctx, dir)
	if err != nil {
		return err
	}
	defer redis.stop()
	sub, err := start(ctx, surroundings{redis, steps, dir})
	if err != nil {
		return err
	}
	defer sub.process.stop()
	load := newGenerator(sizesClients, sub)
	defer load.close()
	if _, err := load.registerAll(ctx, makeTasks("others", sizesAmong, payloadBytes)); err != nil {
		return err
	}
	return do(&sizesRun{redis: redis, load: load})
}

// measure registers callbacks, answers them unless output is 0, and records how
// much memory each added to Redis.
func (r *sizesRun) measure(ctx context.Context, what string, asks registration, output int) error {
	before, err := r.redis.kept(ctx)
	if err != nil {
		return err
	}
	tasks := makeTasks(what, sizesOf, max(output, payloadBytes))
	for _, t := range tasks {
		t.asks = asks
	}
	if _, err := r.load.registerAll(ctx, tasks); err != nil {
		return fmt.Errorf("register: %w", err)
	}
	if output > 0 {
		if _, err := r.load.answerAll(ctx, tasks); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
	}
	after, err := r.redis.kept(ctx)
	r.found = append(r.found, size{what, float64(after-before) / sizesOf})
	return err
}
