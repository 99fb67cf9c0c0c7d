//go:build !release

package samples_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"callback-relay/devmode/samples"
	"callback-relay/handlers"
	"callback-relay/publickeys"
	"callback-relay/relay"
	"callback-relay/rules"
	"callback-relay/senders"
)

// An event that does not have its object where the registration expects it may be about
// another customer's. So it must not complete, fail or keep alive the task of whoever
// copied the registration.
func TestSamplesIgnoreEventsWithoutTheirObject(t *testing.T) {
	service := newService(t)
	checked := 0
	for _, p := range senders.Presets() {
		sample, err := samples.Load(p.Name)
		if err != nil {
			t.Fatal(err)
		}
		guard, sender := guardOf(t, sample)
		if len(guard.Vars) == 0 {
			continue
		}
		for _, event := range sample.Events {
			if whole := rehearse(t, service, guard, sender, sample, event); whole.Handshake != nil || whole.Do == rules.Ignore {
				continue
			}
			checked++
			event.Body = withoutObject(t, event.Body, guard.Vars)
			if got := rehearse(t, service, guard, sender, sample, event); got.Do != rules.Ignore {
				t.Errorf("%s: without its object, %s is outcomes[%d]: %s", p.Name, event.Name, got.Rule, got.Do)
			}
		}
	}
	if checked < 60 {
		t.Errorf("only %d events were checked", checked)
	}
}

// An outcome that ignores all events but those of one object does not match if the path of
// the object is misspelt, and then the next outcomes let all events through. So neither the
// samples nor the pages have such an outcome.
func TestNoOutcomeIgnoresWhatIsNotTheObject(t *testing.T) {
	outcome := regexp.MustCompile(`\{[^{}]*"do": *"ignore"[^{}]*\}`)
	texts := map[string]string{}
	for _, page := range []string{"../../README.md", "../../docs/senders.md", "../../docs/from-sfn-callback-urls.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		texts[page] = string(text)
	}
	for _, p := range senders.Presets() {
		sample, err := samples.Load(p.Name)
		if err != nil {
			t.Fatal(err)
		}
		texts[p.Name] = string(sample.Registration)
	}
	for where, text := range texts {
		for _, found := range outcome.FindAllString(text, -1) {
			if strings.Contains(found, "!") {
				t.Errorf("%s has %s; name the object in the outcomes that do something instead", where, found)
			}
		}
	}
}

// newService returns a service that judges samples, and stores and delivers nothing.
func newService(t *testing.T) *relay.Service {
	t.Helper()
	master, err := relay.NewMasterKey("samples")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := relay.ParseKeyRing(master)
	if err != nil {
		t.Fatal(err)
	}
	published, err := samples.Published(failing{errors.New("no network")})
	if err != nil {
		t.Fatal(err)
	}
	return relay.NewService(relay.ServiceOptions{
		Keys: keys, SenderKeys: publickeys.New(published), PublicURL: &url.URL{Scheme: "https", Host: "relay.example.com"},
		MaxOutput: relay.MaxOutputBytes, MaxBody: 1 << 20, Now: func() time.Time { return samples.At },
	})
}

// guardOf returns the guard of a sample's link, and its sender, with a secret if the relay
// would choose it.
func guardOf(t *testing.T, sample samples.Sample) (relay.Guard, *senders.Sender) {
	t.Helper()
	registration, err := handlers.ParseRegistration(sample.Registration)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range registration.Links { // there is one
		guard := *l.Guard
		spec := *guard.Inline
		if spec.WantsValue() {
			spec = spec.WithSecret("a-secret-that-the-relay-chose")
		}
		guard.Inline = &spec
		sender, err := senders.New(spec)
		if err != nil {
			t.Fatal(err)
		}
		return guard, sender
	}
	t.Fatalf("the registration of %s has no link", sample.Preset)
	return relay.Guard{}, nil
}

// rehearse returns what would become of an event. An event that is not proven is a mistake
// of the test.
func rehearse(t *testing.T, service *relay.Service, guard relay.Guard, sender *senders.Sender, sample samples.Sample, event samples.Event) relay.Rehearsal {
	t.Helper()
	header, body := event.At(samples.At)
	query, err := url.ParseQuery(event.Query)
	if err != nil {
		t.Fatal(err)
	}
	r := senders.Request{Method: http.MethodPost, URL: link, Header: header, Query: query, Body: body, Now: samples.At}
	if err := sender.Sign(&r, sample.Key); err != nil {
		t.Fatal(err)
	}
	got, err := service.Rehearse(t.Context(), guard, relay.Post{URL: link, Header: r.Header, Query: event.Query, Body: r.Body, Room: room{}})
	if err != nil || got.Unproven != nil {
		t.Fatalf("%s %s: %v, %v", sample.Preset, event.Name, got.Unproven, err)
	}
	return got
}

// room is memory without a bound.
type room struct{}

func (room) Take(int) error { return nil }
func (room) Give(int)       {}

// withoutObject returns a body in which the members that say which object it is about have
// another name. They are those that have the value of a var, as a text or a number, or a
// text that ends with it after a colon.
func withoutObject(t *testing.T, body string, vars map[string]json.RawMessage) string {
	t.Helper()
	changed := body
	for _, value := range vars {
		value := regexp.QuoteMeta(strings.Trim(string(value), `"`))
		member := regexp.MustCompile(`"[^"]+":("(?:[^"]+:)?` + value + `"|` + value + `[,}])`)
		changed = member.ReplaceAllString(changed, `"elsewhere":$1`)
	}
	if changed == body {
		t.Errorf("no member of the body says which object it is about: %s", body)
	}
	return changed
}
