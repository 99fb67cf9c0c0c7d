package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"callback-relay/api"
	"callback-relay/browser"
	"callback-relay/stepfunctions/standin"
)

var (
	doneButton   = button(api.LinkRequest{Type: api.LinkSuccess})
	failedButton = button(api.LinkRequest{Type: api.LinkFailure, Error: "Kiln.Cold"})
	aliveButton  = button(api.LinkRequest{Type: api.LinkHeartbeat})
	importButton = adding("import", api.LinkRequest{
		Type: api.LinkFailure, Page: true, Error: "Import.Failed", Title: "Import of March",
		Message: "Did the import work?", Response: &api.LinkResponse{Text: "The partner has been told."},
	})
	withQuorum = with(func(a *api.Approval) {
		a.Message, a.Required, a.Rejections = "All **212 tests** passed.", 2, 2
	})
	withText = adding("dana", api.LinkRequest{Type: api.LinkApproval, Approver: api.Approver{Name: "Dana Okafor"}, Response: &api.LinkResponse{
		Text: "The rollout begins at 18:00.", Redirect: "https://example.com/rollouts",
	}})
	machine = adding("machine", api.LinkRequest{Type: api.LinkSuccess, Response: &api.LinkResponse{Text: "The import has begun."}})
)

// pageStates are all states of a page, and how to reach them.
var pageStates = []struct {
	name    string
	status  int
	heading string
	show    show
}{
	{"waiting", 200, question, opened("dana", with(func(a *api.Approval) { a.Message = "All **212 tests** passed." }))},
	{"waiting-full", 200, "Pay the invoice of Northwind Traders?", opened("open", fullApproval)},
	{"waiting-mistakes", 400, "Pay the invoice of Northwind Traders?", pressed(rejectButton, mistaken, "open", fullApproval)},
	{"waiting-word", 200, question, opened("dana", with(withWord))},
	{"waiting-code", 400, question, pressed(approveButton, miscoded, "dana", with(withCode))},
	{"waiting-quorum", 200, question, after(decidedBy("dana", "approved"), "lee", withQuorum)},
	{"waiting-choices", 200, question, opened("dana", withEverything)},
	{"waiting-choices-mistakes", 400, question, pressed(financeButton, atOnce, "dana", withEverything)},
	{"waiting-comments", 200, question, after(commented, "lee", with(withStory))},
	{"waiting-declined", 200, question, after(decidedBy("dana", "not-for-me"), "dana", withEverything)},
	{"waiting-signed-in", 200, question, signedInAs("dana@example.com")},
	{"waiting-stale", 400, question, pressed(approveButton, hoursLater, "dana")},
	{"waiting-success", 200, question, opened("success", doneButton)},
	{"waiting-failure", 200, question, opened("failure", failedButton)},
	{"waiting-failure-own", 200, "Import of March", opened("import", importButton)},
	{"waiting-heartbeat", 200, question, opened("heartbeat", aliveButton)},
	{"counted", 200, "Your approval has been counted", pressed(approveButton, atOnce, "dana", withQuorum)},

	{"approved-by-you", 200, "You approved this", pressed(approveButton, atOnce, "dana", withText)},
	{"approved-by-other", 200, "This was approved", after(decidedBy("dana", "approved"), "lee")},
	{"rejected-by-you", 200, "You rejected this", pressed(rejectButton, atOnce, "dana")},
	{"rejected-by-two", 200, "This was rejected", after(func(d *desk, t task) {
		decidedBy("dana", "rejected")(d, t)
		decidedBy("open", "rejected")(d, t)
	}, "lee", withQuorum)},
	{"chosen-by-you", 200, "You chose “Ask finance first”", pressed(financeButton, atOnce, "dana", with(withChoices))},
	{"chosen-by-other", 200, "The answer is “Stop the release”", after(decidedBy("dana", "halt"), "lee", with(withChoices))},
	{"declined", 200, "Noted: this is not for you", pressed(declineButton, func(_ *desk, _ task, tab *browser.Tab) {
		tab.Poke(".out summary")
		tab.Fill("#note", "Ask Ada.")
	}, "dana", withEverything)},
	{"sign-in", 403, "This page could not tell who you are", opened("dana", forSomebody)},
	{"not-you", 403, "This is for someone else", signedInAs("lee@example.com")},
	{"not-by-you", 403, "Someone else has to decide this", signedInAs("ana@example.com")},
	{"decided-meanwhile", 409, "This was approved", pressed(rejectButton, func(d *desk, t task, _ *browser.Tab) {
		decidedBy("lee", "approved")(d, t)
	}, "dana")},
	{"confirmed-by-you", 200, "You confirmed this", pressed(confirmButton, atOnce, "success", doneButton)},
	{"confirmed-by-other", 200, "This was confirmed", after(decidedBy("success", "confirmed"), "dana", doneButton)},
	{"failed-by-you", 200, "You reported this as failed", pressed(confirmButton, atOnce, "failure", failedButton)},
	{"failed-with-text", 200, "You reported this as failed", pressed(confirmButton, atOnce, "import", importButton)},
	{"failed-stored-by-you", 200, "Your report of a failure has been saved", undelivered(func(d *desk, t task, tab *browser.Tab) int {
		tab.Open(d.at(1, t, "import"))
		return tab.Click(confirmButton)
	}, importButton)},
	{"failed-by-other", 200, "This was reported as failed", after(decidedBy("failure", "confirmed"), "dana", failedButton)},
	{"alive", 200, "Noted: still in progress", pressed(confirmButton, atOnce, "heartbeat", aliveButton)},
	{"answered-by-machine", 200, "This was confirmed", after(func(d *desk, t task) {
		d.post(t.Links["hook"].URL, `1`)
		d.untilState(t, api.StateDelivered)
	}, "dana", adding("hook", api.LinkRequest{Type: api.LinkWebhook}))},
	{"answered", 200, "Thank you, we have received your answer", fromElsewhere("machine", machine)},
	{"stored-by-you", 200, "Your approval has been saved", undelivered(func(d *desk, t task, tab *browser.Tab) int {
		tab.Open(d.at(1, t, "dana"))
		return tab.Click(approveButton)
	})},
	{"stored-by-other", 200, "Approved, and being passed on", undelivered(func(d *desk, t task, tab *browser.Tab) int {
		d.wantStatus(d.browse(http.MethodPost, d.at(1, t, "lee"), d.form(t, "lee")).status, http.StatusOK)
		return tab.Open(d.at(1, t, "dana"))
	})},

	{"too-late", 410, "The deadline has passed", after(func(d *desk, t task) {
		_, err := d.next().client.Update(d.Context(), t.ID, api.UpdateRequest{ExpiresIn: "1ms"})
		d.must(err)
		d.untilState(t, api.StateDelivered)
	}, "dana")},
	{"cancelled", 410, "This is no longer needed", after(func(d *desk, t task) {
		_, err := d.next().client.Cancel(d.Context(), t.ID)
		d.must(err)
	}, "dana")},
	{"task-closed", 410, "This answer is no longer needed", pressed(approveButton, func(d *desk, t task, _ *browser.Tab) {
		d.steps.Close(t.token)
	}, "dana")},
	{"not-taken", 410, "This could not be passed on", pressed(approveButton, func(d *desk, t task, _ *browser.Tab) {
		d.steps.Inject(standin.Fault{Kind: standin.Refuse, Code: "InvalidOutput", TaskToken: t.token})
	}, "dana")},
	{"link-closed", 410, "This link no longer works", after(func(d *desk, t task) {
		_, err := d.next().client.RevokeLink(d.Context(), t.ID, "dana")
		d.must(err)
	}, "dana")},
	{"unknown", 404, "This link is not valid", func(d *desk, tab *browser.Tab) int {
		whole := d.at(0, d.ask(), "dana")
		return tab.Open(whole[:len(whole)-1])
	}},
	{"foreign-site", 403, "This did not come from this website", fromElsewhere("dana")},
	{"for-programs", 405, "This link is for programs", func(d *desk, tab *browser.Tab) int {
		return tab.Open(d.at(0, d.register(), "default"))
	}},
	{"unreadable", 415, "This could not be read", pressed(approveButton, func(_ *desk, _ task, tab *browser.Tab) {
		tab.Eval(`document.forms[0].enctype = "multipart/form-data"`, nil)
	}, "dana")},
	{"too-much", 413, "This is too long", pressed(approveButton, func(_ *desk, _ task, tab *browser.Tab) {
		tab.Eval(`document.querySelector("#comment").value = "x".repeat(600_000)`, nil)
	}, "dana")},
	{"trouble-posted", 503, "Something went wrong on our side", func(d *desk, tab *browser.Tab) int {
		t := d.ask()
		d.visit(tab, t, "dana")
		return whileCrowded(d, t, "dana", func() int { return tab.Click(approveButton) })
	}},
	{"trouble-retry", 503, "Something went wrong on our side", func(d *desk, tab *browser.Tab) int {
		d.visit(tab, d.ask(), "dana")
		tab.Fill("#comment", "A long remark, \"quoted\"\nin two lines.")
		return whileRedisIsAway(d, func() int { return tab.Click(approveButton) })
	}},
	{"trouble", 503, "Something went wrong on our side", func(d *desk, tab *browser.Tab) int {
		target := d.at(0, d.ask(), "dana")
		return whileRedisIsAway(d, func() int { return tab.Open(target) })
	}},
}

const question = "Deploy 4.2.0 to production?"

// signedInAs opens a link for one person in the browser of whoever has a mail address.
func signedInAs(email string) show {
	return func(d *desk, tab *browser.Tab) int {
		tab.Header("X-Who", d.login.token("s", email))
		return tab.Open(d.at(0, d.ask(forSomebody), "dana"))
	}
}

// withEverything has more than two answers, several boxes, and everything that says who asks.
func withEverything(r *api.CreateRequest) {
	withStory(r.Approval)
	withChoices(r.Approval)
	r.Approval.Required = 0
	r.Approval.Fields = raw(`{"type": "object", "required": ["where"], "properties": {
		"where": {"title": "Where first?", "type": "array", "items": {"enum": ["Europe", "America", "Asia"]}},
		"from": {"title": "From", "type": "string", "format": "date-time"}}}`)
}

// commented makes Dana approve with a comment.
func commented(d *desk, t task) {
	form := d.form(t, "dana")
	form.Set("comment", "All good on staging.\nGo ahead.")
	d.wantStatus(d.browse(http.MethodPost, d.at(0, t, "dana"), form).status, http.StatusOK)
}

// mistaken fills in a form badly, and keeps the browser from saying so.
func mistaken(_ *desk, _ task, tab *browser.Tab) {
	tab.Eval(`document.forms[0].noValidate = true`, nil)
	tab.Fill(field("amount"), "20000")
	tab.Fill(field("reason"), "Two items are missing.")
}

func miscoded(_ *desk, t task, tab *browser.Tab) { tab.Fill("#confirm", wrongCode(t, "dana", 1)) }

// hoursLater makes the page several hours old.
func hoursLater(d *desk, t task, tab *browser.Tab) {
	tab.Fill("#comment", "Typed two hours ago.")
	tab.Eval(fmt.Sprintf(`document.querySelector("[name=nonce]").value = %q`, d.nonce(t, "dana", 2*time.Hour)), nil)
}

// undelivered shows a page while Step Functions accepts no outcome, at the second
// replica, which does not wait for delivery.
func undelivered(then func(*desk, task, *browser.Tab) int, change ...func(*api.CreateRequest)) show {
	return func(d *desk, tab *browser.Tab) int {
		d.steps.SetFault(standin.Fault{Kind: standin.Throttle})
		defer d.steps.SetFault()
		return then(d, d.ask(change...), tab)
	}
}

// whileCrowded shows a page while others keep a link busy at the first replica, with
// bodies that never arrive.
func whileCrowded(d *desk, t task, link string, then func() int) int {
	d.Helper()
	target, err := url.Parse(d.at(0, t, link))
	d.must(err)
	for range 8 {
		conn, err := net.Dial("tcp", target.Host)
		d.must(err)
		defer conn.Close()
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\n"+
			"Content-Length: 10\r\nExpect: 100-continue\r\n\r\n", target.Path, target.Host)
		if line, err := bufio.NewReader(conn).ReadString('\n'); !strings.Contains(line, " 100 ") {
			d.Fatalf("the relay says %q, %v", line, err)
		}
	}
	return then()
}

// whileRedisIsAway shows a page while Redis is unavailable.
func whileRedisIsAway(d *desk, then func() int) int {
	d.process.Kill()
	defer func() {
		d.process.Restart()
		for i := range d.replicas {
			d.untilReady(i)
		}
	}()
	return then()
}
