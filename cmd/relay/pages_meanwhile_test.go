package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"callback-relay/api"
	"callback-relay/browser"
	"callback-relay/relay"
	"callback-relay/stepfunctions/standin"
)

// TestPageMeanwhile lets something happen between opening a page and pressing.
func TestPageMeanwhile(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 2, durable...)
	d.run("nothing but looks", looksChangeNothing)
	d.run("decided by somebody else", decidedMeanwhile)
	d.run("decided by oneself", decidedElsewhere)
	d.run("two at once", twoAtOnce)
	d.run("answered by a machine", answeredMeanwhile)
	d.run("over", overMeanwhile)
	d.run("expired and failed", failedMeanwhile)
	d.run("revoked", revokedMeanwhile)
	d.run("rescheduled", rescheduledMeanwhile)
	d.run("delivery takes time", deliveryTakesTime)
	d.run("Redis away", redisAwayMeanwhile) // the last: relays need a while to find it again
}

// looksChangeNothing opens pages in all possible ways (row 4).
func looksChangeNothing(d *desk) {
	task := d.ask(adding("done", api.LinkRequest{Type: api.LinkSuccess, Page: true}))
	stored := func() map[string]string {
		d.Helper()
		keys, err := d.redis.Keys(d.Context(), "*:cb:"+task.ID).Result()
		d.must(err)
		if len(keys) != 1 {
			d.Fatalf("keys %q", keys)
		}
		fields, err := d.redis.HGetAll(d.Context(), keys[0]).Result()
		d.must(err)
		return fields
	}
	before := stored()
	for _, link := range []string{"dana", "open", "done"} {
		for i, method := range []string{http.MethodGet, http.MethodHead, http.MethodGet} {
			got := d.browse(method, d.at(i%2, task, link), nil)
			d.wantStatus(got.status, http.StatusOK)
			if empty := got.body == ""; empty != (method == http.MethodHead) {
				d.Errorf("%s: %d bytes", method, len(got.body))
			}
		}
		d.wantStatus(d.browse(http.MethodOptions, d.at(0, task, link), nil).status, http.StatusMethodNotAllowed)
	}
	after := stored()
	if len(before) != len(after) {
		d.Errorf("stored before\n%q, and after\n%q", before, after)
	}
	for name := range before {
		if before[name] != after[name] {
			d.Errorf("%s was %q and is %q", name, before[name], after[name])
		}
	}
	d.wantNothing(task)
}

// decidedMeanwhile presses after somebody else has decided: the page says what, when
// and by whom (row 16).
func decidedMeanwhile(d *desk) {
	task := d.ask()
	dana, lee := d.open(task, "dana"), d.tab()
	d.wantStatus(lee.Open(d.at(1, task, "lee")), http.StatusOK)
	d.wantStatus(lee.Click(rejectButton), http.StatusOK)
	d.wantStatus(dana.Click(approveButton), http.StatusConflict)
	d.wantHeading(dana, "This was rejected")
	d.wantText(dana, "Lee Brandt rejected")
	var full string // which a touch unfolds
	dana.Eval(`document.querySelector(".who time.long").textContent`, &full)
	if !strings.Contains(full, "Central European ") {
		d.Errorf("%q does not name the zone", full)
	}
	at := d.get(task).Decisions[0].At
	if got := dana.Attr(".who time", "datetime"); got != at.UTC().Format(time.RFC3339) {
		d.Errorf("decided at %s, want %s", got, at)
	}
	if dana.Has("form") {
		d.Error("there is still a form")
	}
	rejection := byLee
	rejection.rejected = true
	d.wantDecision(task, rejection)
	d.wantStatus(dana.Open(d.at(1, task, "dana")), http.StatusOK) // opening the page is allowed
	d.wantHeading(dana, "This was rejected")
	d.wantStatus(dana.Open(d.at(0, task, "open")), http.StatusOK)
	d.wantHeading(dana, "This was rejected")
}

// decidedElsewhere lets the same person press on several pages: the same decision is
// accepted, a different one is too late (row 16).
func decidedElsewhere(d *desk) {
	task := d.ask()
	var tabs []*browser.Tab
	for i := range 3 {
		tabs = append(tabs, d.tab())
		d.wantStatus(tabs[i].Open(d.at(i%2, task, "dana")), http.StatusOK)
	}
	for i, test := range []struct {
		button string
		status int
	}{{approveButton, http.StatusOK}, {approveButton, http.StatusOK}, {rejectButton, http.StatusConflict}} {
		d.wantStatus(tabs[i].Click(test.button), test.status)
		d.wantHeading(tabs[i], "You approved this")
		d.wantText(tabs[i], "You approved (Dana Okafor)")
	}
	d.wantDecision(task, byDana)
}

// twoAtOnce lets two people press at the same instant, on two links at two replicas:
// one decides, and the other sees that on the page (row 15).
func twoAtOnce(d *desk) {
	for range rounds {
		task := d.ask()
		press := func(replica int, link string) func() (answer, error) {
			form, target := d.form(task, link), d.at(replica, task, link)
			return func() (answer, error) { return d.tryBrowse(http.MethodPost, target, form) }
		}
		got := d.atOnce(press(0, "dana"), press(1, "lee"))
		won, lost, winner, name := got[0], got[1], byDana, "Dana Okafor"
		if got[0].status != http.StatusOK {
			won, lost, winner, name = got[1], got[0], byLee, "Lee Brandt"
		}
		if won.status != http.StatusOK || !strings.Contains(won.body, "<h1 dir=\"auto\">You approved this</h1>") {
			d.Errorf("the first one got %d %s", won.status, won.body)
		}
		if lost.status != http.StatusConflict || !strings.Contains(lost.body, "<bdi>"+name+"</bdi> approved") {
			d.Errorf("the second one got %d %s", lost.status, lost.body)
		}
		d.wantDecision(task, winner)
	}
}

// answeredMeanwhile presses after a machine has answered through its own link.
func answeredMeanwhile(d *desk) {
	task := d.ask(adding("hook", api.LinkRequest{Type: api.LinkWebhook}))
	tab := d.open(task, "dana")
	d.wantTaken(d.post(task.Links["hook"].URL, `1`), task, api.StatusDelivered, false)
	d.wantStatus(tab.Click(approveButton), http.StatusConflict)
	d.wantHeading(tab, "This was confirmed")
	d.wantOutput(task, `1`)
}

// failedMeanwhile presses after the task has failed because of its deadline.
func failedMeanwhile(d *desk) {
	task := d.ask()
	tab := d.open(task, "dana")
	_, err := d.next().client.Update(d.Context(), task.ID, api.UpdateRequest{ExpiresIn: "1ms"})
	d.must(err)
	d.untilState(task, api.StateDelivered)
	d.wantStatus(tab.Click(approveButton), http.StatusGone)
	d.wantHeading(tab, "The deadline has passed")
	if got := d.effects(task); len(got) != 1 || got[0].Error != relay.ErrorExpired {
		d.Errorf("step functions took %.300q", got)
	}
}

func overMeanwhile(d *desk) {
	for _, test := range []struct {
		name, heading string
		end           func(task)
	}{
		{"expired", "The deadline has passed", func(t task) {
			_, err := d.replicas[1].client.Update(d.Context(), t.ID, api.UpdateRequest{ExpiresIn: "1ms"})
			d.must(err)
			d.untilState(t, api.StateExpired)
		}},
		{"cancelled", "This is no longer needed", func(t task) {
			_, err := d.replicas[1].client.Cancel(d.Context(), t.ID)
			d.must(err)
		}},
		{"task closed", "This answer is no longer needed", func(t task) { d.steps.Close(t.token) }},
	} {
		task := d.ask(ignoring)
		tab := d.open(task, "dana")
		test.end(task)
		d.wantStatus(tab.Click(approveButton), http.StatusGone)
		d.wantHeading(tab, test.heading)
		d.wantStatus(tab.Resubmit(), http.StatusGone)
		d.wantStatus(tab.Open(d.at(1, task, "dana")), http.StatusGone)
		d.wantHeading(tab, test.heading)
		d.wantNothing(task)
		d.wantQuiet(tab)
	}
}

func revokedMeanwhile(d *desk) {
	task := d.ask()
	tab := d.open(task, "dana")
	cb, err := d.replicas[1].client.RevokeLink(d.Context(), task.ID, "dana")
	d.must(err)
	if !cb.Links["dana"].Closed || cb.Links["lee"].Closed {
		d.Errorf("links %+v", cb.Links)
	}
	d.wantStatus(tab.Click(approveButton), http.StatusGone)
	d.wantHeading(tab, "This link no longer works")
	d.wantNothing(task)
	d.visit(tab, task, "lee")
	d.wantStatus(tab.Click(approveButton), http.StatusOK)
	d.wantDecision(task, byLee)
	d.wantStatus(tab.Open(d.at(0, task, "dana")), http.StatusGone)
	d.wantHeading(tab, "This link no longer works")
}

func rescheduledMeanwhile(d *desk) {
	task := d.ask()
	tab := d.open(task, "dana")
	shown := tab.Attr(".until time", "datetime")
	_, err := d.replicas[1].client.Update(d.Context(), task.ID, api.UpdateRequest{ExpiresAt: &winter})
	d.must(err)
	tab.Reload()
	if got, want := tab.Attr(".until time", "datetime"), winter.Format(time.RFC3339); got != want || got == shown {
		d.Errorf("open until %s, want %s; before it was %s", got, want, shown)
	}
	d.wantStatus(tab.Click(approveButton), http.StatusOK)
	d.wantDecision(task, byDana)
}

// deliveryTakesTime decides while Step Functions cannot be reached: the page
// says that it is safe, and later that it has arrived.
func deliveryTakesTime(d *desk) {
	w := *d.world
	w.replicas = []*replica{d.start(hasty)}
	other := &desk{world: &w, browser: d.browser, process: d.process}
	task := other.ask()
	mine, others := other.open(task, "dana"), other.open(task, "lee")
	d.steps.SetFault(standin.Fault{Kind: standin.Throttle})
	d.wantStatus(mine.Click(approveButton), http.StatusOK)
	d.wantHeading(mine, "Your approval has been saved")
	d.wantStatus(mine.Resubmit(), http.StatusOK)
	d.wantHeading(mine, "Your approval has been saved")
	d.wantStatus(others.Click(rejectButton), http.StatusConflict)
	d.wantHeading(others, "Approved, and being passed on")
	d.wantText(others, "Dana Okafor approved")
	d.wantNothing(task)
	d.steps.SetFault()
	d.untilState(task, api.StateDelivered)
	d.wantStatus(mine.Resubmit(), http.StatusOK)
	d.wantHeading(mine, "You approved this")
	d.wantDecision(task, byDana)
}

// redisAwayMeanwhile kills Redis while a page is open. The error page keeps
// everything that was typed.
func redisAwayMeanwhile(d *desk) {
	task := d.ask(with(withFields))
	tab := d.open(task, "open")
	tab.Fill("#approver", "Kim Sato")
	tab.Fill("#comment", "two\nlines \"and\" <b>")
	tab.Choose(field("when"), `"tonight"`)
	tab.Fill(field("seats"), "7")
	tab.Fill(field("story"), "once")
	tab.Tick(field("sure"))
	d.process.Kill()
	for _, button := range []string{approveButton, retryButton} {
		d.wantStatus(tab.Click(button), http.StatusServiceUnavailable)
		d.wantHeading(tab, "Something went wrong on our side")
		d.wantText(tab, "Approve", "Kim Sato", "two\nlines \"and\" <b>", "tonight", "7", "once")
	}
	d.process.Restart()
	d.untilReady(0)
	d.wantStatus(tab.Click(retryButton), http.StatusOK)
	d.wantHeading(tab, "You approved this")
	d.wantDecision(task, decision{
		link: "open", name: "Kim Sato", typed: true, comment: `two\nlines \"and\" <b>`,
		fields: `{"when":"tonight","seats":7,"story":"once","sure":true}`,
	})
	d.wantQuiet(tab)
	if failed := slices.DeleteFunc(tab.Requests(), func(r string) bool { return !strings.HasPrefix(r, "POST ") }); len(failed) != 3 {
		d.Errorf("sent %q", failed)
	}
}

// untilReady waits until a replica serves again.
func (w *world) untilReady(replica int) {
	w.Helper()
	w.eventually("the relay is ready", func() bool {
		status, _ := w.private(w.replicas[replica], "/readyz")
		return status == http.StatusOK
	})
}
