package relay_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callback-relay/relay"
)

// wrongFields are the fields that a registration is refused for.
func wrongFields(t *testing.T, r relay.Registration) []string {
	t.Helper()
	r.TaskToken = "t"
	o := serviceOptions(t, &scripted{})
	o.MaxOutput = relay.MaxOutputBytes
	s := relay.NewService(o)
	for name, l := range r.Links { // TestTitles is about pages without one
		if l.Title == "" && (l.Page || l.Type == relay.LinkApproval) && l.Type != relay.LinkWebhook {
			l.Title = "Deploy?"
			r.Links[name] = l
		}
	}
	_, _, err := s.Create(t.Context(), r)
	return fieldsOf(t, err)
}

// fieldsOf returns the fields that an error reports.
func fieldsOf(t *testing.T, err error) []string {
	t.Helper()
	var fields []string
	var collect func(error)
	collect = func(err error) {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range joined.Unwrap() {
				collect(e)
			}
			return
		}
		field := (*relay.InvalidFieldError)(nil)
		if err != nil && !errors.As(err, &field) {
			t.Fatal(err)
		}
		if err != nil {
			fields = append(fields, field.Field)
		}
	}
	collect(err)
	slices.Sort(fields)
	return fields
}

// A page must have a title, its own or the approval's. A registration without one is
// refused, unless its callback already exists: the previous release allowed it.
func TestTitles(t *testing.T) {
	page := relay.LinkKind{Type: relay.LinkFailure, Page: true}
	untitled := relay.LinkRequest{LinkKind: page, Error: "E"}
	titled, blank := untitled, untitled
	unseen := untitled
	unseen.Title, unseen.ButtonLabel = "\u3164", "\ufeff"
	titled.Title, blank.Title = "Import of March", " \t"
	for name, c := range map[string]struct {
		links map[string]relay.LinkRequest
		a     *relay.Approval
		want  []string
	}{
		"none":  {map[string]relay.LinkRequest{"l": untitled}, nil, []string{"links.l.title"}},
		"blank": {map[string]relay.LinkRequest{"l": blank}, &relay.Approval{Title: " "}, []string{"links.l.title"}},
		"cannot be seen": {map[string]relay.LinkRequest{"l": unseen, "d": asked(relay.LinkApproval)},
			&relay.Approval{Title: "\u200b", ApproveLabel: "\u2800", RejectLabel: " ", Details: []relay.Detail{{Name: "\u00ad"}}},
			[]string{"approval.approveLabel", "approval.details", "approval.rejectLabel", "approval.title", "links.d.title", "links.l.buttonLabel", "links.l.title"}},
		"an approval's":  {map[string]relay.LinkRequest{"l": untitled, "d": asked(relay.LinkApproval)}, &relay.Approval{Title: "Deploy?"}, nil},
		"its own":        {map[string]relay.LinkRequest{"l": titled}, nil, nil},
		"one of two":     {map[string]relay.LinkRequest{"l": titled, "d": asked(relay.LinkApproval)}, nil, []string{"links.d.title"}},
		"all at once":    {map[string]relay.LinkRequest{"l": untitled, "w": {LinkKind: kind(relay.LinkWebhook), Error: "E"}}, nil, []string{"links.l.title", "links.w.error"}},
		"of machines":    {map[string]relay.LinkRequest{"l": {LinkKind: kind(relay.LinkSuccess), Title: "T", Message: "M", ButtonLabel: "B"}}, nil, []string{"links.l.buttonLabel", "links.l.message", "links.l.title"}},
		"of two buttons": {map[string]relay.LinkRequest{"l": {LinkKind: kind(relay.LinkApproval), Title: "T", Message: "M", ButtonLabel: "B"}}, nil, []string{"links.l.buttonLabel"}},
		"with all there is": {map[string]relay.LinkRequest{"l": {LinkKind: relay.LinkKind{Type: relay.LinkHeartbeat, Page: true}, Title: strings.Repeat("ä", 200),
			Message: strings.Repeat("ä", 5000), ButtonLabel: strings.Repeat("ä", 40)}}, nil, nil},
		"too long": {map[string]relay.LinkRequest{"l": {LinkKind: relay.LinkKind{Type: relay.LinkSuccess, Page: true}, Title: strings.Repeat("x", 201),
			Message: strings.Repeat("x", 5001), ButtonLabel: strings.Repeat("x", 41)}}, nil, []string{"links.l.buttonLabel", "links.l.message", "links.l.title"}},
	} {
		kept := &scripted{}
		o := serviceOptions(t, kept)
		o.MaxOutput = relay.MaxOutputBytes
		s := relay.NewService(o)
		r := relay.Registration{TaskToken: "t", Links: c.links, Approval: c.a}
		_, created, err := s.Create(t.Context(), r)
		if created != (c.want == nil) {
			t.Errorf("%s: created: %t", name, created)
		}
		if name == "none" || name == "cannot be seen" {
			kept.found = relay.Callback{ID: "before"}
			if cb, created, err := s.Create(t.Context(), r); cb.ID != "before" || created || err != nil {
				t.Errorf("%s, and the callback is there: %s, created: %t, %v", name, cb.ID, created, err)
			}
			kept.err = relay.ErrSettingsDiffer
			if _, _, err := s.Create(t.Context(), r); !errors.Is(err, relay.ErrSettingsDiffer) {
				t.Errorf("%s, and another callback is there: %v", name, err)
			}
		}
		if diff := cmp.Diff(c.want, fieldsOf(t, err)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
		if name == "none" && !strings.Contains(err.Error(), `"Deploy 4.2.0 to production?"`) {
			t.Errorf("no example: %v", err)
		}
	}
}

func TestLinksWithOutcomes(t *testing.T) {
	page := func(t relay.LinkType) relay.LinkKind { return relay.LinkKind{Type: t, Page: true} }
	for name, c := range map[string]struct {
		link relay.LinkRequest
		want []string
	}{
		"success":             {relay.LinkRequest{LinkKind: kind(relay.LinkSuccess), Output: relay.Payload(`1`)}, nil},
		"success by default":  {asked(relay.LinkSuccess), nil},
		"success page":        {relay.LinkRequest{LinkKind: page(relay.LinkSuccess)}, nil},
		"success, no JSON":    {relay.LinkRequest{LinkKind: kind(relay.LinkSuccess), Output: relay.Payload(`{`)}, []string{"links.l.output"}},
		"success, too large":  {relay.LinkRequest{LinkKind: kind(relay.LinkSuccess), Output: relay.Payload(`"` + strings.Repeat("x", relay.MaxOutputBytes) + `"`)}, []string{"links.l.output"}},
		"failure":             {relay.LinkRequest{LinkKind: kind(relay.LinkFailure), Error: strings.Repeat("ä", 256), Cause: strings.Repeat("ä", 32768)}, nil},
		"failure, no error":   {asked(relay.LinkFailure), []string{"links.l.error"}},
		"failure, long error": {relay.LinkRequest{LinkKind: kind(relay.LinkFailure), Error: strings.Repeat("x", 257)}, []string{"links.l.error"}},
		"failure, long cause": {relay.LinkRequest{LinkKind: kind(relay.LinkFailure), Error: "E", Cause: strings.Repeat("x", 32769)}, []string{"links.l.cause"}},
		"failure, an output":  {relay.LinkRequest{LinkKind: kind(relay.LinkFailure), Error: "E", Output: relay.Payload(`1`)}, []string{"links.l.output"}},
		"webhook page":        {relay.LinkRequest{LinkKind: page(relay.LinkWebhook)}, []string{"links.l.page"}},
		"webhook, an error":   {relay.LinkRequest{LinkKind: kind(relay.LinkWebhook), Error: "E"}, []string{"links.l.error"}},
		"heartbeat page":      {relay.LinkRequest{LinkKind: page(relay.LinkHeartbeat)}, nil},
		"approver, no person": {relay.LinkRequest{LinkKind: kind(relay.LinkSuccess), Approver: "Dana"}, []string{"links.l.approver"}},
		"approver":            {relay.LinkRequest{LinkKind: kind(relay.LinkApproval), Approver: strings.Repeat("ä", 100)}, nil},
		"blank approver":      {relay.LinkRequest{LinkKind: kind(relay.LinkApproval), Approver: " "}, []string{"links.l.approver"}},
		"long approver":       {relay.LinkRequest{LinkKind: kind(relay.LinkApproval), Approver: strings.Repeat("x", 101)}, []string{"links.l.approver"}},
		"text":                {relay.LinkRequest{LinkKind: kind(relay.LinkSuccess), Response: relay.Response{Text: "Thanks"}}, nil},
		"long text":           {relay.LinkRequest{LinkKind: kind(relay.LinkSuccess), Response: relay.Response{Text: strings.Repeat("x", 1001)}}, []string{"links.l.response.text"}},
		"redirect":            {relay.LinkRequest{LinkKind: page(relay.LinkSuccess), Response: relay.Response{Redirect: "https://example.com/a?b#c"}}, nil},
		"redirect, machine":   {relay.LinkRequest{LinkKind: kind(relay.LinkSuccess), Response: relay.Response{Redirect: "https://example.com"}}, []string{"links.l.response.redirect"}},
	} {
		if diff := cmp.Diff(c.want, wrongFields(t, relay.Registration{Links: map[string]relay.LinkRequest{"l": c.link}})); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
	for _, bad := range []string{"http://example.com", "javascript:alert(1)", "//example.com", "https:example.com", "https://", "https://u@example.com", "https://exa mple.com", "data:text/html,x", "/done"} {
		link := relay.LinkRequest{LinkKind: page(relay.LinkSuccess), Response: relay.Response{Redirect: bad}}
		if got := wrongFields(t, relay.Registration{Links: map[string]relay.LinkRequest{"l": link}}); !slices.Contains(got, "links.l.response.redirect") {
			t.Errorf("redirect %s: %q", bad, got)
		}
	}
}

// approvers returns links of n people.
func approvers(n int) map[string]relay.LinkRequest {
	links := map[string]relay.LinkRequest{}
	for i := range n {
		links[fmt.Sprintf("l%d", i)] = relay.LinkRequest{LinkKind: kind(relay.LinkApproval), Approver: fmt.Sprint("Person ", i)}
	}
	return links
}

func TestApprovals(t *testing.T) {
	long := func(n int) string { return strings.Repeat("ä", n) }
	for name, c := range map[string]struct {
		a      relay.Approval
		people int
		want   []string
	}{
		"nothing":       {relay.Approval{}, 1, nil},
		"at their most": {relay.Approval{Title: long(200), Message: long(5000), ApproveLabel: long(40), RejectLabel: "b" + long(39), Details: []relay.Detail{{Name: long(64), Value: long(1000)}}, RequestedBy: long(200)}, 1, nil},
		"too long": {
			relay.Approval{Title: long(201), Message: long(5001), ApproveLabel: long(41), RejectLabel: "b" + long(40), Details: []relay.Detail{{Name: long(65), Value: long(1001)}}, RequestedBy: long(201)}, 1,
			[]string{"approval.approveLabel", "approval.details", "approval.details", "approval.message", "approval.rejectLabel", "approval.requestedBy", "approval.title"},
		},
		"not text":        {relay.Approval{Title: "\xff"}, 1, []string{"approval.title"}},
		"nameless detail": {relay.Approval{Details: []relay.Detail{{Name: " ", Value: "x"}}}, 1, []string{"approval.details"}},
		"many details":    {relay.Approval{Details: slices.Repeat([]relay.Detail{{Name: "n", Value: "v"}}, 21)}, 1, []string{"approval.details"}},
		"odd words": {
			relay.Approval{Comment: "x", OnReject: "x", Confirm: "x"}, 1,
			[]string{"approval.comment", "approval.confirm", "approval.onReject"},
		},
		"no page":           {relay.Approval{}, 0, []string{"approval"}},
		"fields":            {relay.Approval{Fields: []byte(`{"type":"object","properties":{"a":{"type":"array"}}}`)}, 1, []string{"approval.fields.properties.a"}},
		"2 of 2":            {relay.Approval{Required: 2}, 2, nil},
		"2 of 1":            {relay.Approval{Required: 2}, 1, []string{"approval.required"}},
		"2 rejections of 1": {relay.Approval{Rejections: 2}, 1, []string{"approval.rejections"}},
		"negative":          {relay.Approval{Required: -1}, 1, []string{"approval.required"}},
		"2 of 3 either way": {relay.Approval{Required: 2, Rejections: 2}, 3, nil},
		"nobody would win":  {relay.Approval{Required: 2, Rejections: 2}, 2, []string{"approval.rejections"}},
		"32 people":         {relay.Approval{Required: 32}, 32, nil},
		"33 people":         {relay.Approval{Required: 33}, 33, []string{"links"}},
	} {
		r := relay.Registration{Approval: &c.a, Links: approvers(c.people)}
		if got := wrongFields(t, r); !cmp.Equal(c.want, got) {
			t.Errorf("%s: fields %q, want %q", name, got, c.want)
		}
	}
	// A person with two links counts once.
	links := approvers(2)
	links["l2"] = relay.LinkRequest{LinkKind: kind(relay.LinkApproval), Approver: " person  0"}
	if got := wrongFields(t, relay.Registration{Approval: &relay.Approval{Required: 3}, Links: links}); !cmp.Equal(got, []string{"approval.required"}) {
		t.Errorf("three links of two people: %q", got)
	}
}

// waitingView is the view of a waiting callback with a quorum through one link.
func waitingView(a relay.Approval, decisions ...relay.Decision) relay.View {
	now := time.Now()
	return relay.View{
		Callback: relay.Callback{
			State: relay.StatePending, ExpiresAt: now.Add(time.Hour), Decisions: decisions,
			Links: []relay.Link{{Name: "dana", Approver: "Dana"}, {Name: "lee", Number: 1, Approver: "Lee"}, {Name: "dana2", Number: 2, Approver: "DANA "}, {Name: "open", Number: 3}},
		},
		Link: relay.Link{Name: "dana", Approver: "Dana"}, Approval: a, Now: now,
	}
}

func TestStanding(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*relay.View)
		want   relay.Standing
	}{
		"pending":          {func(*relay.View) {}, relay.StandingWaiting},
		"at the deadline":  {func(v *relay.View) { v.ExpiresAt = v.Now }, relay.StandingTooLate},
		"by this link":     {func(v *relay.View) { v.Decisions = []relay.Decision{{Link: "dana"}} }, relay.StandingCounted},
		"by another's":     {func(v *relay.View) { v.Decisions = []relay.Decision{{Link: "lee", Number: 1, Approver: "Lee"}} }, relay.StandingWaiting},
		"by my other link": {func(v *relay.View) { v.Decisions = []relay.Decision{{Link: "dana2", Number: 2, Approver: "DANA "}} }, relay.StandingCounted},
		"typed in my name": {func(v *relay.View) {
			v.Decisions = []relay.Decision{{Link: "open", Number: 3, Approver: "Dana", Typed: true}}
		}, relay.StandingWaiting},
		"by the link before": {func(v *relay.View) { v.Decisions = []relay.Decision{{Link: "dana", Number: 9, Approver: "Lee"}} }, relay.StandingWaiting},
		"answered":           {func(v *relay.View) { v.State, v.Outcome = relay.StateAnswered, &relay.OutcomeView{By: "lee"} }, relay.StandingOnItsWay},
		"delivered":          {func(v *relay.View) { v.State, v.Outcome = relay.StateDelivered, &relay.OutcomeView{By: "lee"} }, relay.StandingDecided},
		"task closed": {func(v *relay.View) {
			v.State, v.Outcome, v.Delivery = relay.StateRefused, &relay.OutcomeView{By: "lee"}, &relay.DeliveryView{LastError: "TaskTimedOut"}
		}, relay.StandingTaskClosed},
		"refused": {func(v *relay.View) {
			v.State, v.Outcome, v.Delivery = relay.StateRefused, &relay.OutcomeView{By: "lee"}, &relay.DeliveryView{LastError: "InvalidOutput"}
		}, relay.StandingNotTaken},
		"cancelled":         {func(v *relay.View) { v.State = relay.StateCancelled }, relay.StandingCancelled},
		"expired":           {func(v *relay.View) { v.State = relay.StateExpired }, relay.StandingTooLate},
		"failed by expiry":  {func(v *relay.View) { v.State, v.Outcome = relay.StateDelivered, &relay.OutcomeView{By: relay.ByExpiry} }, relay.StandingTooLate},
		"refused by expiry": {func(v *relay.View) { v.State, v.Outcome = relay.StateRefused, &relay.OutcomeView{By: relay.ByExpiry} }, relay.StandingTooLate},
	} {
		v := waitingView(relay.Approval{})
		c.change(&v)
		if got := v.Standing(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// A nonce is good for its link, for an hour.
func TestNonce(t *testing.T) {
	ring := keys(t, "k2", "k1")
	ref := func(task relay.TaskToken, k relay.LinkKind, number byte, of ...relay.Generation) relay.LinkRef {
		id, link := ring.Identify(task)[0].ID, relay.Link{LinkKind: k, Number: number}
		for _, link.Generation = range of {
		}
		got, err := ring.Resolve(ring.LinkKey(id, link, "k2").Reveal(), everyKind)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	page := relay.LinkKind{Type: relay.LinkApproval, Page: true}
	link, now := ref("task", page, 1), time.Now()
	nonce := link.NewNonce(now)
	if again := link.NewNonce(now); again == nonce {
		t.Error("two views have one nonce")
	}
	for name, c := range map[string]struct {
		link  relay.LinkRef
		nonce string
		after time.Duration
		want  bool
	}{
		"at once":          {link, nonce, 0, true},
		"within the hour":  {link, nonce, time.Hour - 2*time.Second, true},
		"after an hour":    {link, nonce, time.Hour, false},
		"a clock behind":   {link, nonce, -time.Minute, true},
		"of the future":    {link, nonce, -time.Hour - time.Second, false},
		"another number":   {ref("task", page, 2), nonce, 0, false},
		"another kind":     {ref("task", relay.LinkKind{Type: relay.LinkSuccess, Page: true}, 1), nonce, 0, false},
		"another callback": {ref("another", page, 1), nonce, 0, false},
		"a generation":     {ref("task", page, 1, "00c0ffee"), nonce, 0, false},
		"none":             {link, "", 0, false},
		"changed":          {link, nonce[:20] + "a" + nonce[21:], 0, nonce[20] == 'a'},
		"longer":           {link, nonce + "a", 0, false},
	} {
		if got := c.link.CheckNonce(c.nonce, now.Add(c.after)); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// Codes are six digits and differ between links. The caller who registers and the page
// get the same code.
func TestCode(t *testing.T) {
	ring := keys(t, "k1")
	id, seen := ring.Identify("task")[0].ID, map[string]int{}
	for n := range 200 {
		link := relay.Link{LinkKind: relay.LinkKind{Type: relay.LinkApproval, Page: true}, Number: byte(n)}
		code := ring.Code(id, link, "k1")
		if len(code) != 6 || strings.Trim(code, "0123456789") != "" {
			t.Fatalf("code %q", code)
		}
		seen[code]++
	}
	if len(seen) < 195 {
		t.Errorf("200 links have %d codes", len(seen))
	}
	link := relay.Link{LinkKind: relay.LinkKind{Type: relay.LinkApproval, Page: true}}
	if got := ring.Code(id, link, "k1"); got != "740082" {
		t.Errorf("without a generation the code is %s: codes that are out do not work", got)
	}
	seen = map[string]int{}
	for n := range 200 { // registered anew again and again
		link.Generation = relay.Generation(fmt.Sprintf("%08x", n))
		seen[ring.Code(id, link, "k1")]++
	}
	if len(seen) < 195 {
		t.Errorf("200 registrations have %d codes", len(seen))
	}
}

// A detail keeps what it is in its JSON, and the previous release reads its first two
// elements. A pair, as that release wrote it, stays a pair.
func TestDetailJSON(t *testing.T) {
	for text, want := range map[string]relay.Detail{
		`["Service","billing"]`:                     {Name: "Service", Value: "billing"},
		`["Ticket","No. 42","https://example.com"]`: {Name: "Ticket", Value: "No. 42", URL: "https://example.com"},
		`["Insured","true",true]`:                   {Name: "Insured", Value: "true", Boolean: true},
		`["Late","false",false]`:                    {Name: "Late", Value: "false", Boolean: true},
	} {
		var got relay.Detail
		var earlier [2]string // as the previous release reads it
		if err := errors.Join(json.Unmarshal([]byte(text), &got), json.Unmarshal([]byte(text), &earlier)); err != nil || got != want || earlier != [2]string{want.Name, want.Value} {
			t.Errorf("%s: %+v, %q, %v", text, got, earlier, err)
		}
		if again, err := json.Marshal(got); err != nil || string(again) != text {
			t.Errorf("%s becomes %s, %v", text, again, err)
		}
	}
	for _, bad := range []string{`[]`, `["a"]`, `[1,"a"]`, `["a",1]`, `{}`, `"a"`} {
		if err := json.Unmarshal([]byte(bad), new(relay.Detail)); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
}

// A detail links to what a browser can open safely, and to nothing that misleads.
func TestDetailURLs(t *testing.T) {
	wrong := func(url string) []string {
		a := relay.Approval{Title: "T", Details: []relay.Detail{{Name: "Ticket", Value: "No. 42", URL: url}}}
		return wrongFields(t, relay.Registration{Links: approvers(1), Approval: &a})
	}
	for _, good := range []string{
		"https://example.com", "https://example.com:8443/a%20b?c=d#e", "https://例え.jp/ä", "mailto:kim@example.com", "mailto:kim%2Btag@example.com?subject=Deploy%20it",
		"tel:+49301234567", "tel:+49-30-(123).4567", "tel:112", "tel:863-1234;phone-context=example.com", "mailto:kim@localhost", "TEL:112",
	} {
		if got := wrong(good); got != nil {
			t.Errorf("%s: %q", good, got)
		}
	}
	for _, bad := range []string{
		"http://example.com", "https:example.com", "https://", "https://kim@example.com/", "https://a:b@example.com", "//example.com", "/42", "example.com",
		"javascript:alert(1)", "data:text/html,x", "https://example.com/a b", "https://example.com/\u202egnp", "https://example.com/\x7f", "https://example.com/\u00a0",
		"mailto:", "mailto:kim", "mailto:?subject=x", "mailto:Kim <kim@example.com>", "mailto:Kim%20%3Ckim@example.com%3E", "mailto:%zz@example.com",
		"mailto:kim%E2%80%AE@example.com", "mailto:kim@example.com?bcc=lee@example.com", "mailto:kim@example.com?subject=x&to=lee@example.com", "mailto:kim@example.com#x",
		"tel:*21*1234#", "tel:112?x", "tel:112#31#",
		"tel:", "tel:+", "tel:call me", "tel:+49 30 1", "tel://112", "sms:112",
	} {
		if got := wrong(bad); !slices.Equal(got, []string{"approval.details.Ticket.url"}) {
			t.Errorf("%q: %q", bad, got)
		}
	}
}
