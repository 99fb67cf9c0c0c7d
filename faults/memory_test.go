package faults

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"callback-relay/stepfunctions/standin"
	"callback-relay/store/redistest"
)

const (
	memoryBound   = 256 << 20 // bytes resident, at most, ever
	memoryClients = 1000
	largestOutput = 256 << 10
)

// Rows 66 and 70: a thousand clients post the largest output at once. All are
// accepted, some after a 503, and the process stays small, even if Step Functions
// accepts nothing.
func TestMemory(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	for name, faults := range map[string][]standin.Fault{
		"as usual":              nil,
		"step functions hangs":  {{Kind: standin.Hang}},
		"step functions closes": {{Kind: standin.Throttle}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t, setup{
				redisURL: redistest.Start(t).URL,
				replicas: 1,
				settings: []string{"RELAY_STEP_FUNCTIONS_TIMEOUT=10s"},
			})
			f.http.Timeout = time.Minute
			f.steps.SetFault(faults...)
			refused := f.crowdPosts()
			now, peak := f.replicas[0].memory()
			t.Logf("%d answers of %d KiB accepted, %d times told to come back; %d MiB resident at most, %d MiB at the end",
				memoryClients, largestOutput>>10, refused, peak>>20, now>>20)
			if peak > memoryBound {
				t.Errorf("%d MiB resident, more than %d", peak>>20, memoryBound>>20)
			}
		})
	}
}

// crowdPosts lets every client post until its answer is accepted, and returns how
// many posts got a 503.
func (f *fleet) crowdPosts() (refused int64) {
	f.Helper()
	links := make([]string, memoryClients)
	for i := range links {
		_, cb := f.register()
		links[i] = cb.URL
	}
	output := []byte(`"` + strings.Repeat("x", largestOutput-2) + `"`)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	start := make(chan struct{})
	var clients sync.WaitGroup
	var back atomic.Int64
	for _, link := range links {
		clients.Go(func() {
			<-start
			for {
				got, err := f.post(ctx, f.replicas[0], link, output)
				if err == nil && got.status == http.StatusOK {
					return
				}
				if err == nil && got.status != http.StatusServiceUnavailable {
					f.Errorf("told %+v", got)
					return
				}
				back.Add(1)
				select {
				case <-ctx.Done():
					f.Errorf("not accepted in two minutes: %+v, %v", got, err)
					return
				case <-time.After(pollEvery):
				}
			}
		})
	}
	close(start)
	clients.Wait()
	return back.Load()
}
