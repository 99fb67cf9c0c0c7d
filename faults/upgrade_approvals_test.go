package faults

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"callback-relay/api"
)

// twoApprovers asks two people, with everything that the previous release keeps of an
// approval.
func twoApprovers(r *api.CreateRequest) {
	r.Links = map[string]api.LinkRequest{
		"dana": {Type: api.LinkApproval, Approver: api.Approver{Name: "Dana Okafor"}, Response: &api.LinkResponse{Text: "Thank you, Dana"}},
		"kim":  {Type: api.LinkApproval, Approver: api.Approver{Name: "Kim Sato"}},
	}
	r.Approval = &api.Approval{
		Title: "Deploy 4.2.0?", Message: "With **one** migration.", Details: json.RawMessage(`{"Region":"eu-central-1","Ticket":"https://example.com/42"}`),
		Required: 2,
	}
}

// withChoices asks for what the previous release does not know.
func withChoices(r *api.CreateRequest) {
	twoApprovers(r)
	r.Approval.Required = 0
	r.Approval.Choices = []api.Choice{{Value: "ask-finance", Label: "Ask finance first"}}
}

// approvalBefore makes an approval at the previous release, and lets the first of two people
// decide there.
func (f *fleet) approvalBefore(old *replica) registered {
	f.Helper()
	var request api.CreateRequest
	_, cb := f.registerAt(old, twoApprovers, func(r *api.CreateRequest) { request = *r })
	if looked, sent := f.decide(old, cb.Links["dana"]); looked != http.StatusOK || sent != http.StatusOK {
		f.Errorf("at the previous release the page is %d, the decision %d", looked, sent)
	}
	return registered{cb, request}
}

// approvalAfter shows such an approval at this release, registers it again, and lets the
// second one decide.
func (f *fleet) approvalAfter(fresh *replica, k registered) {
	f.Helper()
	const what = "an approval of the previous release"
	shows := func(when, link string, words ...string) {
		f.Helper()
		status, page := f.look(fresh, k.Links[link])
		for _, word := range words {
			if status != http.StatusOK || !strings.Contains(page, word) {
				f.Errorf("%s, %s, %s: %d, without %q", what, when, link, status, word)
			}
		}
	}
	shows("half decided", "kim", k.request.Approval.Title, "<strong>one</strong>", "eu-central-1", `href="https://example.com/42"`, "Dana Okafor")
	shows("half decided", "dana", k.request.Approval.Title, "Thank you, Dana")
	f.recognised(fresh, what, k)
	f.decides(fresh, what, k, k.Links["kim"])
	for _, e := range f.steps.Effects() {
		if e.TaskToken == k.request.TaskToken && strings.Count(string(e.Output), theComment) < 2 {
			f.Errorf("%s: the output is %s, without both comments", what, e.Output)
		}
	}
	if got := f.get(fresh, k.ID); len(got.Decisions) != 2 || got.Decisions[0].By.Approver != "Dana Okafor" {
		f.Errorf("%s: the decisions are %+v", what, got.Decisions)
	}
	shows("at the end", "kim", k.request.Approval.Title, "Dana Okafor")
	f.recognised(fresh, what+", at the end", k)
}

// approvalsWait asks this release, beside the previous one, for what that one does not know.
func (f *fleet) approvalsWait(fresh *replica) {
	f.Helper()
	if _, _, err := f.tryRegister(fresh, withChoices); !isStatus(err, http.StatusServiceUnavailable) {
		f.Errorf("choices, beside the previous release: %v, want 503", err)
	}
}

// approvalsAreClosed registers that once all replicas have this release. One of them then goes
// back: it shows no page and takes no decision, and answers with status. This release still
// takes it.
func (f *fleet) approvalsAreClosed(fresh, back *replica, previous string, status int) {
	f.Helper()
	var k registered
	eventually(f, "choices are registered after the rollout", func() bool {
		var request api.CreateRequest
		_, cb, err := f.tryRegister(fresh, withChoices, func(r *api.CreateRequest) { request = *r })
		k = registered{cb, request}
		return err == nil
	})
	_, page := f.look(fresh, k.Links["dana"])
	back.roll(previous)
	f.untilReady(back)
	looked, shown := f.look(back, k.Links["dana"])
	if sent := f.submit(back, k.Links["dana"], page); looked != status || sent != status || strings.Contains(shown, k.request.Approval.Title) {
		f.Errorf("at a replica that went back: the page is %d, a decision %d", looked, sent)
	}
	if cb, err := f.client(fresh).Get(context.Background(), k.ID); err != nil || cb.State != api.StatePending || len(cb.Decisions) > 0 {
		f.Errorf("after that it is %+v, %v", cb, err)
	}
	back.roll(relayBinary)
	f.untilReady(back)
	f.decides(back, "an approval with choices, after the way back and forth", k, k.Links["kim"])
}
