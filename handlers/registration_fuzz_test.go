package handlers_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"callback-relay/relay"
)

var (
	aLinkName = regexp.MustCompile(`\A[a-z][a-z0-9-]{0,31}\z`)
	aTagKey   = regexp.MustCompile(`\A[A-Za-z0-9_.-]{1,64}\z`)
)

// Whatever a registration says, what reaches the store keeps every bound, comes
// from fields that are known and given once, and what is refused is refused
// without a word of the task token. The canary stands between the two halves
// that the fuzzer makes up.
func FuzzRegistration(f *testing.F) {
	const canary = "CANARYcanaryCANARYcanary"
	for _, halves := range [][2]string{
		{`{"taskToken":"`, `"}`},
		{`{"taskToken":"`, `","expiresIn":"7d","onExpiry":"ignore","tags":{"order":"42","b":"\u00e9"},"links":{"default":{"type":"webhook"},"p":{"type":"heartbeat"}}}`},
		{`{"taskToken":"`, `","expiresIn":"1h","expiresAt":"2099-01-01T00:00:00Z"}`},
		{`{"taskToken":"`, `","expiresAt":"2099-01-01T00:00:00Z"}`},
		{`{"taskToken":"`, `","expiresAt":"0001-01-01T00:00:00Z"}`},
		{`{"taskToken":"`, `","expiresIn":"-1h","onExpiry":"x","tags":{"":"1"},"links":{"":{}}}`},
		{`{"taskToken":"`, `","taskToken":"b"}`},
		{`{"TaskToken":"`, `"}`},
		{`{"taskToken":"`, `","links":{"expiry":{"type":"webhook"}}}`},
		{`{"taskToken":"`, `","links":{"a":{"type":"webhook","url":"x"}}}`},
		{`{"taskToken":"`, `","links":[],"tags":1}`},
		{`{"taskToken":["`, `"]}`},
		{`{"taskToken":{"a":"`, `"}}`},
		{`{"`, `":1}`},
		{`{"taskToken":"x","expiresAt":"`, `"}`},
		{`{"taskToken":"x","expiresIn":"`, `"}`},
		{`{"taskToken":"x","onExpiry":"`, `"}`},
		{`{"taskToken":"x","links":{"a":{"type":"`, `"}}}`},
		{`{"taskToken":"x","links":{"`, `":{"type":"webhook"}}}`},
		{`{"taskToken":"x","tags":{"a":"`, strings.Repeat("x", 257) + `"}}`},
		{`{"taskToken":"` + strings.Repeat("x", 2048-len(canary)), `"}`},
		{`{"taskToken":"` + strings.Repeat("x", 2049-len(canary)), `"}`},
		{`{"taskToken":"` + strings.Repeat("é", 2048-len(canary)), `"}`},
		{`["`, `"]`}, {`"`, `"`}, {``, ``}, {`{"taskToken":"`, ``}, {"{\"taskToken\":\"\xff", `"}`}, {`{"taskToken":"\ud800`, `"}`},
		{`{"taskToken":"`, `"} {}`}, {`null`, ``}, {deep(600), ``}, {`{"taskToken":"` + strings.Repeat("x", 140_000), `"}`},
	} {
		f.Add(halves[0], halves[1])
	}
	var many strings.Builder
	for i := range 17 {
		many.WriteString(`,"` + string(rune('a'+i)) + `":{"type":"webhook"}`)
	}
	f.Add(`{"taskToken":"`, `","links":{`+many.String()[1:]+`}}`)
	kept, _, private := recorded(f, fuzzLimit)

	f.Fuzz(func(t *testing.T, before, after string) {
		body := before + canary + after
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/callbacks", strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+apiKey)
		kept.registrations = nil
		got := httptest.NewRecorder()
		private.ServeHTTP(got, req)

		answered := got.Body.String()
		if strings.Contains(answered, canary[1:]) && !names(body, canary) {
			t.Errorf("the answer quotes a value: %s", answered)
		}
		if got.Code != http.StatusCreated {
			if p := problem(t, got); !slices.Contains([]int{400, 413}, p.Status) || len(kept.registrations) > 0 {
				t.Errorf("%d with %d recorded: %s", p.Status, len(kept.registrations), answered)
			}
			return
		}
		var fields map[string]json.RawMessage
		must(t, json.Unmarshal([]byte(body), &fields))
		for name := range fields {
			if !slices.Contains([]string{"taskToken", "expiresIn", "expiresAt", "onExpiry", "tags", "links"}, name) {
				t.Errorf("the field %q was let pass", name)
			}
		}
		if len(kept.registrations) != 1 {
			t.Fatalf("created, and recorded %d times", len(kept.registrations))
		}
		bounded(t, kept.registrations[0])
	})
}

// names tells whether a JSON object in the body has the word in a name. Names
// are quoted where they are the mistake.
func names(body, word string) bool {
	d := json.NewDecoder(strings.NewReader(body))
	var open []json.Delim
	name := false
	for {
		token, err := d.Token()
		if err != nil {
			return false
		}
		inObject := len(open) > 0 && open[len(open)-1] == '{'
		switch token {
		case json.Delim('{'), json.Delim('['):
			open, name = append(open, token.(json.Delim)), true
			continue
		case json.Delim('}'), json.Delim(']'):
			open, name = open[:len(open)-1], true
			continue
		}
		text, _ := token.(string)
		if inObject && name && strings.Contains(text, word) {
			return true
		}
		name = !inObject || !name
	}
}

// bounded checks what design.md promises of every callback that is registered.
func bounded(t *testing.T, r relay.Registration) {
	t.Helper()
	if n := utf8.RuneCountInString(r.TaskToken.Reveal()); n < 1 || n > 2048 || !utf8.ValidString(r.TaskToken.Reveal()) {
		t.Errorf("a task token of %d characters", n)
	}
	in, at := r.Expires.In, r.Expires.At
	if at.IsZero() && (in < time.Millisecond || in > 365*24*time.Hour) || !at.IsZero() && in != 0 {
		t.Errorf("it expires in %v at %v", in, at)
	}
	if r.OnExpiry != relay.OnExpiryFail && r.OnExpiry != relay.OnExpiryIgnore {
		t.Errorf("on expiry %q", r.OnExpiry)
	}
	if len(r.Tags) > 16 || len(r.Links) > 16 || len(r.Links) == 0 {
		t.Errorf("%d tags, %d links", len(r.Tags), len(r.Links))
	}
	for key, value := range r.Tags {
		if !aTagKey.MatchString(key) || utf8.RuneCountInString(value) > 256 || !utf8.ValidString(value) {
			t.Errorf("tag %q: %q", key, value)
		}
	}
	for i, name := range slices.Sorted(maps.Keys(r.Links)) {
		if !aLinkName.MatchString(name) || name == relay.ByExpiry || !slices.Contains(relay.LinkTypes, r.Links[name]) {
			t.Errorf("link %q of type %q", name, r.Links[name])
		}
		if link := r.NumberedLinks()[i]; link.Name != name || int(link.Number) != i {
			t.Errorf("link %q has the number %d, want %d", name, link.Number, i)
		}
	}
}
