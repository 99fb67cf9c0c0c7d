package main

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"callback-relay/api"
	"callback-relay/relay"
)

// TestPageNonce sends forms that do not come from the link's page, or are too old
// (rows 7 and 8).
func TestPageNonce(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 2)
	d.run("none, foreign, old", wrongNonces)
	d.run("left open for too long", staleInBrowser)
	d.run("another site", foreignSites)
	d.run("another site in the browser", foreignSiteInBrowser)
}

// nonce makes a nonce for a link as if its page had been opened some time ago.
func (w *world) nonce(t task, link string, age time.Duration) string {
	w.Helper()
	keys, err := relay.ParseKeyRing(masterKey)
	w.must(err)
	ref, err := keys.Resolve(linkKey(t.Links[link].URL), relay.PageLinks)
	w.must(err)
	return ref.NewNonce(time.Now().Add(-age))
}

func wrongNonces(d *desk) {
	task, other := d.ask(), d.ask()
	right := d.nonce(task, "dana", 0)
	for name, nonce := range map[string]string{
		"none": "", "not one": "x", "cut off": right[:51], "upper case": strings.ToUpper(right),
		"another link's":     d.nonce(task, "lee", 0),
		"another callback's": d.nonce(other, "dana", 0),
		"old":                d.nonce(task, "dana", relay.NonceLife+time.Second),
		"very old":           d.nonce(task, "dana", 1000*time.Hour),
		"of times to come":   d.nonce(task, "dana", -2*relay.NonceLife),
	} {
		form := url.Values{"nonce": {nonce}, "decision": {"approved"}, "comment": {"typed <once>"}}
		got := d.browse(http.MethodPost, d.at(0, task, "dana"), form)
		fresh := nonceOf.FindStringSubmatch(got.body)
		if got.status != http.StatusBadRequest || !strings.Contains(got.body, "Your answer does not count yet") ||
			!strings.Contains(got.body, "typed &lt;once&gt;") || fresh == nil || fresh[1] == nonce {
			d.Errorf("%s: %d %s", name, got.status, got.body)
		}
		d.wantNothing(task)
	}
	// A nonce that is nearly an hour old works, at another replica too.
	form := url.Values{"nonce": {d.nonce(task, "dana", relay.NonceLife-time.Minute)}, "decision": {"approved"}}
	d.wantStatus(d.browse(http.MethodPost, d.at(1, task, "dana"), form).status, http.StatusOK)
	d.wantDecision(task, byDana)
}

// staleInBrowser presses on a page that was open for two hours: nothing typed is
// lost, and the next press counts.
func staleInBrowser(d *desk) {
	task := d.ask(with(withFields))
	tab := d.open(task, "open")
	typed := map[string]string{"#approver": "Kim", "#comment": "two\nlines", field("seats"): "3", field("when"): `"now"`}
	tab.Choose(field("when"), `"now"`)
	for _, input := range []string{"#approver", "#comment", field("seats")} {
		tab.Fill(input, typed[input])
	}
	tab.Eval(fmt.Sprintf(`document.querySelector("[name=nonce]").value = %q`, d.nonce(task, "open", 2*time.Hour)), nil)
	d.wantStatus(tab.Click(approveButton), http.StatusBadRequest)
	d.wantHeading(tab, "Deploy 4.2.0 to production?")
	d.wantText(tab, "Your answer does not count yet", "check them and press the button again")
	d.wantKept(tab, typed)
	d.wantNothing(task)
	d.wantStatus(tab.Click(approveButton), http.StatusOK)
	d.wantDecision(task, decision{
		link: "open", name: "Kim", typed: true, comment: `two\nlines`, fields: `{"when":"now","seats":3,"sure":false}`,
	})
	d.wantQuiet(tab)
}

// foreignSites sends a valid nonce with the headers of a form from another site.
func foreignSites(d *desk) {
	task := d.ask()
	target := d.at(0, task, "dana")
	for _, header := range [][]string{
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site"}, // of a neighbour on the same domain
		{"Origin", "https://example.com"},
		{"Origin", "null"},
		{"Origin", "https://relay.example.com.example.net"},
		{"Origin", "http://relay.example.com"},
	} {
		got := d.browse(http.MethodPost, target, d.form(task, "dana"), header...)
		if got.status != http.StatusForbidden || !strings.Contains(got.body, "This did not come from this website") || strings.Contains(got.body, "<form") {
			d.Errorf("%q: %d %s", header, got.status, got.body)
		}
		d.wantNothing(task)
	}
	got := d.browse(http.MethodPost, target, d.form(task, "dana"), "Accept", "application/json", "Sec-Fetch-Site", "cross-site")
	if got.status != http.StatusForbidden || !strings.Contains(got.body, string(api.CodeForeignSite)) {
		d.Errorf("for a program: %d %s", got.status, got.body)
	}
	d.wantNothing(task)
	// Behind a proxy the Host may be another one; the public URL's site is ours.
	d.wantStatus(d.browse(http.MethodPost, target, d.form(task, "dana"), "Origin", linkOrigin).status, http.StatusOK)
	d.wantDecision(task, byDana)
}

// foreignSiteInBrowser lets another site send its own form to a link, with a valid
// nonce.
func foreignSiteInBrowser(d *desk) {
	task := d.ask()
	target := d.at(0, task, "dana")
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<form method="post" action="%s"><input type="hidden" name="nonce" value="%s">`+
			`<button name="decision" value="approved">Win a prize</button></form>`, html.EscapeString(target), d.nonce(task, "dana", 0))
	}))
	defer site.Close()
	// By its other name it is another site; by the same name only another port.
	for _, address := range []string{site.URL, strings.Replace(site.URL, "127.0.0.1", "localhost", 1)} {
		tab := d.tab()
		d.wantStatus(tab.Open(address), http.StatusOK)
		d.wantStatus(tab.Click(approveButton), http.StatusForbidden)
		d.wantHeading(tab, "This did not come from this website")
		d.wantNothing(task)
	}
}
