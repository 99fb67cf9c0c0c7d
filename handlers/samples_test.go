//go:build !release

package handlers_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"testing"

	"callback-relay/devmode/samples"
	"callback-relay/handlers"
	"callback-relay/publickeys"
	"callback-relay/relay"
	"callback-relay/rules"
	"callback-relay/senders"
	"callback-relay/stepfunctions/standin"
)

// noNetwork is a network that is not there.
type noNetwork struct{}

func (noNetwork) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("no network")
}

// Each sample has the result that it states, over HTTP and with the task behind it. So what
// docs/senders.md shows of each preset is true. After an event that ends the task, the next
// one finds a new task.
func TestSamples(t *testing.T) {
	published, err := samples.Published(noNetwork{})
	must(t, err)
	n := start(t, at(samples.At.Unix()), func(s *setup) { s.service.SenderKeys = publickeys.New(published) })
	for _, preset := range senders.Presets() {
		t.Run(preset.Name, func(t *testing.T) {
			sample, err := samples.Load(preset.Name)
			must(t, err)
			var s sampleTask
			for _, event := range sample.Events {
				if s.n == nil {
					s = n.on(t).registerSample(sample)
				}
				s.post(event)
				if event.Expected.Ends() {
					s = sampleTask{}
				}
			}
			if s.n != nil {
				t.Error("the last event does not end the task")
			}
		})
	}
}

// sampleTask is a task that waits at the link of a sample.
type sampleTask struct {
	task
	sample samples.Sample
	sender *senders.Sender
	guard  relay.Guard
	link   string
}

// registerSample registers as the sample says, with the task token of a new task.
func (n *node) registerSample(sample samples.Sample) sampleTask {
	n.t.Helper()
	var fields map[string]json.RawMessage
	must(n.t, json.Unmarshal(sample.Registration, &fields))
	if string(fields["taskToken"]) != `"..."` {
		n.t.Error(`the registration has not "..." as its task token`)
	}
	s := sampleTask{task: n.register("links", string(fields["links"])), sample: sample}
	registration, err := handlers.ParseRegistration(sample.Registration)
	must(n.t, err)
	for name, link := range registration.Links {
		s.link = name
		spec := *link.Guard.Inline
		if chosen := s.Links[name].Secret; chosen != "" {
			spec = spec.WithSecret(chosen)
		}
		s.guard = *link.Guard
		s.guard.Inline = &spec
		s.sender, err = senders.New(spec)
		must(n.t, err)
	}
	return s
}

// post posts an event, and checks that its result is what the sample states.
func (s sampleTask) post(event samples.Event) {
	t := s.n.t
	t.Helper()
	at := s.Links[s.link].URL
	if event.Query != "" {
		at += "?" + event.Query
	}
	u, err := url.Parse(at)
	must(t, err)
	header, body := event.At(samples.At)
	r := senders.Request{Method: http.MethodPost, URL: at, Header: header, Query: u.Query(), Body: body, Now: samples.At}
	must(t, s.sender.Sign(&r, s.sample.Key))
	s.rehearse(event, r)
	beats := s.heartbeats()
	s.n.metrics.reset()
	pairs := []string{}
	for name := range r.Header {
		pairs = append(pairs, name, r.Header.Get(name))
	}
	got := s.n.do(http.MethodPost, "http://"+s.n.public+u.RequestURI(), string(r.Body), pairs...)

	want := event.Expected
	if got.status != want.Status {
		t.Errorf("%s got %d %s, want %d", event.Name, got.status, got.body, want.Status)
	}
	s.checkReply(event, got)
	if beaten := s.heartbeats() - beats; (beaten > 0) != (want.Verdict == "alive") {
		t.Errorf("%s: %d heartbeats", event.Name, beaten)
	}
	s.checkTask(event)
}

// rehearse checks that what is said of an event without a callback is what becomes of it.
func (s sampleTask) rehearse(event samples.Event, r senders.Request) {
	t := s.n.t
	got, err := s.n.service.Rehearse(t.Context(), s.guard, relay.Post{
		URL: r.URL, Header: r.Header, Query: event.Query, Body: r.Body, Room: &room{},
	})
	must(t, err)
	want, told := event.Expected, map[rules.Do]string{rules.Succeed: "delivered", rules.Fail: "delivered", rules.Heartbeat: "alive", rules.Ignore: "ignored"}[got.Do]
	if got.Handshake != nil {
		told = "handshake"
	}
	if got.Unproven != nil || got.Failed != nil || told != want.Verdict || (got.Outcome != nil) != want.Ends() {
		t.Errorf("rehearsing %s: %+v, want %s", event.Name, got, want.Text)
	}
	if o := got.Outcome; o != nil && (o.Error != want.Error || o.Cause != want.Cause || want.Output != "the body" && string(o.Output) != want.Output) {
		t.Errorf("rehearsing %s: the task would get %+v", event.Name, o)
	}
}

// room is memory without a bound.
type room struct{}

func (*room) Take(int) error { return nil }
func (*room) Give(int)       {}

// heartbeats returns how many calls Step Functions got that say that work continues.
func (s sampleTask) heartbeats() (calls int) {
	for _, n := range s.n.aws.Calls()[standin.SendTaskHeartbeat] {
		calls += n
	}
	return calls
}

// reset forgets the results that were counted.
func (m *metrics) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.results = nil
}

// checkReply checks the body of an answer.
func (s sampleTask) checkReply(event samples.Event, got answer) {
	want := event.Expected
	if shook := s.n.metrics.told("answer handshake"); shook != (want.Verdict == "handshake") {
		s.n.t.Errorf("%s is a handshake: %v", event.Name, shook)
	}
	if want.Reply != nil {
		if string(got.body) != *want.Reply {
			s.n.t.Errorf("%s got the reply %q, want %q", event.Name, got.body, *want.Reply)
		}
		return
	}
	if want.Verdict == "handshake" {
		want.Verdict = "ignored"
	}
	var reply struct{ Status string }
	if got.decode(&reply); reply.Status != want.Verdict {
		s.n.t.Errorf("%s got %s, want %s", event.Name, got.body, want.Verdict)
	}
}

// checkTask checks what the task got.
func (s sampleTask) checkTask(event samples.Event) {
	want := event.Expected
	var got []standin.Effect
	for _, effect := range s.n.aws.Effects() {
		if effect.TaskToken == s.taskToken {
			got = append(got, effect)
		}
	}
	if !want.Ends() {
		if len(got) > 0 {
			s.n.t.Errorf("%s ended the task", event.Name)
		}
		return
	}
	output := []byte(want.Output)
	if want.Output == "the body" {
		_, output = event.At(samples.At)
	}
	if len(got) != 1 || !bytes.Equal(got[0].Output, output) || got[0].Error != want.Error || got[0].Cause != want.Cause {
		s.n.t.Errorf("%s: the task got %+v, want output %s, error %s, cause %s", event.Name, got, output, want.Error, want.Cause)
	}
}
