package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// fewPending is how many callbacks wait at the relay with which the million is compared.
const fewPending = 1_000

// loadStep is how many callbacks are registered between two lines of progress.
const loadStep = 20_000

// millionScenarios are what must not depend on how many callbacks wait. The aims are
// ratios of a million to a thousand.
func millionScenarios() []scenario {
	return []scenario{
		{name: "answers", clients: 64, requests: 8_000, measure: answers, figures: []figure{
			throughput("answers a second", atLeast(0.90, 0)),
		}},
		{name: "registrations", clients: 64, requests: 8_000, measure: registrations, figures: []figure{
			throughput("registrations a second", atLeast(0.90, 0)),
		}},
		{name: "deadlines that pass at once", clients: 64, requests: 8_000, pause: 8 * time.Second, measure: deadlines, figures: []figure{
			throughput("expiries a second", atLeast(0.90, 0)),
		}},
	}
}

// runMillion compares a relay with very many pending callbacks with one that has few.
// Both run all the time, and are loaded in turn.
func (p plan) runMillion(ctx context.Context, binary string, out, progress io.Writer) error {
	start := startRelay(binary)
	few, err := openBed(ctx, start, conditions{})
	if err != nil {
		return err
	}
	defer few.close()
	many, err := openBed(ctx, start, conditions{})
	if err != nil {
		return err
	}
	defer many.close()
	if err := few.fill(ctx, min(fewPending, p.pending), progress); err != nil {
		return err
	}
	if err := many.fill(ctx, p.pending, progress); err != nil {
		return err
	}
	as := func(name string, b *bed) side {
		return side{name: name, kept: true, open: func(context.Context, scenario) (*bed, error) { return b, nil }}
	}
	r := report{
		plan: p, machine: describeMachine(ctx), marks: millionMarks,
		names: [2]string{whole(float64(min(fewPending, p.pending))) + " pending", whole(float64(p.pending)) + " pending"},
	}
	chosen := millionScenarios()
	for i := range chosen {
		chosen[i] = chosen[i].scaled(p.scale)
	}
	r.compared, err = p.compare(ctx, chosen, sides{as(r.names[0], few), as(r.names[1], many)}, progress)
	if err != nil {
		return err
	}
	memory, err := many.redis.memory(ctx)
	if err != nil {
		return err
	}
	r.note = fmt.Sprintf("Redis then held %s MiB.", whole(float64(memory)/(1<<20)))
	return r.write(out)
}

// fill registers n callbacks that nobody will answer.
func (b *bed) fill(ctx context.Context, n int, progress io.Writer) error {
	b.setLoad(scenario{clients: 64, requests: 1})
	bar := newProgress(progress, (n+loadStep-1)/loadStep)
	began := time.Now()
	for done := 0; done < n; {
		tasks := makeTasks("pending", min(loadStep, n-done), payloadBytes)
		if _, err := b.load.registerAll(ctx, tasks); err != nil {
			return fmt.Errorf("register callback %d: %w", done, err)
		}
		done += len(tasks)
		bar.step(fmt.Sprintf("%s of %s callbacks wait, %s/s", whole(float64(done)), whole(float64(n)),
			strings.TrimSpace(whole(float64(done)/time.Since(began).Seconds()))))
	}
	b.load.takeStatuses()
	return nil
}
