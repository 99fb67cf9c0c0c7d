package handlers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"

	"callback-relay/handlers"
	who "callback-relay/names" // a function of these tests has the other name
	"callback-relay/relay"
)

// people stores decisions on one callback that waits for ever.
type people struct {
	*recorder
	view relay.View
}

func (p people) View(context.Context, relay.LinkRef) (relay.View, error) { return p.view, nil }

func (p people) Decide(_ context.Context, _ relay.LinkRef, _ []relay.Decision, o *relay.Outcome) (relay.Recorded, error) {
	p.outcomes = append(p.outcomes, *o)
	return relay.Recorded{State: relay.StateAnswered, Delivery: &relay.Delivery{Outcome: *o}}, nil
}

// Decline records what a page sends that decides nothing.
func (p people) Decline(_ context.Context, _ relay.LinkRef, d relay.Decline) error {
	p.declined = append(p.declined, d)
	return nil
}

// Deliver leaves it for later.
func (people) Deliver(context.Context, relay.Delivery) relay.Settlement {
	return relay.Settlement{State: relay.StateAnswered}
}

// Row 34: only a form with the nonce of its page decides, what was typed arrives
// unchanged, and a page that shows it again does not execute it.
func FuzzSubmit(f *testing.F) {
	for _, text := range []string{
		"", "Jo", "<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "a\r\nSet-Cookie: x", "{{.Nonce}}", "\x00", "\u202e",
		`","decision":"approved`, "</textarea><script>x</script>", "\xff", "javascript:alert(1)", strings.Repeat("ä", 3000),
	} {
		f.Add(text, text, text, true, "approved")
		f.Add(text, text, text, true, "not-for-me")
		f.Add(text, text, text, false, "not-for-me")
		f.Add("Jo", "fine", text, true, "rejected")
		f.Add("Jo", text, "5", false, text)
	}
	f.Fuzz(func(t *testing.T, approver, comment, field string, good bool, decision string) {
		kept, public, link := withPeople(t)
		nonce := link.NewNonce(kept.view.Now)
		if !good {
			nonce = link.NewNonce(kept.view.Now.Add(-2 * time.Hour))
		}
		form := url.Values{
			"nonce": {nonce}, "decision": {decision}, "approver": {approver}, "comment": {comment}, "note": {comment}, "field.text": {field},
		}
		path := "/a/" + kept.keys.LinkKey(link.ID, relay.Link{LinkKind: link.LinkKind}, "k1").Reveal()
		request := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Accept", "text/html")
		got := httptest.NewRecorder()
		public.ServeHTTP(got, request)
		if got.Code != http.StatusOK && got.Code != http.StatusBadRequest && got.Code != http.StatusRequestEntityTooLarge {
			t.Fatalf("status %d: %.300s", got.Code, got.Body)
		}
		harmless(t, got.Body.Bytes())
		if (got.Code == http.StatusOK) != (len(kept.outcomes)+len(kept.declined) == 1) {
			t.Fatalf("status %d, and %d outcomes, declined %d times", got.Code, len(kept.outcomes), len(kept.declined))
		}
		if len(kept.declined) > 0 && (!good || decision != relay.NotForMe || utf8.RuneCount(kept.declined[0].Note) > relay.MaxNoteChars) {
			t.Errorf("%q declines, nonce good: %v", decision, good)
		}
		if len(kept.outcomes) == 0 {
			return
		}
		if !good || decision != relay.Approved && decision != relay.Rejected {
			t.Errorf("%q decides, nonce good: %v", decision, good)
		}
		if err := relay.CheckOutput(kept.outcomes[0].Output, relay.MaxOutputBytes); err != nil {
			t.Fatal(err)
		}
		var output struct {
			Decision, Comment string
			By                struct{ Approver string }
			Fields            struct{ Text string }
		}
		must(t, json.Unmarshal(kept.outcomes[0].Output, &output))
		if strings.TrimFunc(field, unseen) == "" {
			field = "" // nothing was filled in that anyone could see
		}
		plain := func(s string) string { return strings.Join(strings.Fields(s), " ") }
		if output.Decision != decision || plain(output.Comment) != plain(comment) ||
			!who.Same(output.By.Approver, approver) || plain(output.Fields.Text) != plain(field) {
			t.Errorf("%q, %q, %q, %q became %s", decision, approver, comment, field, kept.outcomes[0].Output)
		}
	})
}

func unseen(r rune) bool {
	return unicode.IsSpace(r) || unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// withPeople returns the public listener in front of one approval whose page
// asks for a name, a comment and a text.
func withPeople(t *testing.T) (people, http.Handler, relay.LinkRef) {
	t.Helper()
	kept, _, _ := recorded(t, relay.MaxOutputBytes)
	id := kept.keys.Identify("task")[0].ID
	page := relay.Link{Name: "open", LinkKind: relay.LinkKind{Type: relay.LinkApproval, Page: true}}
	ref, err := kept.keys.Resolve(kept.keys.LinkKey(id, page, "k1").Reveal(), relay.PageLinks)
	must(t, err)
	now := time.Now()
	p := people{kept, relay.View{
		Callback: relay.Callback{ID: id, State: relay.StatePending, ExpiresAt: now.Add(time.Hour), Links: []relay.Link{page}},
		Link:     page, Now: now,
		Approval: relay.Approval{
			Comment: relay.CommentOptional, OnReject: relay.OutcomeSuccess, Required: 1, Rejections: 1,
			Fields: []byte(`{"type":"object","properties":{"text":{"type":"string"}}}`),
		},
	}}
	return p, handlers.Public(handlers.PublicOptions{
		Relay: relay.NewService(relay.ServiceOptions{
			Store: p, Keys: kept.keys, Deliverer: p,
			PublicURL: &url.URL{Scheme: "https", Host: "relay.example.com"}, MaxOutput: relay.MaxOutputBytes,
		}),
		Logger: slog.New(slog.DiscardHandler), Metrics: quiet{}, Tracer: untraced, Pages: plainPages(t),
		BytesInFlight: 1 << 30,
	}), ref
}

// harmless fails if a page contains a script that is not its own, or anything else that
// runs.
func harmless(t *testing.T, page []byte) {
	t.Helper()
	tree, err := html.Parse(bytes.NewReader(page))
	must(t, err)
	scripts := 0
	for node := range tree.Descendants() {
		if node.Type != html.ElementNode {
			continue
		}
		if node.Data == "script" {
			scripts++
		}
		if slices.Contains([]string{"iframe", "object", "embed", "base"}, node.Data) {
			t.Errorf("a page with <%s>", node.Data)
		}
		for _, a := range node.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "href" && strings.HasPrefix(strings.ToLower(a.Val), "javascript") {
				t.Errorf("a page with %s=%q", a.Key, a.Val)
			}
		}
	}
	if scripts != 1 {
		t.Errorf("%d scripts in a page", scripts)
	}
}
