package faults

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"callback-relay/api"
	"callback-relay/store/redistest"
)

// The attacks below need only a few links, or none. Each prints its effect on the
// relay, and `make attacks` runs only these tests, against any release: make attacks BINARY=/path/to/relay.

// attackLinks is how many links the attacker has, and perLink how many requests
// the relay handles at once for each link.
const (
	attackLinks = 16
	perLink     = 8
)

// attacked is a relay under attack.
type attacked struct {
	*fleet
	conns sync.WaitGroup
	stop  context.CancelFunc
	ctx   context.Context
}

func newAttacked(t *testing.T, settings ...string) *attacked {
	f := newFleet(t, setup{redisURL: redistest.Start(t).URL, replicas: 1, settings: settings})
	a := &attacked{fleet: f}
	a.ctx, a.stop = context.WithCancel(t.Context())
	t.Cleanup(func() {
		a.stop()
		a.conns.Wait()
	})
	return a
}

func (a *attacked) public() string { return a.replicas[0].at.Load().public }

// dial opens a connection to the public listener, which is closed when the attack
// ends. What the test does not read stays in the network.
func (a *attacked) dial() (net.Conn, error) {
	dialer := net.Dialer{Timeout: 2 * time.Second, Control: smallWindow}
	conn, err := dialer.DialContext(a.ctx, "tcp", a.public())
	if err != nil {
		return nil, err
	}
	context.AfterFunc(a.ctx, func() { _ = conn.Close() })
	return conn, nil
}

// again calls a function repeatedly in n goroutines until the attack ends.
func (a *attacked) again(goroutines int, do func(i int)) {
	for i := range goroutines {
		a.conns.Go(func() {
			for a.ctx.Err() == nil {
				do(i)
				select {
				case <-a.ctx.Done():
				case <-time.After(10 * time.Millisecond):
				}
			}
		})
	}
}

// path is the path of a link's URL.
func path(link string) string { return strings.TrimPrefix(link, publicURL) }

// honest posts answers of 10 KB, one after another, and returns how long each took
// to be accepted, including retries.
func (a *attacked) honest(answers int) (took []time.Duration) {
	a.Helper()
	body := []byte(`"` + strings.Repeat("x", 10_000) + `"`)
	for range answers {
		_, cb := a.register()
		began := time.Now()
		within(a, time.Minute, "an honest answer is accepted", func() bool {
			ctx, cancel := context.WithTimeout(a.ctx, senderPatience)
			defer cancel()
			got, err := a.post(ctx, a.replicas[0], cb.URL, body)
			return err == nil && got.status == http.StatusOK
		})
		took = append(took, time.Since(began))
	}
	return took
}

func longest(of []time.Duration) (most time.Duration) {
	for _, d := range of {
		most = max(most, d)
	}
	return most
}

// largeForm has as much text as a page can ask for.
func largeForm() string {
	var properties []string
	for i := range 20 {
		properties = append(properties, fmt.Sprintf(`"f%d":{"type":"string","maxLength":10000}`, i))
	}
	return `{"type":"object","properties":{` + strings.Join(properties, ",") + `}}`
}

// forms are the posts of the attack on pages: half a megabyte, which becomes five
// times as long in HTML.
var pageAttacks = map[string]struct {
	approval api.Approval
	form     string
}{
	"one long text": {api.Approval{Title: "?"}, "comment=" + strings.Repeat(`"`, 524_000)},
	"many texts": {api.Approval{Title: "?", Fields: []byte(largeForm())}, func() string {
		var inputs []string
		for i := range 20 {
			inputs = append(inputs, fmt.Sprintf("field.f%d=%s", i, strings.Repeat(`"`, 26_000)))
		}
		return strings.Join(inputs, "&")
	}()},
	"inputs that the form does not have": {api.Approval{Title: "?"}, func() string {
		var inputs []string
		for i := range 990 {
			inputs = append(inputs, fmt.Sprintf("field.f%d=%s", i, strings.Repeat(`"`, 500)))
		}
		return strings.Join(inputs, "&")
	}()},
}

// Row 76: half a megabyte of text is posted to the pages of 16 links, on eight
// connections each. The nonce is too old, so the relay must show the page again
// with the input, and nobody reads it. Memory stays below the promised limit, and
// webhooks are still answered.
func TestAttackOnPages(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	for name, attack := range pageAttacks {
		t.Run(name, func(t *testing.T) {
			a := newAttacked(t)
			links := make([]string, attackLinks)
			for i := range links {
				_, cb := a.register(func(r *api.CreateRequest) {
					r.Links = map[string]api.LinkRequest{"anyone": {Type: api.LinkApproval}}
					r.Approval = &attack.approval
				})
				links[i] = path(cb.Links["anyone"].URL)
			}
			var posted atomic.Int64
			a.again(attackLinks*perLink, func(i int) {
				conn, err := a.dial()
				if err != nil {
					return
				}
				defer conn.Close()
				_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: relay.example.com\r\nAccept: text/html\r\n"+
					"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s",
					links[i%attackLinks], len(attack.form), attack.form)
				if err == nil {
					posted.Add(1)
				}
				select { // the answer is not read
				case <-a.ctx.Done():
				case <-time.After(5 * time.Second):
				}
			})
			eventually(a, "every connection has posted", func() bool { return posted.Load() >= attackLinks*perLink })
			var took []time.Duration
			for began := time.Now(); time.Since(began) < 10*time.Second; {
				took = append(took, a.honest(1)...)
			}
			a.http.Timeout = time.Minute
			if name == "many texts" { // the largest bodies, too
				a.crowdPosts()
			}
			_, peak := a.replicas[0].memory()
			t.Logf("%d forms of %d KiB posted; %d MiB resident at most; an honest answer took at most %v",
				posted.Load(), len(attack.form)>>10, peak>>20, longest(took).Round(time.Millisecond))
			if peak > memoryBound {
				t.Errorf("%d MiB resident, more than %d", peak>>20, memoryBound>>20)
			}
			if longest(took) > 5*time.Second {
				t.Errorf("an honest answer took %v", longest(took))
			}
		})
	}
}

// idleConnections is how many connections the public listener allows.
const idleConnections = 2048

// Row 77: as many idle connections as the listeners allow, and a new one for each
// that is closed. Honest requests and the health probe are still served.
func TestAttackOfIdleConnections(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	a := newAttacked(t)
	var open, opened atomic.Int64
	a.again(idleConnections+100, func(int) {
		conn, err := a.dial()
		if err != nil {
			return
		}
		defer conn.Close()
		opened.Add(1)
		open.Add(1)
		defer open.Add(-1)
		if _, err := io.WriteString(conn, "GET /robots.txt HTTP/1.1\r\nHost: relay.example.com\r\n\r\n"); err != nil {
			return
		}
		_, _ = bufio.NewReader(conn).WriteTo(io.Discard) // until the relay closes it
	})
	eventually(a, "the attacker has its connections", func() bool { return opened.Load() >= idleConnections })
	served, tries := 0, 20
	var slowest time.Duration
	for range tries {
		client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
		began := time.Now()
		response, err := client.Get("http://" + a.public() + "/healthz")
		if err == nil {
			_ = response.Body.Close()
			served++
		}
		slowest = max(slowest, time.Since(began))
	}
	t.Logf("%d connections open, %d opened; %d of %d honest requests served, the slowest after %v",
		open.Load(), opened.Load(), served, tries, slowest.Round(time.Millisecond))
	if served < tries {
		t.Errorf("%d of %d honest requests served", served, tries)
	}
	if status, _, err := a.private(a.replicas[0], "/readyz"); err != nil || status != http.StatusOK {
		t.Errorf("ready: %d, %v", status, err)
	}
	if took := longest(a.honest(3)); took > 5*time.Second {
		t.Errorf("an honest answer took %v", took)
	}
}

// heartbeatRate is the relay's default limit of calls a second.
const heartbeatRate = 400

// Row 78: one heartbeat link, and then many, are called as often as possible.
// Calls to Step Functions stay within the rate limit, with one a second for each
// callback, and deliveries get through.
func TestAttackOfHeartbeats(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	for name, callbacks := range map[string]int{"one link": 1, "many links": 1000} {
		t.Run(name, func(t *testing.T) {
			a := newAttacked(t)
			links, tasks := make([]string, callbacks), make([]string, callbacks)
			for i := range links {
				var cb api.Callback
				tasks[i], cb = a.register(func(r *api.CreateRequest) {
					r.Links = map[string]api.LinkRequest{"alive": {Type: api.LinkHeartbeat}}
				})
				links[i] = path(cb.Links["alive"].URL)
			}
			var answers [600]atomic.Int64
			const attackTime = 5 * time.Second
			began := time.Now()
			var next atomic.Int64
			a.again(16, func(int) {
				for a.ctx.Err() == nil {
					link := links[int(next.Add(1))%len(links)]
					response, err := a.http.Post("http://"+a.public()+link, "", nil)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, response.Body)
					_ = response.Body.Close()
					answers[response.StatusCode].Add(1)
				}
			})
			var took []time.Duration
			for time.Since(began) < attackTime {
				took = append(took, a.honest(1)...)
			}
			a.stop()
			a.conns.Wait()
			seconds := time.Since(began).Seconds()
			calls := 0
			for _, task := range tasks {
				calls += len(a.calls.of(task))
			}
			told := ""
			for status := range answers {
				if n := answers[status].Load(); n > 0 {
					told += fmt.Sprintf(", %d× %d", n, status)
				}
			}
			t.Logf("%.0f calls a second for %d callbacks%s; an honest answer took at most %v",
				float64(calls)/seconds, callbacks, told, longest(took).Round(time.Millisecond))
			if most := min(heartbeatRate*(seconds+1), float64(callbacks)*(seconds+1)); float64(calls) > most {
				t.Errorf("%d heartbeats in %.1f s, more than %.0f", calls, seconds, most)
			}
			if calls == 0 || answers[http.StatusOK].Load() == 0 {
				t.Error("no heartbeat arrived")
			}
		})
	}
}

// bodyAttacks are bodies that hold memory but send little of their declared
// length.
var bodyAttacks = map[string]struct{ head, begin, more string }{
	"declared": {"Content-Length: 262144\r\n", `"`, "x"},
	"chunked":  {"Transfer-Encoding: chunked\r\n", "1\r\n\"\r\n", "1\r\nx\r\n"},
	"gzip":     {"Content-Length: 200000\r\nContent-Encoding: gzip\r\n", "\x1f", "\x8b"},
}

// Row 81: bodies arrive a byte at a time on all the connections that the
// attacker's links allow. Others get room.
func TestAttackOfSlowBodies(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	for name, attack := range bodyAttacks {
		for _, links := range []int{attackLinks, 4 * attackLinks} {
			t.Run(fmt.Sprintf("%s on %d connections", name, links*perLink), func(t *testing.T) {
				a := newAttacked(t)
				paths := make([]string, links)
				for i := range paths {
					_, cb := a.register()
					paths[i] = path(cb.URL)
				}
				var sending atomic.Int64
				a.again(links*perLink, func(i int) {
					conn, err := a.dial()
					if err != nil {
						return
					}
					defer conn.Close()
					_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: relay.example.com\r\nContent-Type: application/json\r\n%s\r\n%s",
						paths[i%links], attack.head, attack.begin)
					sending.Add(1)
					defer sending.Add(-1)
					for err == nil && a.ctx.Err() == nil {
						select {
						case <-a.ctx.Done():
						case <-time.After(time.Second):
						}
						_, err = io.WriteString(conn, attack.more)
					}
				})
				eventually(a, "all bodies are on their way", func() bool { return sending.Load() >= int64(links*perLink*9/10) })
				took := a.honest(5)
				t.Logf("an honest answer took at most %v", longest(took).Round(time.Millisecond))
				if longest(took) > 5*time.Second {
					t.Errorf("an honest answer took %v", longest(took))
				}
			})
		}
	}
}
