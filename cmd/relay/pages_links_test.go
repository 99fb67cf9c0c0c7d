package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"callback-relay/api"
)

// fixedLinks are links with a fixed outcome, for machines and as pages.
func fixedLinks(r *api.CreateRequest) {
	said := &api.LinkResponse{Text: "Thank you & good night."}
	shown := &api.LinkResponse{Text: said.Text, Redirect: "https://example.com/next?a=1&b=2"}
	r.Links = map[string]api.LinkRequest{
		"done":      {Type: api.LinkSuccess, Output: raw(fixedOutput), Response: said},
		"quiet":     {Type: api.LinkSuccess},
		"broken":    {Type: api.LinkFailure, Error: "Kiln.Cold", Cause: "The kiln is cold."},
		"alive":     {Type: api.LinkHeartbeat},
		"done-page": {Type: api.LinkSuccess, Page: true, Title: "Is the kiln warm?", Output: raw(fixedOutput), Response: shown},
		"bad-page":  {Type: api.LinkFailure, Page: true, Title: "Is the kiln cold?", Error: "Kiln.Cold", Cause: "The kiln is cold."},
		"beat-page": {Type: api.LinkHeartbeat, Page: true, Title: "Is the kiln being fired?"},
		"webhook":   {Type: api.LinkWebhook},
	}
}

// fixedOutput has no spaces, since the Go client removes them.
const fixedOutput = `{"n":1.0,"n":12345678901234567890,"<":"&"}`

// TestFixedLinks uses links whose outcome is part of the registration.
func TestFixedLinks(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 2)
	d.run("success page", successOnPage)
	d.run("failure page", failureOnPage)
	d.run("heartbeat page", heartbeatOnPage)
	d.run("for machines", fixedForMachines)
	d.run("the same from two links", sameFromTwoLinks)
	d.run("links in the wrong place", linksInTheWrongPlace)
	d.run("what the sender is told", responsesByAccept)
	d.run("response of an approval", responseOfApproval)
}

func successOnPage(d *desk) {
	task := d.register(fixedLinks)
	tab := d.open(task, "done-page")
	d.wantHeading(tab, "Is the kiln warm?")
	if tab.Has(rejectButton) || tab.Has("#comment") || tab.Has("#approver") {
		d.Error("more than one button")
	}
	d.wantNothing(task)
	d.wantStatus(tab.Click(confirmButton), http.StatusOK)
	d.wantHeading(tab, "You confirmed this")
	d.wantText(tab, "Thank you & good night.", "Continue to example.com")
	if got := tab.Attr("a.button", "href"); got != "https://example.com/next?a=1&b=2" {
		d.Errorf("it goes on to %q", got)
	}
	d.wantOutput(task, fixedOutput)
	d.wantStatus(tab.Resubmit(), http.StatusOK)
	d.wantHeading(tab, "You confirmed this")
	d.wantOutput(task, fixedOutput)
	d.wantQuiet(tab)

	d.visit(tab, task, "bad-page")
	d.wantHeading(tab, "This was confirmed")
	if strings.Contains(tab.Text("body"), "good night") || tab.Has("a.button") {
		d.Error("what is said to who pressed is said to others")
	}
	d.wantProblem(d.post(task.Links["broken"].URL, ``), api.CodeAlreadyAnswered)
}

func failureOnPage(d *desk) {
	task := d.register(fixedLinks)
	tab, late := d.open(task, "bad-page"), d.open(task, "done-page")
	d.wantHeading(tab, "Is the kiln cold?")
	d.wantText(tab, "Report a failure", "Pressing the button below reports this as failed.")
	if tab.Has("button.main") {
		d.Error("the button that fails the task looks like the one to press")
	}
	d.wantStatus(tab.Click(confirmButton), http.StatusOK)
	d.wantHeading(tab, "You reported this as failed")
	d.wantFailure(task, "Kiln.Cold", "The kiln is cold.")
	d.wantStatus(late.Click(confirmButton), http.StatusConflict)
	d.wantHeading(late, "This was reported as failed")
	d.wantFailure(task, "Kiln.Cold", "The kiln is cold.")
	d.wantQuiet(late)
}

func heartbeatOnPage(d *desk) {
	task := d.register(fixedLinks)
	beats := func() (n int) {
		for _, beat := range d.steps.Heartbeats() {
			if beat.TaskToken == task.token {
				n++
			}
		}
		return n
	}
	tab := d.open(task, "beat-page")
	d.wantHeading(tab, "Is the kiln being fired?")
	for n := range 3 {
		// Within a second after another, a heartbeat is not forwarded (row 78).
		d.eventually("one more heartbeat is passed on", func() bool {
			d.visit(tab, task, "beat-page")
			d.wantStatus(tab.Click(confirmButton), http.StatusOK)
			d.wantHeading(tab, "Noted: still in progress")
			return beats() == n+1
		})
	}
	d.wantNothing(task)
	if cb := d.get(task); cb.State != api.StatePending {
		d.Errorf("state %s", cb.State)
	}
	d.wantQuiet(tab)

	d.steps.Close(task.token)
	d.eventually("that the task is closed is told", func() bool {
		d.visit(tab, task, "beat-page")
		return tab.Click(confirmButton) == http.StatusGone
	})
	d.wantHeading(tab, "This answer is no longer needed")
}

func fixedForMachines(d *desk) {
	task := d.register(fixedLinks)
	for range 2 {
		d.wantTaken(d.post(task.Links["alive"].URL, ``), task, api.StatusAlive, false)
	}
	d.wantNothing(task)
	for _, duplicate := range []bool{false, true, true} {
		d.wantTaken(d.post(task.Links["quiet"].URL, ``), task, api.StatusDelivered, duplicate)
	}
	d.wantOutput(task, `{}`)
	for _, link := range []string{"done", "broken", "webhook"} {
		d.wantProblem(d.post(task.Links[link].URL, `"late"`), api.CodeAlreadyAnswered)
	}
	d.wantOutput(task, `{}`)

	task = d.register(fixedLinks)
	d.wantTaken(d.post(task.Links["broken"].URL, `{"ignored": `), task, api.StatusDelivered, false)
	d.wantTaken(d.post(task.Links["broken"].URL, ``), task, api.StatusDelivered, true)
	d.wantProblem(d.post(task.Links["quiet"].URL, ``), api.CodeAlreadyAnswered)
	d.wantFailure(task, "Kiln.Cold", "The kiln is cold.")
}

// sameFromTwoLinks sends the same outcome through two links: only the first counts,
// and only the first can be repeated.
func sameFromTwoLinks(d *desk) {
	said := &api.LinkResponse{Text: "Thank you."}
	task := d.ask(adding("one", api.LinkRequest{Type: api.LinkSuccess, Output: raw(`7`), Response: said}),
		adding("two", api.LinkRequest{Type: api.LinkSuccess, Output: raw(`7`), Response: said}))
	for _, again := range []bool{false, true} {
		got := d.post(task.Links["one"].URL, ``)
		want := api.AnswerResponse{ID: task.ID, Status: api.StatusDelivered, Duplicate: again, Text: said.Text}
		if got.status != http.StatusOK || got.AnswerResponse != want {
			d.Errorf("got %d %s, want %+v", got.status, got.body, want)
		}
		d.wantProblem(d.post(task.Links["two"].URL, ``), api.CodeAlreadyAnswered)
	}
	d.wantOutput(task, `7`)
}

// linksInTheWrongPlace uses links of pages in place of machines' links, and the
// other way round; and a revoked link.
func linksInTheWrongPlace(d *desk) {
	task := d.register(fixedLinks)
	for link, l := range task.Links {
		wrong := strings.NewReplacer("/a/", "/c/", "/c/", "/a/").Replace(l.URL)
		if got := d.request(wrong, http.MethodPost, ``); got.status != http.StatusNotFound {
			d.Errorf("%s: %d", link, got.status)
		}
	}
	_, err := d.next().client.RevokeLink(d.Context(), task.ID, "quiet")
	d.must(err)
	d.wantProblem(d.post(task.Links["quiet"].URL, ``), api.CodeLinkClosed)
	d.wantNothing(task)
}

// responsesByAccept asks for the response in all types.
func responsesByAccept(d *desk) {
	const asJSON, asHTML, asText = "application/json", "text/html; charset=utf-8", "text/plain; charset=UTF-8"
	post := func(t task, link, accept string) answer {
		d.Helper()
		return d.browse(http.MethodPost, d.at(0, t, link), nil, "Accept", accept)
	}
	for accept, want := range map[string]string{
		"": asJSON, "*/*": asJSON, "application/json": asJSON, "image/png": asJSON, "application/json, text/plain;q=0.5": asJSON, "text/html;q=0.5, application/json": asJSON,
		"text/html,application/xhtml+xml;q=0.9,*/*;q=0.8": asHTML,
		"text/plain": asText, "text/plain, application/json;q=0.5": asText,
	} {
		task := d.register(fixedLinks)
		for _, duplicate := range []string{"", `,"duplicate":true`} {
			got := post(task, "done", accept)
			d.wantStatus(got.status, http.StatusOK)
			if kind := got.header.Get("Content-Type"); kind != want {
				d.Errorf("Accept %q: %s, want %s", accept, kind, want)
			}
			said := map[string]string{
				asJSON: `{"id":"` + task.ID + `","status":"delivered"` + duplicate + `,"text":"Thank you \u0026 good night."}`,
				asHTML: `Thank you &amp; good night.`,
				asText: "Thank you & good night.\n",
			}[want]
			if want == asHTML && !strings.Contains(got.body, said) || want != asHTML && strings.TrimSpace(got.body) != strings.TrimSpace(said) {
				d.Errorf("Accept %q: %s, want %s", accept, got.body, said)
			}
		}
		d.wantOutput(task, fixedOutput)
	}
	// Without a response text, a program gets the usual JSON.
	task := d.register(fixedLinks)
	if got := post(task, "quiet", "text/html"); got.status != http.StatusOK || got.header.Get("Content-Type") != asJSON {
		d.Errorf("got %d %s", got.status, got.body)
	}
}

// responseOfApproval checks what is shown after a decision: the page offers the
// registered address as a link, and never redirects by itself.
func responseOfApproval(d *desk) {
	task := d.ask(adding("dana", api.LinkRequest{
		Type: api.LinkApproval, Approver: api.Approver{Name: "Dana Okafor"},
		Response: &api.LinkResponse{Text: "On it.", Redirect: "https://example.com/next"},
	}))
	tab := d.open(task, "dana")
	if strings.Contains(tab.Text("body"), "On it.") || tab.Has("a.button") {
		d.Error("it is said before there is a decision")
	}
	form := d.form(task, "dana")
	for _, name := range []string{"redirect", "next", "return", "url", "response.redirect"} {
		form[name] = []string{"https://example.net/elsewhere"}
	}
	target := d.at(0, task, "dana") + "?" + url.Values{"redirect": {"https://example.net/elsewhere"}}.Encode()
	got := d.browse(http.MethodPost, target, form)
	if got.status != http.StatusOK || got.header.Get("Location") != "" || got.header.Get("Refresh") != "" ||
		strings.Contains(got.body, "example.net") || !strings.Contains(got.body, `href="https://example.com/next"`) {
		d.Errorf("got %d %q %s", got.status, got.header, got.body)
	}
	d.visit(tab, task, "dana")
	d.wantText(tab, "On it.", "Continue to example.com")
	d.wantQuiet(tab)
	d.visit(tab, task, "lee")
	if strings.Contains(tab.Text("body"), "On it.") {
		d.Error("Lee reads what Dana is told")
	}
	d.wantDecision(task, byDana)
}
