package handlers_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"callback-relay/forms"
	"callback-relay/relay"
)

var (
	aLinkName = regexp.MustCompile(`\A[a-z][a-z0-9-]{0,63}\z`)
	aTagKey   = regexp.MustCompile(`\A[A-Za-z0-9_.-]{1,64}\z`)
)

// Any registration that reaches the store keeps every bound, and comes from known fields
// that are given once. A refusal does not quote the task token. The canary is between the
// two halves that the fuzzer makes up.
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
		{`{"taskToken":"`, `","links":{"a":{"type":"success","output":{"n":12345678901234567890123,"a":1,"a":2}},"b":{"type":"failure","error":"E","cause":"c"}}}`},
		{`{"taskToken":"`, `","links":{"a":{"type":"success","page":true,"output":null,"response":{"text":"t","redirect":"https://example.com/"}}}}`},
		{`{"taskToken":"`, `","links":{"d":{"type":"approval","title":"t"}},"approval":{"choices":[{"value":"ask","label":"Ask"},{"value":"halt","label":"Halt","style":"danger"}]}}`},
		{`{"taskToken":"`, `","links":{"d":{"type":"approval","approver":"Dana"},"l":{"type":"approval"}},"approval":{"title":"t","message":"*m*","details":{"z":"1","a":"2"},"approveLabel":"y","rejectLabel":"n","comment":"required","fields":{"type":"object","properties":{"seats":{"type":"integer"}}},"onReject":"failure","confirm":"code","required":2,"rejections":1}}`},
		{`{"taskToken":"x","links":{"d":{"type":"approval","approver":"`, `"}}}`},
		{`{"taskToken":"x","tags":{"a":"`, `"}}`},
		{`{"taskToken":"x","links":{"d":{"type":"approval"}},"approval":{"details":{"a":"`, `","a":1}}}`},
		{`{"taskToken":"`, `","tags":{"n":4711,"b":true,"e":1e3},"links":{"d":{"type":"approval"}},"approval":{"title":"t","requestedBy":"Kim","forget":true,"details":{"n":1.50,"b":false,"l":{"text":"x","url":"https://example.com/"},"m":{"url":"mailto:a@example.com","text":"y"},"t":{"text":"z","url":"tel:+49-30"}}}}`},
		{`{"taskToken":"x","links":{"d":{"type":"approval"}},"approval":{"title":"t","details":{"l":{"text":"x","url":"https://`, `"}}}}`},
		{`{"taskToken":"x","links":{"d":{"type":"approval"}},"approval":{"fields":{"type":"object","properties":{"a":{"type":"string","pattern":"(`, `"}}}}}`},
		{`{"taskToken":"x","links":{"d":{"type":"success","page":true,"response":{"redirect":"javascript:`, `"}}}}`},
		{`{"taskToken":"x","awaits":{"paid":{"sender":"open","key":"`, `"}}}`},
		{`{"taskToken":"`, `","awaits":{"paid":{"sender":"open","key":4.2e1,"vars":{"a":1},"outcomes":[{"when":"vars.a == 1","do":"succeed"}]}}}`},
		{`["`, `"]`}, {`"`, `"`}, {``, ``}, {`{"taskToken":"`, ``}, {"{\"taskToken\":\"\xff", `"}`}, {`{"taskToken":"\ud800`, `"}`},
		{`{"taskToken":"`, `"} {}`}, {`null`, ``}, {deep(600), ``}, {`{"taskToken":"` + strings.Repeat("x", 140_000), `"}`},
	} {
		f.Add(halves[0], halves[1])
	}
	var many strings.Builder
	for i := range 33 {
		fmt.Fprintf(&many, `,"a%d":{"type":"webhook"}`, i)
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
		if got.Code != http.StatusCreated {
			if strings.Contains(answered, canary[1:]) && !names(body, canary) {
				t.Errorf("the answer quotes a value: %s", answered)
			}
			if p := problem(t, got); !slices.Contains([]int{400, 413}, p.Status) || len(kept.registrations) > 0 {
				t.Errorf("%d with %d recorded: %s", p.Status, len(kept.registrations), answered)
			}
			return
		}
		var fields map[string]json.RawMessage
		must(t, json.Unmarshal([]byte(body), &fields))
		for name := range fields {
			if !slices.Contains([]string{"taskToken", "expiresIn", "expiresAt", "onExpiry", "tags", "links", "awaits", "approval"}, name) {
				t.Errorf("the field %q was let pass", name)
			}
		}
		if len(kept.registrations) != 1 {
			t.Fatalf("created, and recorded %d times", len(kept.registrations))
		}
		r := kept.registrations[0]
		if strings.Contains(r.TaskToken.Reveal(), canary) && strings.Count(body, canary) == 1 && strings.Contains(answered, canary[1:]) {
			t.Errorf("the answer has the task token: %s", answered)
		}
		bounded(t, r)
		boundedAwaits(t, r)
		boundedLinks(t, r)
		boundedApproval(t, r)
		if fields["links"] != nil {
			passedOn(t, fields["links"], r)
		}
	})
}

// passedOn checks that the outputs of links are the bytes that were sent.
func passedOn(t *testing.T, links json.RawMessage, r relay.Registration) {
	t.Helper()
	var sent map[string]struct{ Output json.RawMessage }
	must(t, json.Unmarshal(links, &sent))
	for name, link := range sent {
		want := string(link.Output)
		if want == "" && r.Links[name].Type == relay.LinkSuccess {
			want = "{}"
		}
		if got := string(r.Links[name].Output); got != want {
			t.Errorf("the output of %q is %.200q, sent was %.200q", name, got, want)
		}
	}
}

// names tells whether a JSON object in the body has the word in a name. Errors may quote
// a name that is the mistake.
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

// bounded checks the bounds of every registered callback.
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
	if all := len(r.Links) + len(r.Awaits); len(r.Tags) > 16 || all > 32 || all == 0 {
		t.Errorf("%d tags, %d links, %d awaits", len(r.Tags), len(r.Links), len(r.Awaits))
	}
	for key, value := range r.Tags {
		if !aTagKey.MatchString(key) || utf8.RuneCountInString(value) > 256 || !utf8.ValidString(value) {
			t.Errorf("tag %q: %q", key, value)
		}
	}
	for name, link := range r.Links {
		if !aLinkName.MatchString(name) || name == relay.ByExpiry || !slices.Contains(relay.LinkTypes, link.Type) {
			t.Errorf("link %q of type %q", name, link.Type)
		}
	}
	names := slices.AppendSeq(slices.Collect(maps.Keys(r.Links)), maps.Keys(r.Awaits))
	slices.Sort(names)
	for i, name := range names {
		if link := r.NumberedLinks()[i]; link.Name != name || int(link.Number) != i {
			t.Errorf("link %q has the number %d, want %d", name, link.Number, i)
		}
	}
}

// boundedAwaits does the same for each await.
func boundedAwaits(t *testing.T, r relay.Registration) {
	t.Helper()
	for name, await := range r.Awaits {
		if _, taken := r.Links[name]; taken || !aLinkName.MatchString(name) || name == relay.ByExpiry {
			t.Errorf("await %q", name)
		}
		if n := utf8.RuneCountInString(await.Key); n < 1 || n > 256 || !utf8.ValidString(await.Key) || await.Sender != "open" || await.Inline != nil {
			t.Errorf("await of %q with a key of %d characters", await.Sender, n)
		}
	}
}

// boundedLinks does the same for the fields of each link: only those that its type uses.
func boundedLinks(t *testing.T, r relay.Registration) {
	t.Helper()
	pages := 0
	for name, link := range r.Links {
		if link.Page {
			pages++
		}
		if link.Page && link.Type == relay.LinkWebhook || !link.Page && link.Type == relay.LinkApproval {
			t.Errorf("link %q of type %q is a page: %v", name, link.Type, link.Page)
		}
		if (link.Output != nil) != (link.Type == relay.LinkSuccess) || len(link.Output) > fuzzLimit || link.Output != nil && !json.Valid(link.Output) {
			t.Errorf("link %q of type %q has the output %.200q", name, link.Type, string(link.Output))
		}
		if (link.Error != "") != (link.Type == relay.LinkFailure) || link.Cause != "" && link.Type != relay.LinkFailure {
			t.Errorf("link %q of type %q has the error %.200q: %.200q", name, link.Type, link.Error, link.Cause)
		}
		if link.Approver != "" && (link.Type != relay.LinkApproval || strings.TrimSpace(link.Approver) == "") {
			t.Errorf("link %q of type %q has the approver %.200q", name, link.Type, link.Approver)
		}
		if link.Response != (relay.Response{}) && (link.Type == relay.LinkWebhook || link.Type == relay.LinkHeartbeat) {
			t.Errorf("link %q of type %q has a response", name, link.Type)
		}
		if to, err := url.Parse(link.Response.Redirect); link.Response.Redirect != "" && (err != nil || !link.Page || to.Scheme != "https" || to.Host == "" || to.User != nil) {
			t.Errorf("link %q leads to %.200q", name, link.Response.Redirect)
		}
		within(t, 256, link.Error)
		within(t, 32_768, link.Cause)
		within(t, 100, link.Approver)
		within(t, 1000, link.Response.Text)
		within(t, 2048, link.Response.Redirect)
	}
	if (r.Approval != nil) != (pages > 0) {
		t.Errorf("%d pages, and there is an approval: %v", pages, r.Approval != nil)
	}
}

// boundedApproval does the same for what pages show and ask.
func boundedApproval(t *testing.T, r relay.Registration) {
	t.Helper()
	a := r.Approval
	if a == nil {
		return
	}
	within(t, 200, a.Title, a.RequestedBy)
	within(t, 5000, a.Message)
	within(t, 40, a.ApproveLabel, a.RejectLabel)
	if len(a.Choices) > 8 || len(a.Choices) > 0 && a.Quorum() {
		t.Errorf("%d choices for %d people", len(a.Choices), a.Required)
	}
	for _, choice := range a.Choices {
		within(t, 40, choice.Label)
		if len(choice.Value) > 64 || slices.Contains([]string{"", "approved", "rejected", "confirmed", "not-for-me"}, choice.Value) || strings.TrimSpace(choice.Label) == "" {
			t.Errorf("choice %+v", choice)
		}
	}
	for _, d := range a.Details {
		within(t, 64, d.Name)
		within(t, 1000, d.Value)
		within(t, 2048, d.URL)
		if d.URL != "" && !leadsOn.MatchString(d.URL) {
			t.Errorf("a detail links to %q", d.URL)
		}
	}
	people := map[string]bool{}
	for name, link := range r.Links {
		if link.Type == relay.LinkApproval {
			people[strings.ToLower(strings.Join(strings.Fields(link.Approver), " "))+"\x00"+map[bool]string{true: name}[link.Approver == ""]] = true
		}
	}
	if most := max(len(people), 1); a.Required < 1 || a.Rejections < 1 || a.Required+a.Rejections > most+1 {
		t.Errorf("%d approvals and %d rejections of %d people", a.Required, a.Rejections, most)
	}
	if len(a.Details) > 20 || len(a.Fields) > 16_384 {
		t.Errorf("%d details, %d bytes of fields", len(a.Details), len(a.Fields))
	}
	if _, wrong := forms.Parse(a.Fields); a.Fields != nil && wrong != nil {
		t.Errorf("its fields cannot be read: %v", wrong)
	}
}

// leadsOn is what a detail can link to.
var leadsOn = regexp.MustCompile(`^(?i:https://|mailto:|tel:)[^\s\x00-\x1f]+$`)

// within checks that texts are UTF-8 and have at most the given number of characters.
func within(t *testing.T, most int, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !utf8.ValidString(text) || utf8.RuneCountInString(text) > most {
			t.Errorf("%.200q has more than %d characters, or is no UTF-8", text, most)
		}
	}
}
