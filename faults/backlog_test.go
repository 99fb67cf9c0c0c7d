package faults

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"callback-relay/api"
	"callback-relay/stepfunctions/standin"
	"callback-relay/store/redistest"
)

var backlogFlag = flag.Int("backlog", 0, "how many answers wait in TestBacklog; by default a few, with a small quota")

// Step Functions' quota in the larger regions.
const (
	awsRate  = 500
	awsBurst = 3000
)

// climbTime is how long the relay may take to find a quota that was used up and is
// free again; see TestQuotaThatCloses in package outbox.
const climbTime = 10 * time.Second

// backlogPosters is how many senders post answers at once.
const backlogPosters = 64

// Rows 47 and 48: answers are accepted while Step Functions throttles every
// call. When it stops throttling, all are delivered, at the quota and not at the
// configured rate, with few wasted calls, and new answers get through.
func TestBacklog(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	if *backlogFlag > 0 {
		for _, rate := range []float64{awsRate, 4 * awsRate} {
			t.Run(fmt.Sprintf("rate %v", rate), func(t *testing.T) {
				newBacklog(t, awsRate, awsBurst, rate).run(*backlogFlag).judge(t)
			})
		}
		return
	}
	// On a machine that is busy with other tests, a round or two may be slow;
	// everything else must still hold.
	var got pace
	for round := 1; round <= 3 && !got.good(); round++ {
		t.Run(fmt.Sprintf("round %d", round), func(t *testing.T) {
			got = newBacklog(t, 200, 200, 800).run(4000)
		})
	}
	got.judge(t)
}

// pace is how fast a backlog was drained, once the quota was found.
type pace struct {
	used   float64 // the part of the calls that could be made
	wasted float64 // the part of the calls that was throttled
}

func (p pace) good() bool { return p.used >= 0.95 && p.wasted <= 0.10 }

func (p pace) judge(t *testing.T) {
	t.Helper()
	if !p.good() {
		t.Errorf("%.1f%% of the quota was used, want 95%% or more; %.1f%% of the calls were throttled, want 10%% or less",
			100*p.used, 100*p.wasted)
	}
}

// backlog is a fleet of two replicas, and the answers that wait in it.
type backlog struct {
	*fleet
	redis *redistest.Server
	quota float64 // of Step Functions
	burst float64
	rate  float64 // that the operator set

	mu     sync.Mutex
	posted map[string]postedAnswer // by task token

	told atomic.Int64 // the last progress, in per cent
}

type postedAnswer struct {
	output []byte
	at     time.Time
	took   time.Duration
	fresh  bool
}

func newBacklog(t *testing.T, quota float64, burst int, rate float64) *backlog {
	redis := redistest.Start(t)
	f := newFleet(t, setup{
		redisURL: redis.URL,
		replicas: 2,
		steps:    standin.Options{Rate: quota, Burst: burst},
		settings: []string{
			"RELAY_STEP_FUNCTIONS_RATE=" + strconv.FormatFloat(rate, 'f', -1, 64),
			"RELAY_STEP_FUNCTIONS_TIMEOUT=5s", // a busy machine is not a fault here
		},
	})
	f.http.Timeout = time.Minute
	return &backlog{
		fleet: f, redis: redis, quota: quota, burst: float64(burst), rate: rate,
		posted: map[string]postedAnswer{},
	}
}

// run lets n answers pile up, ends the throttling, and checks that all of them are
// delivered, once and unchanged.
func (b *backlog) run(size int) pace {
	empty := b.redisMemory()
	b.steps.SetFault(standin.Fault{Kind: standin.Throttle})
	began := time.Now()
	b.pileUp(size)
	full := b.redisMemory()
	b.Logf("%d answers accepted in %.0f s; Redis has %.0f bytes for each", size, time.Since(began).Seconds(), (full-empty)/float64(size))

	_, before := b.tally()
	opened := time.Now()
	b.steps.SetFault()
	stop := b.postFresh()
	b.drain()
	stop()
	b.drain() // the last of the fresh ones
	_, after := b.tally()
	for i, r := range b.replicas {
		_, peak := r.memory()
		b.Logf("replica %d: at most %d MiB resident", i, peak>>20)
	}
	return b.compare(opened, float64(after-before))
}

// pileUp registers callbacks and posts their answers, which must all be accepted.
func (b *backlog) pileUp(size int) {
	b.Helper()
	var next, done atomic.Int64
	var posters sync.WaitGroup
	for range backlogPosters {
		posters.Go(func() {
			for i := int(next.Add(1)); i <= size; i = int(next.Add(1)) {
				b.answer(i, false)
				b.progress("accepted", int(done.Add(1)), size)
			}
		})
	}
	posters.Wait()
	if b.Failed() {
		b.FailNow()
	}
}

// answer registers a callback and posts its answer.
func (b *backlog) answer(i int, fresh bool) {
	ctx := context.Background()
	r := b.replicas[i%len(b.replicas)]
	taskToken := b.steps.NewTask(standin.TaskOptions{})
	cb, _, err := b.client(r).Create(ctx, api.CreateRequest{TaskToken: taskToken})
	if err != nil {
		b.Errorf("registration: %v", err)
		return
	}
	output := fmt.Appendf(nil, `{"answer":%d,"fresh":%t,"pad":%q}`, i, fresh, strings.Repeat("x", 250))
	began := time.Now()
	got, err := b.post(ctx, r, cb.URL, output)
	if err != nil || got.status != http.StatusOK || got.duplicate {
		b.Errorf("answer %d: %+v, %v", i, got, err)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.posted[taskToken] = postedAnswer{output, began, time.Since(began), fresh}
}

// postFresh posts new answers while the backlog drains, about one for each hundred
// calls of the quota.
func (b *backlog) postFresh() (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		beat := time.NewTicker(time.Duration(100 / b.quota * float64(time.Second)))
		defer beat.Stop()
		var posting sync.WaitGroup
		defer posting.Wait()
		for i := 0; ; i++ {
			select {
			case <-quit:
				return
			case <-beat.C:
				posting.Go(func() { b.answer(i, true) })
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

// drain waits until everything posted so far is delivered.
func (b *backlog) drain() {
	b.Helper()
	b.mu.Lock()
	size := len(b.posted)
	b.mu.Unlock()
	limit := climbTime + time.Duration(float64(size)/b.quota*3*float64(time.Second)) + time.Minute
	within(b, limit, "all is delivered", func() bool {
		taken, _ := b.tally()
		b.progress("delivered", min(taken, size), size)
		return taken >= size
	})
}

// tally returns how many calls Step Functions accepted and how many it throttled.
func (b *backlog) tally() (taken, throttled int) {
	calls := b.steps.Calls()[standin.SendTaskSuccess]
	return calls["ok"], calls["ThrottlingException"]
}

// compare compares what was posted with the ledger, and the calls with the quota.
func (b *backlog) compare(opened time.Time, throttled float64) pace {
	b.Helper()
	effects := b.steps.Effects()
	var delays, waits []time.Duration
	for _, e := range effects {
		p, ok := b.posted[e.TaskToken]
		if !ok || !bytes.Equal(e.Output, p.output) {
			b.Fatalf("an effect with bytes that nobody posted for it: %s", e.Output)
		}
		if p.fresh {
			waits = append(waits, p.took)
			delays = append(delays, max(e.At.Sub(p.at), 0))
		}
	}
	if len(effects) != len(b.posted) {
		b.Errorf("%d answers were accepted, and %d delivered", len(b.posted), len(effects))
	}
	slices.SortFunc(effects, func(x, y standin.Effect) int { return x.At.Compare(y.At) })
	b.Logf("delivered in each second: %v", perSecond(effects, opened))

	b.Logf("%d delivered in %.1f s", len(effects), effects[len(effects)-1].At.Sub(opened).Seconds())
	tail := effects[len(effects)*95/100].At // from here on too few are due to use all of the quota
	from, saved := opened, b.burst          // all that Step Functions saves up is there at first
	if *backlogFlag == 0 {
		from, saved = opened.Add(climbTime), 0 // a small backlog is too small for the climb
	}
	used := b.used(effects, from, tail, saved)
	wasted := throttled / (throttled + float64(len(effects)))
	b.Logf("%.1f%% of the calls that could be had were made, %.1f%% of all calls were throttled", 100*used, 100*wasted)
	slices.Sort(waits)
	slices.Sort(delays)
	for _, p := range []int{50, 90, 99, 100} {
		b.Logf("fresh answers, %d of 100: accepted within %.3f s, delivered within %.3f s", p, at(waits, p).Seconds(), at(delays, p).Seconds())
	}
	return pace{used, wasted}
}

// used returns the share of the available calls that were made in a period, which
// began with saved calls in the bucket.
func (b *backlog) used(effects []standin.Effect, from, to time.Time, saved float64) float64 {
	n := 0
	for _, e := range effects {
		if !e.At.Before(from) && e.At.Before(to) {
			n++
		}
	}
	seconds := to.Sub(from).Seconds()
	return float64(n) / min(b.quota*seconds+saved, b.rate*seconds)
}

func perSecond(effects []standin.Effect, from time.Time) []int {
	var counts []int
	for _, e := range effects {
		second := max(int(e.At.Sub(from)/time.Second), 0)
		for len(counts) <= second {
			counts = append(counts, 0)
		}
		counts[second]++
	}
	return counts
}

// at returns the smallest of the sorted durations that p of 100 do not exceed.
func at(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max((len(sorted)*p+99)/100, 1)-1]
}

// redisMemory returns the bytes that Redis uses.
func (b *backlog) redisMemory() float64 {
	b.Helper()
	info, err := b.redis.Client().Info(context.Background(), "memory").Result()
	must(b, err)
	for line := range strings.Lines(info) {
		if text, ok := strings.CutPrefix(line, "used_memory:"); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			must(b, err)
			return n
		}
	}
	b.Fatal("Redis does not tell its memory")
	return 0
}

// progress prints the progress of a large backlog, a hundred times.
func (b *backlog) progress(what string, n, of int) {
	if *backlogFlag == 0 {
		return
	}
	if percent := int64(100 * n / of); b.told.Swap(percent) != percent {
		fmt.Fprintf(os.Stderr, "\r%s %d of %d   ", what, n, of)
	}
}
