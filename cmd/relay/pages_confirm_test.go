package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"callback-relay/api"
	"callback-relay/client"
	"callback-relay/relay"
)

// TestPageConfirm tests pages that need a word or a code.
func TestPageConfirm(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 2)
	d.run("word", wordIsTyped)
	d.run("word on a success page", wordOnSuccessPage)
	d.run("code", codeIsTyped)
	d.run("code of who registers", codeIsTold)
	d.run("wrong codes", wrongCodesClose)
	d.run("wrong codes at once", guessesAtOnce)
	d.run("what is no guess", notGuesses)
}

func withWord(a *api.Approval) { a.Confirm = api.ConfirmWord }
func withCode(a *api.Approval) { a.Confirm = api.ConfirmCode }

func wordIsTyped(d *desk) {
	task := d.ask(with(withWord))
	tab := d.open(task, "dana")
	tab.Poke(approveButton)
	if got := tab.Focused(); got != "input#confirm" {
		d.Errorf("the browser points at %s, want the word", got)
	}
	tab.Fill("#comment", "typed once")
	for _, button := range []string{approveButton, rejectButton} {
		tab.Fill("#confirm", "wrong")
		d.wantStatus(tab.Click(button), http.StatusBadRequest)
		d.wantText(tab, "This is not the word shown.")
		d.wantMarked(tab, "#confirm")
	}
	d.wantNothing(task)
	tab.Fill("#confirm", " "+strings.ToUpper(tab.Text("label code"))+" ") // as phones write it
	d.wantStatus(tab.Click(approveButton), http.StatusOK)
	approval := byDana
	approval.comment = "typed once"
	d.wantDecision(task, approval)
	d.wantQuiet(tab)
}

func wordOnSuccessPage(d *desk) {
	task := d.ask(with(withWord), adding("done", api.LinkRequest{Type: api.LinkSuccess, Page: true}))
	tab := d.open(task, "done")
	tab.Fill("#confirm", "wrong")
	d.wantStatus(tab.Click(confirmButton), http.StatusBadRequest)
	d.wantMarked(tab, "#confirm")
	d.wantNothing(task)
	tab.Fill("#confirm", tab.Text("label code"))
	d.wantStatus(tab.Click(confirmButton), http.StatusOK)
	d.wantOutput(task, `{}`)
}

// wrongCode is a code that is not the link's.
func wrongCode(t task, link string, n int) string {
	var right int
	fmt.Sscan(strings.TrimLeft(t.Links[link].Code, "0"), &right)
	return fmt.Sprintf("%06d", (right+n)%1_000_000)
}

func codeIsTyped(d *desk) {
	task := d.ask(with(withCode))
	tab := d.open(task, "open")
	code := task.Links["open"].Code
	html := func() (all string) {
		tab.Eval(`document.documentElement.outerHTML`, &all)
		return all
	}
	tab.Fill("#approver", "Kim")
	for n := 1; n < relay.MaxGuesses; n++ {
		if strings.Contains(html(), code) {
			d.Fatal("the page tells the code")
		}
		tab.Fill("#confirm", wrongCode(task, "open", n))
		d.wantStatus(tab.Click(approveButton), http.StatusBadRequest)
		d.wantText(tab, fmt.Sprintf("This code is wrong. Attempts left: %d.", relay.MaxGuesses-n))
		d.wantMarked(tab, "#confirm")
	}
	d.wantNothing(task)
	tab.Fill("#confirm", " "+code[:3]+" - "+code[3:]) // as it is written down
	d.wantStatus(tab.Click(approveButton), http.StatusOK)
	d.wantDecision(task, decision{link: "open", name: "Kim", typed: true})
	if strings.Contains(html(), code) {
		d.Error("the page tells the code")
	}
	d.wantQuiet(tab)
}

var sixDigits = regexp.MustCompile(`^[0-9]{6}$`)

// codeIsTold checks that only the response to a registration has codes.
func codeIsTold(d *desk) {
	change := []func(*api.CreateRequest){forPeople, with(withCode),
		adding("done", api.LinkRequest{Type: api.LinkSuccess, Page: true}),
		adding("beat", api.LinkRequest{Type: api.LinkHeartbeat, Page: true}),
		adding("hook", api.LinkRequest{Type: api.LinkWebhook}),
	}
	task := d.register(change...)
	request := api.CreateRequest{TaskToken: task.token}
	for _, c := range change {
		c(&request)
	}
	again, created, err := d.replicas[0].client.Create(d.Context(), request)
	d.must(err)
	other, _, err := d.replicas[1].client.Create(d.Context(), request)
	d.must(err)
	seen := map[string]bool{}
	for name, link := range task.Links {
		if has := link.Code != ""; has == (name == "beat" || name == "hook") {
			d.Errorf("%s: code %q", name, link.Code)
		} else if has && (!sixDigits.MatchString(link.Code) || seen[link.Code]) {
			d.Errorf("%s: code %q, others have %v", name, link.Code, seen)
		}
		seen[link.Code] = true
		if created || again.Links[name] != link || other.Links[name] != link {
			d.Errorf("%s: %+v, and again %+v, %+v", name, link, again.Links[name], other.Links[name])
		}
	}
	updated, err := d.next().client.Update(d.Context(), task.ID, api.UpdateRequest{ExpiresIn: "1h"})
	d.must(err)
	revoked, err := d.next().client.RevokeLink(d.Context(), task.ID, "lee")
	d.must(err)
	listed, err := d.next().client.List(d.Context(), client.Query{})
	d.must(err)
	cancelled, err := d.next().client.Cancel(d.Context(), task.ID)
	d.must(err)
	for what, got := range map[string]any{"get": d.get(task), "list": listed, "update": updated, "revoke": revoked, "cancel": cancelled} {
		text, err := json.Marshal(got)
		d.must(err)
		if strings.Contains(string(text), `"code"`) || !strings.Contains(string(text), task.ID) {
			d.Errorf("%s: %s", what, text)
		}
	}
}

func wrongCodesClose(d *desk) {
	task := d.ask(with(withCode))
	tab := d.open(task, "dana")
	for n := 1; n < relay.MaxGuesses; n++ {
		tab.Fill("#confirm", wrongCode(task, "dana", n))
		d.wantStatus(tab.Click([]string{approveButton, rejectButton}[n%2]), http.StatusBadRequest)
	}
	tab.Fill("#confirm", task.Links["lee"].Code) // another link's is as wrong
	d.wantStatus(tab.Click(approveButton), http.StatusGone)
	d.wantHeading(tab, "This link no longer works")
	d.wantStatus(tab.Open(d.at(1, task, "dana")), http.StatusGone)
	form := url.Values{"nonce": {d.nonce(task, "dana", 0)}, "decision": {"approved"}, "confirm": {task.Links["dana"].Code}}
	d.wantStatus(d.browse(http.MethodPost, d.at(1, task, "dana"), form).status, http.StatusGone)
	d.wantNothing(task)
	if cb := d.get(task); !cb.Links["dana"].Closed || cb.Links["lee"].Closed || cb.Links["open"].Closed {
		d.Errorf("links %+v", cb.Links)
	}
	d.visit(tab, task, "lee") // whose tries are untouched
	tab.Fill("#confirm", wrongCode(task, "lee", 1))
	d.wantStatus(tab.Click(approveButton), http.StatusBadRequest)
	d.wantText(tab, "Attempts left: 4.")
	tab.Fill("#confirm", task.Links["lee"].Code)
	d.wantStatus(tab.Click(approveButton), http.StatusOK)
	d.wantDecision(task, byLee)
}

// guessesAtOnce sends many codes at the same instant to two replicas: at most five
// are checked, and then not even the right one works.
func guessesAtOnce(d *desk) {
	task := d.ask(with(withCode))
	nonce := d.nonce(task, "dana", 0)
	var guesses []func() (answer, error)
	for n := 1; n <= 4*relay.MaxGuesses; n++ {
		form := url.Values{"nonce": {nonce}, "decision": {"approved"}, "confirm": {wrongCode(task, "dana", n)}}
		target := d.at(n%2, task, "dana")
		guesses = append(guesses, func() (got answer, err error) {
			// A link may have only a few bodies in flight: a refused post is not a
			// guess, and is tried again.
			for got.status = http.StatusServiceUnavailable; err == nil && got.status == http.StatusServiceUnavailable; {
				got, err = d.tryBrowse(http.MethodPost, target, form)
			}
			return got, err
		})
	}
	statuses := map[int]int{}
	for _, got := range d.atOnce(guesses...) {
		statuses[got.status]++
	}
	if statuses[http.StatusBadRequest] != relay.MaxGuesses-1 || statuses[http.StatusGone] != len(guesses)-relay.MaxGuesses+1 {
		d.Errorf("statuses %v, want four wrong codes, and the link closed from the fifth on", statuses)
	}
	form := url.Values{"nonce": {nonce}, "decision": {"approved"}, "confirm": {task.Links["dana"].Code}}
	d.wantStatus(d.browse(http.MethodPost, d.at(0, task, "dana"), form).status, http.StatusGone)
	d.wantNothing(task)
}

// notGuesses makes mistakes that do not count as guesses: no code, an old page, a
// form that is wrong elsewhere. They do not reveal whether a code is right either.
func notGuesses(d *desk) {
	task := d.ask(with(withCode), with(func(a *api.Approval) { a.Comment = api.CommentRequired }))
	target := d.at(0, task, "dana")
	for range 2 * relay.MaxGuesses {
		for _, code := range []string{wrongCode(task, "dana", 1), task.Links["dana"].Code, ""} {
			old := url.Values{"nonce": {"x"}, "decision": {"approved"}, "comment": {"c"}, "confirm": {code}}
			without := url.Values{"nonce": {d.nonce(task, "dana", 0)}, "decision": {"approved"}, "confirm": {code}}
			for _, form := range []url.Values{old, without} {
				got := d.browse(http.MethodPost, target, form)
				if got.status != http.StatusBadRequest || strings.Contains(got.body, "code is wrong") {
					d.Fatalf("got %d %s", got.status, got.body)
				}
			}
		}
		empty := url.Values{"nonce": {d.nonce(task, "dana", 0)}, "decision": {"approved"}, "comment": {"c"}}
		d.wantStatus(d.browse(http.MethodPost, target, empty).status, http.StatusBadRequest)
	}
	form := url.Values{"nonce": {d.nonce(task, "dana", 0)}, "decision": {"approved"}, "comment": {"c"}, "confirm": {wrongCode(task, "dana", 1)}}
	if got := d.browse(http.MethodPost, target, form); !strings.Contains(got.body, "Attempts left: 4.") {
		d.Errorf("got %d %s", got.status, got.body)
	}
}
