package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/redis/go-redis/v9"

	"callback-relay/api"
	"callback-relay/config"
	"callback-relay/outbox"
	"callback-relay/stepfunctions"
)

// TestSecretsStayInside follows task tokens, payloads, links, keys and
// passwords through everything that a relay writes at level debug, or sends to a
// collector of traces, while it gets requests of every kind and everything around it
// fails. Tags, names of links and X-Request-Id are not secret, and the test does not
// search the environment of a process.
func TestSecretsStayInside(t *testing.T) {
	onEachRedis(t, func(t *testing.T, r redisServer) {
		h := newHunt(t, r, 2)
		for _, part := range []struct {
			name string
			test func(*hunt)
		}{
			{"mistaken senders", mistakenSenders},
			{"links in wrong places", linksInWrongPlaces},
			{"links that are nearly right", nearlyRightLinks},
			{"mistaken registrations", mistakenRegistrations},
			{"step functions fails", failingSteps},
			{"panics", panics},
			{"unreadable in redis", unreadable},
			{"proven senders", provenSenders},
			{"hooks and awaits", hooksAndAwaits},
			{"approvals", approvals},
			{"redis at rest", redisAtRest},
			{"redis away", withoutRedis}, // for good
		} {
			others := len(h.found.replicas)
			t.Run(part.name, func(t *testing.T) {
				under := *h
				under.world = h.under(t)
				part.test(&under)
				under.searchLogs()
			})
			for _, stopped := range h.found.replicas[others:] {
				h.search("the log of a replica that stopped", stopped.log.String())
			}
			h.found.replicas = h.found.replicas[:others]
		}
	})
}

// The secrets that all tasks share.
const (
	canaryPassword = "redis-4711-canary/pass+word"
	canaryAWS      = "aws/4711+canary+secret+access+key"
	canarySession  = "aws-session-4711-canary"
)

// hangsFor is how long a call to Step Functions may take here.
const hangsFor = 500 * time.Millisecond

// hunt is a world whose secrets are all known, and the text that left it.
type hunt struct {
	*world
	found *findings
}

// findings are shared by the parts of a hunt.
type findings struct {
	mu       sync.Mutex
	forms    map[string][]form // by their first bytes, so that one look at a text finds all
	tasks    int
	replicas []*replica // those that run
}

// form is one way of writing a secret.
type form struct{ what, text string }

// firstBytes is how many bytes of a form are looked up.
const firstBytes = 8

// newHunt starts replicas on a Redis with a password, which logs everything.
func newHunt(t *testing.T, r redisServer, replicas int) *hunt {
	t.Helper()
	h := &hunt{world: newWorld(t, tellAll(t, r), 0), found: &findings{forms: map[string][]form{}}}
	h.collector = newCollector(t)
	t.Cleanup(func() { // after the replicas have stopped, and so sent everything
		h.search("the traces", h.collector.text())
		if len(h.collector.spans) == 0 {
			t.Error("no traces came")
		}
	})
	h.guard("the API key", testAPIKey)
	h.guard("the master key", strings.TrimPrefix(masterKey, "k1:"))
	h.guard("the raw master key", strings.Repeat("k", 32))
	h.guard("the redis password", canaryPassword)
	h.guard("the AWS secret", canaryAWS)
	h.guard("the AWS session", canarySession)
	for range replicas {
		h.replicas = append(h.replicas, h.serve(nil))
	}
	return h
}

// serve starts a replica that signs with a secret. Its log and its metrics are
// searched. Its parts can be changed before it starts.
func (h *hunt) serve(parts func(*nodeOptions), change ...func(*config.Settings)) *replica {
	h.Helper()
	sender, err := stepfunctions.New(aws.Config{
		Region: "eu-central-1", BaseEndpoint: &h.stepsURL,
		Credentials: credentials.NewStaticCredentialsProvider("canary-id", canaryAWS, canarySession),
	}, stepfunctions.Options{Timeout: hangsFor})
	h.must(err)
	h.Cleanup(sender.Close)
	r := h.buildWith(func(o *nodeOptions) {
		o.AroundSender = func(outbox.Sender) outbox.Sender { return sender }
		if parts != nil {
			parts(o)
		}
	}, change...)
	h.run(r)
	h.Cleanup(func() {
		h.steps.SetFault()
		h.steps.Release()
		_ = r.stop() // Redis may be away
	})
	h.found.replicas = append(h.found.replicas, r)
	return r
}

// guard makes a text a secret from now on, in all its encodings.
func (h *hunt) guard(what, secret string) {
	h.found.mu.Lock()
	defer h.found.mu.Unlock()
	for _, text := range written(secret) {
		text = strings.ToLower(text)
		h.found.forms[text[:firstBytes]] = append(h.found.forms[text[:firstBytes]], form{what, text})
	}
}

// written returns the ways of writing a secret, case aside.
func written(secret string) []string {
	quoted, err := json.Marshal(secret)
	if err != nil {
		panic(err) // a string
	}
	bytes := fmt.Sprint([]byte(secret))
	forms := []string{
		secret, fmt.Sprintf("%x", secret), fmt.Sprintf("% x", secret), bytes[1 : len(bytes)-1],
		url.QueryEscape(secret), url.PathEscape(secret),
		string(quoted[1 : len(quoted)-1]),
		strings.Trim(strconv.Quote(secret), `"`), strings.Trim(strconv.QuoteToASCII(secret), `"`),
		strings.Trim(strconv.Quote(string(quoted[1:len(quoted)-1])), `"`), // JSON within a quoted text
	}
	// In base64 a text looks different after one or two other bytes, and the
	// characters at both ends depend on its neighbours.
	for before := range 3 {
		text := strings.Repeat("\x00", before) + secret
		whole := len(text) / 3 * 4
		first := (before*8 + 5) / 6
		forms = append(forms,
			base64.StdEncoding.EncodeToString([]byte(text))[first:whole],
			base64.URLEncoding.EncodeToString([]byte(text))[first:whole])
	}
	return slices.Compact(forms)
}

// canary is a task whose task token, links and payload are secrets.
type canary struct {
	task
	payload string // JSON, with characters that every encoding writes in its own way
}

// register registers a task with secrets of its own.
func (h *hunt) register(change ...func(*api.CreateRequest)) canary {
	h.Helper()
	h.found.tasks++
	name := fmt.Sprintf("canary-%d-4711", h.found.tasks)
	taskToken := "AQC/task+token&" + name + "=="
	core := `pay"load <` + name + `>/?é`
	quoted, err := json.Marshal(core)
	h.must(err)
	h.guard("a task token", taskToken)
	h.guard("a payload", core)
	h.guard("a payload", "<"+name+">") // a part of it is one too
	h.steps.Register(taskToken)
	c := canary{payload: `{"canary":` + string(quoted) + `}`}
	c.task = h.world.register(append(change, func(r *api.CreateRequest) { r.TaskToken = taskToken })...)
	for _, link := range c.Links {
		h.guardLink(linkKey(link.URL))
	}
	return c
}

// guardLink makes a link's key a secret, and each half of its proof. The part before
// the proof is the callback's id, which is not secret.
func (h *hunt) guardLink(key string) {
	h.guard("a link", key)
	h.guard("half a link", key[26:39])
	h.guard("half a link", key[39:])
}

// search fails if a text that left the relay holds a secret.
func (h *hunt) search(where, text string) {
	h.Helper()
	h.searchFor(where, text, func(string) bool { return true })
}

func (h *hunt) searchFor(where, text string, relevant func(what string) bool) {
	h.Helper()
	h.found.mu.Lock()
	defer h.found.mu.Unlock()
	lower := strings.ToLower(text)
	for at := range max(len(lower)-firstBytes+1, 0) {
		for _, form := range h.found.forms[lower[at:at+firstBytes]] {
			if strings.HasPrefix(lower[at:], form.text) && relevant(form.what) {
				h.Errorf("%s holds %s: …%q…", where, form.what, lower[max(at-200, 0):min(at+200, len(lower))])
				return
			}
		}
	}
}

// note searches the response that a sender gets.
func (h *hunt) note(got answer) answer {
	h.Helper()
	h.search("an answer", fmt.Sprint(got.status, got.header, "\n", got.body))
	return got
}

// searchLogs searches the logs and the metrics of all replicas, and their traces
// so far.
func (h *hunt) searchLogs() {
	h.Helper()
	h.search("the traces", h.collector.text())
	for _, r := range h.found.replicas {
		h.search("the log", r.log.String())
		if status, metrics := h.private(r, "/metrics"); status != 200 || !strings.Contains(metrics, "callback_relay_") {
			h.Errorf("metrics: %d %.100s", status, metrics)
		} else {
			h.search("the metrics", metrics)
		}
	}
}

// searchDocument searches a callback as its owner sees it, including links.
func (h *hunt) searchDocument(text string) {
	h.Helper()
	h.searchFor("a callback's document", text, func(what string) bool { return !strings.HasSuffix(what, "a link") })
}

// tellAll makes a redis-server require a password, log every command as slow, and
// write each change to a file unchanged. The in-process Redis can do none of these.
func tellAll(t *testing.T, r redisServer) redisServer {
	t.Helper()
	admin := redis.NewClient(&redis.Options{Addr: address(t, r.url)})
	t.Cleanup(func() { admin.Close() })
	if err := admin.ConfigSet(t.Context(), "appendonly", "yes").Err(); err != nil {
		t.Logf("in-process Redis: no password, no files, no slow log (%v)", err)
		return r
	}
	do := func(args ...any) {
		t.Helper()
		if err := admin.Do(t.Context(), args...).Err(); err != nil {
			t.Fatalf("%v: %v", args[:2], err)
		}
	}
	do("CONFIG", "SET", "auto-aof-rewrite-percentage", "0", "rdbcompression", "no", "loglevel", "debug")
	do("ACL", "SETUSER", "relay", "on", ">"+canaryPassword, "~*", "&*", "+@all")
	do("CONFIG", "SET", "slowlog-max-len", "1000000", "slowlog-log-slower-than", "0")
	u, err := url.Parse(r.url)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("relay", canaryPassword)
	r.url = u.String()
	return r
}

// address returns host and port of a Redis URL.
func address(t *testing.T, redisURL string) string {
	t.Helper()
	u, err := url.Parse(redisURL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}
