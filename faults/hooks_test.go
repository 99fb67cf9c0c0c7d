package faults

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"callback-relay/api"
	"callback-relay/store/redistest"
)

// The kinds of callback that await an event of a hook.
const (
	kindEarly   = "its event comes first"
	kindAwaits  = "awaits its event"
	kindMeeting = "registered while its event comes"
	kindCrowd   = "several await one event"
	kindDead    = "its event comes while only a cancelled one waits"
)

var hookKinds = []weighted{
	{kindEarly, 30}, {kindAwaits, 25}, {kindMeeting, 30}, {kindCrowd, 8}, {kindDead, 7},
}

// companions is how many more callbacks await the key of one of this kind.
var companions = map[string]int{kindCrowd: 2, kindDead: 1}

// The bodies of a callback that awaits an event: the event itself, and one about the same
// key that no outcome wants.
const (
	wantedEvent = iota
	unwantedEvent
)

// hookSecret is what the hook's sender posts to prove itself, in the header hookHeader.
const (
	hookSecret = "the secret of the hook's sender"
	hookHeader = "X-Webhook-Secret"
)

// hookSettings are the settings of replicas whose configuration file has a hook.
func hookSettings(t testing.TB) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "relay.yaml")
	must(t, os.WriteFile(file, []byte(`
senders:
  pay:
    preset: header-secret
    header: `+hookHeader+`
    secrets: [{env: PAY_SECRET}]
    event: {id: body.id, type: body.type}
    hook: {key: body.key}
`), 0o600))
	return []string{"RELAY_CONFIG_FILE=" + file, "PAY_SECRET=" + hookSecret}
}

// hookURL asks a replica for the URL of the hook.
func (f *fleet) hookURL(r *replica) string {
	f.Helper()
	request, err := http.NewRequest(http.MethodGet, "http://"+r.at.Load().private+"/v1/senders", http.NoBody)
	must(f, err)
	request.Header.Set("Authorization", "Bearer "+apiKey)
	response, err := f.http.Do(request)
	must(f, err)
	defer response.Body.Close()
	var list api.SenderList
	must(f, json.NewDecoder(response.Body).Decode(&list))
	if len(list.Senders) != 1 || list.Senders[0].Hook == nil {
		f.Fatalf("senders: %d %+v", response.StatusCode, list)
	}
	return list.Senders[0].Hook.URL
}

// awaits tells whether the callback awaits an event.
func (h *history) awaits() bool { return h.key != "" }

// runAwaits lives through one callback that awaits an event, and through its companions.
func (c *caller) runAwaits() {
	key := fmt.Sprintf("pi_%016x", c.rnd.Uint64())
	bodies := [][]byte{hookEvent(c.rnd, key, "paid"), hookEvent(c.rnd, key, "noise")}
	var others []*caller
	for _, h := range append(c.companions, c.history) {
		h.key, h.bodies = key, bodies
		if h != c.history {
			others = append(others, c.load.client(h, rng(c.rnd.Uint64(), c.rnd.Uint64())))
		}
	}
	switch c.kind {
	case kindEarly:
		c.sendEvents()
		c.register()
	case kindAwaits:
		if c.register() {
			c.sendEvents()
		}
	case kindMeeting:
		c.race(func(int) { c.other().sendEvents() }, func(c *caller, _ int) { c.register() })
	case kindCrowd:
		if c.register() && others[0].register() && others[1].register() {
			c.sendEvents()
			for _, one := range others {
				one.events = append(one.events, c.told(didPost, http.StatusOK)...)
			}
		}
	case kindDead:
		if others[0].register() {
			others[0].cancel(c.anyReplica())
		}
		c.sendEvents()
		c.register()
	}
}

// sendEvents posts events as a sender does that may post another event first, and may
// post one again.
func (c *caller) sendEvents() {
	if c.rnd.IntN(4) == 0 {
		c.send(unwantedEvent, c.anyReplica())
	}
	c.send(wantedEvent, c.anyReplica())
	if c.rnd.IntN(3) == 0 {
		c.send(wantedEvent, c.anyReplica())
	}
}

// await asks for the event that a callback awaits.
func (c *caller) await() map[string]api.AwaitRequest {
	key, _ := json.Marshal(c.key)
	return map[string]api.AwaitRequest{"paid": {
		Sender: "pay", Key: key, Outcomes: []api.EventOutcome{{When: "event.type == 'paid'", Do: "succeed"}},
	}}
}

// hookEvent makes an event of the hook. No two are alike.
func hookEvent(rnd *rand.Rand, key, kind string) []byte {
	pad := strings.Repeat("x", rnd.IntN(2<<10))
	return fmt.Appendf(nil, "{\"id\" :\t\"evt_%016x\", \"type\":%q, \"key\":%q,\r\n \"pad\":%q }\n", rnd.Uint64(), kind, key, pad)
}

// awaited: an event that some outcome wants is never ignored, and no other takes effect.
func awaited(j *judgement) {
	if !j.awaits() {
		return
	}
	for _, e := range j.told(didPost, http.StatusOK) {
		if e.body == wantedEvent && e.told.word == api.EventIgnored {
			j.object(lost, "its event was ignored")
		}
	}
	if j.success(unwantedEvent) {
		j.object(wrong, "an event that no outcome wants took effect")
	}
}

var pairsFlag = flag.Int("pairs", 1000, "how many registrations and events TestPairs makes")

// How many pairs TestPairs begins in a second, and how many are in progress at most: most of
// them wait to try again.
const (
	pairsRate  = 400
	pairsCrowd = 600
)

// Rows 105 to 107: registrations and their events come in random order to two replicas that
// are killed again and again. Each task gets the event of its key, once.
func TestPairs(t *testing.T) {
	t.Parallel()
	if !redistest.Available(t) {
		return
	}
	f := newFleet(t, setup{redisURL: redistest.Start(t, aof...).URL, replicas: 2, hooks: true})
	s := newScenario(fmt.Sprintf("%d pairs of registration and event, two replicas", *pairsFlag), *seedFlag, f)
	s.load = newLoad(f, *seedFlag, pairsRate)
	s.load.kinds, s.load.most, s.load.crowd = hookKinds, *pairsFlag, pairsCrowd
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var loading sync.WaitGroup
	loading.Go(func() {
		defer stop()
		s.load.run(ctx)
	})
	s.lane(ctx, 1, s.relayFaults()[:1]) // in this goroutine, since it may fail the test
	loading.Wait()
	v := s.conclude()
	v.report(t)
	cancelled := 0
	for _, h := range s.load.histories {
		if h.kind == kindCancelled {
			cancelled++
		}
	}
	if want := len(s.load.histories) - cancelled; v.effects != want {
		t.Errorf("%d effects, want %d", v.effects, want)
	}
}
