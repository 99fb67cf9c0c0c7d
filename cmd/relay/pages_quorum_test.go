package main

import (
	"net/http"
	"testing"

	"callback-relay/api"
	"callback-relay/browser"
)

// TestPageQuorum lets several people decide together.
func TestPageQuorum(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 2)
	d.run("two of three", twoOfThree)
	d.run("one rejection", oneRejection)
	d.run("two rejections", twoRejections)
	d.run("two links of one person", twoLinksOfOne)
	d.run("one name on two links", oneNameOnTwoLinks)
	d.run("a machine ends it", machineEndsQuorum)
	d.run("all at once", allAtOnce)
	d.run("relay killed", quorumSurvives)
}

// quorum asks Dana, Lee and anybody.
func quorum(required, rejections int) func(*api.CreateRequest) {
	return with(func(a *api.Approval) { a.Required, a.Rejections = required, rejections })
}

func twoOfThree(d *desk) {
	task := d.ask(quorum(2, 0))
	dana, lee, open := d.open(task, "dana"), d.tab(), d.open(task, "open")
	d.wantText(dana, "0 of 2 approvals received")
	dana.Fill("#comment", "first")
	d.wantStatus(dana.Click(approveButton), http.StatusOK)
	d.wantHeading(dana, "Your approval has been counted")
	d.wantText(dana, "1 of 2 approvals received", "You approved (Dana Okafor)", "Open ")
	once := dana.Text("main")
	d.wantStatus(dana.Resubmit(), http.StatusOK)
	if again := dana.Text("main"); again != once {
		d.Errorf("sent again the page says\n%s, and before\n%s", again, once)
	}
	d.wantNothing(task)
	if cb := d.get(task); cb.State != api.StatePending || len(cb.Decisions) != 1 {
		d.Errorf("callback %+v", cb)
	}

	d.wantStatus(lee.Open(d.at(1, task, "lee")), http.StatusOK)
	d.wantText(lee, "1 of 2 approvals received", "Dana Okafor approved")
	lee.Fill("#comment", "second")
	d.wantStatus(lee.Click(approveButton), http.StatusOK)
	d.wantHeading(lee, "You approved this")
	first, second := byDana, byLee
	first.comment, second.comment = "first", "second"
	d.wantDecisions(task, first, second)

	open.Fill("#approver", "Kim")
	d.wantStatus(open.Click(approveButton), http.StatusConflict)
	d.wantHeading(open, "This was approved")
	d.wantText(open, "Dana Okafor approved", "Lee Brandt approved")
	d.wantDecisions(task, first, second)
	for _, tab := range []*browser.Tab{dana, lee, open} {
		d.wantQuiet(tab)
	}
}

// oneRejection checks that one rejection ends the approval, whoever has approved.
func oneRejection(d *desk) {
	task := d.ask(quorum(2, 0), with(func(a *api.Approval) { a.OnReject = api.OnRejectFailure }))
	tab := d.tab()
	d.visit(tab, task, "dana")
	d.wantStatus(tab.Click(approveButton), http.StatusOK)
	d.visit(tab, task, "lee")
	tab.Fill("#comment", "No.")
	d.wantStatus(tab.Click(rejectButton), http.StatusOK)
	d.wantHeading(tab, "You rejected this")
	d.wantFailure(task, "Callback.Rejected", "No.")
	d.visit(tab, task, "dana")
	d.wantHeading(tab, "This was rejected")
	d.wantText(tab, "You approved (Dana Okafor)", "Lee Brandt rejected")

	// The output has the list even if nobody else has decided.
	task = d.ask(quorum(2, 0))
	d.visit(tab, task, "dana")
	d.wantStatus(tab.Click(rejectButton), http.StatusOK)
	rejection := byDana
	rejection.rejected = true
	d.wantDecisions(task, rejection)
}

func twoRejections(d *desk) {
	task := d.ask(quorum(2, 2))
	tab := d.tab()
	d.visit(tab, task, "dana")
	d.wantStatus(tab.Click(rejectButton), http.StatusOK)
	d.wantHeading(tab, "Your rejection has been counted")
	d.wantText(tab, "0 of 2 approvals received", "1 of 2 rejections received")
	d.wantNothing(task)
	d.visit(tab, task, "lee")
	d.wantStatus(tab.Click(approveButton), http.StatusOK)
	d.wantNothing(task)
	d.visit(tab, task, "open")
	tab.Fill("#approver", "Kim")
	d.wantStatus(tab.Click(rejectButton), http.StatusOK)
	d.wantHeading(tab, "You rejected this")
	first, last := byDana, decision{rejected: true, link: "open", name: "Kim", typed: true}
	first.rejected = true
	d.wantDecisions(task, first, byLee, last)
}

func twoLinksOfOne(d *desk) {
	task := d.ask(quorum(2, 0), adding("again", api.LinkRequest{Type: api.LinkApproval, Approver: api.Approver{Name: "  dana OKAFOR "}}))
	tab, again := d.open(task, "dana"), d.open(task, "again")
	d.wantStatus(tab.Click(approveButton), http.StatusOK)
	d.wantStatus(again.Click(approveButton), http.StatusOK) // of a page that was open
	for _, link := range []string{"dana", "again"} {
		d.visit(tab, task, link)
		d.wantHeading(tab, "Your approval has been counted")
		d.wantText(tab, "1 of 2 approvals received")
		if tab.Has("form") {
			d.Error("one person can decide twice")
		}
	}
	d.wantStatus(d.browse(http.MethodPost, d.at(0, task, "again"), rejecting(d.form(task, "lee"))).status, http.StatusConflict)
	d.wantNothing(task)
	d.visit(tab, task, "lee")
	d.wantStatus(tab.Click(approveButton), http.StatusOK)
	d.wantDecisions(task, byDana, byLee)
}

func oneNameOnTwoLinks(d *desk) {
	task := d.ask(quorum(2, 0), adding("second", api.LinkRequest{Type: api.LinkApproval}))
	first, second := d.open(task, "open"), d.open(task, "second")
	for _, tab := range []*browser.Tab{first, second} {
		tab.Fill("#approver", "Kim Sato")
	}
	d.wantStatus(first.Click(approveButton), http.StatusOK)
	d.wantHeading(first, "Your approval has been counted")
	d.wantStatus(second.Click(approveButton), http.StatusBadRequest)
	d.wantMarked(second, "#approver")
	second.Fill("#approver", "KIM  sato")
	d.wantStatus(second.Click(approveButton), http.StatusBadRequest)
	d.wantNothing(task)
	second.Fill("#approver", "Noa")
	d.wantStatus(second.Click(approveButton), http.StatusOK)
	d.wantDecisions(task, decision{link: "open", name: "Kim Sato", typed: true}, decision{link: "second", name: "Noa", typed: true})
}

// machineEndsQuorum answers through a machine's link, which needs no quorum.
func machineEndsQuorum(d *desk) {
	task := d.ask(quorum(2, 0), adding("yes", api.LinkRequest{Type: api.LinkSuccess, Output: raw(`7`)}))
	d.wantStatus(d.open(task, "dana").Click(approveButton), http.StatusOK)
	d.wantTaken(d.post(task.Links["yes"].URL, ``), task, api.StatusDelivered, false)
	d.wantOutput(task, `7`)
}

// allAtOnce lets three people approve at the same instant, where three are required:
// no decision is lost.
func allAtOnce(d *desk) {
	for range rounds {
		task := d.ask(quorum(3, 0))
		var press []func() (answer, error)
		for i, link := range []string{"dana", "lee", "open"} {
			form, target := d.form(task, link), d.at(i%2, task, link)
			form.Set("approver", "Kim")
			press = append(press, func() (answer, error) { return d.tryBrowse(http.MethodPost, target, form) })
		}
		for _, got := range d.atOnce(press...) {
			if got.status != http.StatusOK {
				d.Errorf("got %d %s", got.status, got.body)
			}
		}
		if cb := d.get(task); cb.State != api.StateDelivered || len(cb.Decisions) != 3 || len(d.effects(task)) != 1 {
			d.Errorf("callback %+v, effects %.500q", cb, d.effects(task))
		}
	}
}

// quorumSurvives kills the relay that accepted a decision: another relay has it.
func quorumSurvives(d *desk) {
	task := d.ask(quorum(2, 0))
	victim := d.launch()
	form := d.form(task, "dana")
	form.Set("comment", "kept")
	path := d.at(0, task, "dana")[len("http://"+d.replicas[0].ports.public.Addr().String()):]
	d.wantStatus(d.browse(http.MethodPost, "http://"+victim.address+path, form).status, http.StatusOK)
	victim.kill()
	tab := d.open(task, "lee")
	d.wantText(tab, "1 of 2 approvals received", "Dana Okafor approved")
	d.wantStatus(tab.Click(approveButton), http.StatusOK)
	first := byDana
	first.comment = "kept"
	d.wantDecisions(task, first, byLee)
}
