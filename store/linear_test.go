package store_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
	"callback-relay/store"
	"callback-relay/store/redistest"
)

var (
	linearSeed   = flag.Uint64("linear.seed", 1, "what the replicas of TestLinearizable ask for, and when")
	linearRounds = flag.Int("linear.rounds", 20, "how many rounds TestLinearizable goes on each server")
)

// The size of a round. Its histories are short enough to be judged in
// milliseconds.
const (
	linearReplicas  = 4
	linearCallbacks = 3
	linearSteps     = 50 // of each replica
	linearLease     = 5 * time.Millisecond
)

// Rows 12 to 14, 18, 37, 38, 40, 55, 57, 71 and 72: replicas register, answer,
// cancel, expire, claim and settle the same few callbacks at once, while deadlines
// and leases end and connections lose replies. The history of each callback must
// be linearizable: there must be an order of the calls, each at some time between
// its beginning and its end, in which the model gives the same replies as the
// store gave.
func TestLinearizable(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	for _, c := range []struct {
		mode string
		run  func(testing.TB, ...string) *redistest.Server
	}{{store.ModeStandalone, redistest.Start}, {store.ModeCluster, redistest.StartCluster}} {
		t.Run(c.mode, func(t *testing.T) {
			t.Logf("-linear.seed=%d -linear.rounds=%d", *linearSeed, *linearRounds)
			race := newRace(t, c.mode, c.run(t).URL)
			for n := range *linearRounds {
				race.round(n)
			}
			if *linearRounds >= 20 {
				race.checkVariety()
			}
		})
	}
}

// race is several replicas on one server.
type race struct {
	*redisUnderTest // a connection that loses nothing
	replicas        []*replica
	seen            map[string]int // how often each reply was given
}

func newRace(t *testing.T, mode, url string) *race {
	r := &race{redisUnderTest: onURL(t, mode, url), seen: map[string]int{}}
	r.must(r.client.Set(t.Context(), "relay:schema", "2", 0).Err())
	for n := range linearReplicas + 1 {
		// A slow machine must not make the client give up: only the line loses
		// replies, so that the test knows which. The client of every other replica
		// does not repeat lost commands.
		address := patiently(url)
		if n%2 == 1 {
			address += "&max_retries=-1"
		}
		client := onURL(t, mode, address).client
		one := &replica{n: n, line: &line{rng: rand.New(rand.NewPCG(*linearSeed, uint64(n)))}}
		if n > 0 { // the first one clears up
			one.line.chance = 0.02
			if cluster, ok := client.(*redis.ClusterClient); ok {
				cluster.OnNewNode(func(node *redis.Client) { node.AddHook(one.line) })
			} else {
				client.AddHook(one.line)
			}
		}
		one.Store = store.New(client, store.Options{Keys: r.keys, Lease: linearLease, Retention: retention})
		r.replicas = append(r.replicas, one)
	}
	return r
}

// contested is a callback that the replicas contend for.
type contested struct {
	relay.Callback
	reg   relay.Registration
	asked settings
}

// round lets the replicas race on new callbacks, ends these, and judges the
// histories.
func (r *race) round(n int) {
	rng := rand.New(rand.NewPCG(*linearSeed, uint64(n)))
	var over []*contested
	for i := range linearCallbacks {
		reg := registration(relay.TaskToken(fmt.Sprintf("round %d, task %d", n, i)))
		if rng.IntN(3) == 0 {
			reg.OnExpiry = relay.OnExpiryIgnore
		}
		if rng.IntN(4) > 0 {
			reg.Expires.In = time.Duration(1+rng.IntN(25)) * time.Millisecond
		}
		id := r.keys.Identify(reg.TaskToken)[0]
		over = append(over, &contested{
			reg: reg, asked: settings{reg.Expires.In.String(), reg.OnExpiry, ""},
			Callback: relay.Callback{ID: id.ID, Key: id.Key, Links: reg.NumberedLinks()},
		})
	}
	var done sync.WaitGroup
	for _, one := range r.replicas {
		one.begin(r.redisUnderTest, over, rand.New(rand.NewPCG(*linearSeed, uint64(n*len(r.replicas)+one.n))))
		if one.n > 0 {
			done.Go(func() {
				one.createAll()
				for range linearSteps {
					one.step()
				}
			})
		}
	}
	done.Wait()
	r.replicas[0].clearUp()
	r.judge(n, over)
}

// judge searches for an order that explains the replies.
func (r *race) judge(n int, over []*contested) {
	expired, ended, unsure := 0, 0, false
	for _, one := range r.replicas {
		expired, unsure = expired+one.expired, unsure || one.expiredUnsure
	}
	for i, c := range over {
		now, err := r.Get(r.t.Context(), c.ID)
		r.must(err)
		if now.State == relay.StateExpired || now.Outcome != nil && now.Outcome.By == relay.ByExpiry {
			ended++
		}
		var history []porcupine.Operation
		for _, one := range r.replicas {
			for _, o := range one.calls[i] {
				if o.lost && o.what == "create" {
					// This can only have happened when the callback was created.
					o.said = now.CreatedAt.UnixMilli()
				}
				r.seen[o.kind()]++
				history = append(history, porcupine.Operation{
					ClientId: one.n, Input: o, Output: o.told, Call: o.begun.UnixNano(), Return: o.over.UnixNano(),
				})
			}
		}
		// Bounded: a minute is far more than it takes.
		result, info := porcupine.CheckOperationsVerbose(sequential, history, time.Minute)
		if result == porcupine.Ok {
			continue
		}
		file := filepath.Join(r.t.ArtifactDir(), fmt.Sprintf("round-%d-%s.html", n, c.ID))
		r.must(porcupine.VisualizePath(sequential, info, file))
		slices.SortFunc(history, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
		var text strings.Builder
		for _, o := range history {
			in := o.Input.(call)
			fmt.Fprintf(&text, "%8s %8s  replica %d: %s\n", in.begun.Sub(now.CreatedAt), in.over.Sub(in.begun), o.ClientId, describe(in, nil))
		}
		r.t.Fatalf("round %d: no order explains what was told of %s (%s), due %s after its creation; drawn in %s (with -artifacts it is kept)\n%s",
			n, c.ID, result, now.ExpiresAt.Sub(now.CreatedAt), file, text.String())
	}
	if expired > ended || expired < ended && !unsure {
		r.t.Errorf("round %d: replicas were told of %d deadlines, %d callbacks ended by theirs", n, expired, ended)
	}
}

// checkVariety checks that every important reply occurred, as it always does with
// the default number of rounds.
func (r *race) checkVariety() {
	for _, kind := range slices.Sorted(maps.Keys(r.seen)) {
		r.t.Logf("%6d × %s", r.seen[kind], kind)
	}
	for _, kind := range []string{
		"create: created", "create: exists", "create: ?", "answer: recorded", "answer: duplicate",
		"answer: " + relay.ErrAlreadyAnswered.Error(), "answer: " + relay.ErrExpired.Error(),
		"answer: " + relay.ErrCancelled.Error(), "answer: ?", "cancel: cancelled",
		"cancel: " + relay.ErrAlreadyAnswered.Error(), "expire: ?", "claim: leased", "claim: ?",
		"settle: held", "settle: lost", "settle: ?",
	} {
		if r.seen[kind] == 0 {
			r.t.Errorf("never seen: %s", kind)
		}
	}
}

// call is the part of a call of the store that concerns one callback.
type call struct {
	what string
	step func(m model, now int64) (model, string)
	told string
	// said is the time at which Redis ran the script, in milliseconds; 0 if the
	// reply does not say.
	said        int64
	begun, over time.Time
	// maybe says that the call may not have happened; lost says that it may also
	// still happen later.
	maybe, lost bool
}

// kind is the call and its reply, without the details.
func (c call) kind() string {
	words, _, _ := strings.Cut(c.told, ":")
	if c.maybe {
		words = "?"
	}
	what, _, _ := strings.Cut(c.what, " ")
	if what == "get" && !c.maybe {
		words = "shown"
	}
	return what + ": " + words
}

// after returns the possible states of the callback after the call, given its
// reply. Redis and the replicas of a test share one clock, so a time in a reply
// lies between the call's beginning and end. If the reply has no time, it is enough
// to try the times at which the model's reply changes.
func (c call) after(m model) []any {
	begun, over := c.begun.UnixMilli(), c.over.UnixMilli()
	times := []int64{c.said}
	if c.said == 0 {
		times = []int64{begun, m.deadline, m.due, over}
	}
	var after []any
	if c.maybe {
		after = append(after, m)
	}
	for _, now := range times {
		if now < begun || now > over {
			continue
		}
		if next, told := c.step(m, now); c.maybe || told == c.told {
			after = append(after, next)
		}
	}
	return after
}

// sequential is the model in the form that porcupine needs.
var sequential = (&porcupine.NondeterministicModel{
	Init:              func() []any { return []any{model{lease: linearLease.Milliseconds()}} },
	Step:              func(state, input, _ any) []any { return input.(call).after(state.(model)) },
	DescribeOperation: describe,
	DescribeState:     func(state any) string { return told2(state.(model).get()) },
}).ToModel()

func describe(input, _ any) string {
	c := input.(call)
	if c.maybe {
		return c.what + " → ?"
	}
	return c.what + " → " + c.told
}
