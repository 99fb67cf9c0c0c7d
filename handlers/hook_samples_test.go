//go:build !release

package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"callback-relay/api"
	"callback-relay/devmode/samples"
	"callback-relay/handlers"
	"callback-relay/publickeys"
	"callback-relay/relay"
	"callback-relay/senders"
)

// The samples of each preset, posted to a hook of its sender: what only tests a URL gets
// the same reply as at a link, and everything else is an event, whatever it means to the
// task of the sample. With another body, or without its secret, it gets 401.
func TestSamplesAtHooks(t *testing.T) {
	published, err := samples.Published(noNetwork{})
	must(t, err)
	keys := publickeys.New(published)
	for _, preset := range senders.Presets() {
		t.Run(preset.Name, func(t *testing.T) {
			sample, err := samples.Load(preset.Name)
			must(t, err)
			registration, err := handlers.ParseRegistration(sample.Registration)
			must(t, err)
			var spec senders.Spec
			for _, link := range registration.Links {
				spec = *link.Guard.Inline
			}
			if spec.WantsValue() {
				spec = spec.WithSecret("chosen for this test")
			}
			hook := relay.Hook{Name: "sample", Keep: relay.DefaultKeep}
			hook.Sender, err = senders.New(spec, senders.WithKeys(keys))
			must(t, err)
			hook.Rule = anything(t, hook.Sender)
			n := start(t, at(samples.At.Unix()), hooked(t, hook))
			for _, event := range sample.Events {
				n.postSample(hook, sample, event)
			}
		})
	}
}

// postSample posts an event of a sample to a hook, and checks the answer.
func (n *node) postSample(hook relay.Hook, sample samples.Sample, event samples.Event) {
	t := n.t
	t.Helper()
	at := n.service.HookURL(hook.Name)
	if event.Query != "" {
		at += "?" + event.Query
	}
	u, err := url.Parse(at)
	must(t, err)
	header, body := event.At(samples.At)
	r := senders.Request{Method: http.MethodPost, URL: at, Header: header, Query: u.Query(), Body: body, Now: samples.At}
	must(t, hook.Sender.Sign(&r, sample.Key))
	post := func(body []byte, header http.Header) answer {
		var pairs []string
		for name := range header {
			pairs = append(pairs, name, header.Get(name))
		}
		return n.do(http.MethodPost, "http://"+n.public+u.RequestURI(), string(body), pairs...)
	}
	want := event.Expected
	unproven := r.Header.Clone()
	headers, _ := hook.Sender.SecretPlaces()
	for _, name := range headers {
		unproven.Set(name, "another secret")
	}
	changed := flipped(string(r.Body) + " ")
	if hook.Sender.Preset() == "microsoft-graph" { // signs nothing
		changed = strings.ReplaceAll(string(r.Body), `"clientState":"`, `"clientState":"x`)
	}
	if !post([]byte(changed), unproven).refused() && want.Verdict != "handshake" {
		t.Errorf("%s is taken with another body", event.Name)
	}
	stored := n.redis.Dump()
	got := post(r.Body, r.Header)
	unchanged := n.redis.Dump() == stored
	if got.status != http.StatusOK && got.status != want.Status {
		t.Errorf("%s got %d %s", event.Name, got.status, got.body)
	}
	// A job of fal has one outcome, and the sample has two.
	again := hook.Sender.Preset() == "fal" && event.Name == "error"
	if handshake := want.Verdict == "handshake"; unchanged != (handshake || again) {
		t.Errorf("%s is a handshake: %t, and nothing is stored: %t", event.Name, handshake, unchanged)
	}
	if want.Reply != nil {
		if string(got.body) != *want.Reply {
			t.Errorf("%s got the reply %q, want %q", event.Name, got.body, *want.Reply)
		}
		return
	}
	status := api.EventKept
	switch {
	case again:
		status = api.EventDuplicate
	case unchanged:
		status = api.EventIgnored
	}
	got.says(status, "")
}

// refused tells whether a post was not proven.
func (a answer) refused() bool { return a.status == http.StatusUnauthorized }
