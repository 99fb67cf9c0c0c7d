package faults

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"callback-relay/api"
)

// manyLinks has links of every type, for people (with a code) and for machines.
func manyLinks(r *api.CreateRequest) {
	r.Links = map[string]api.LinkRequest{
		"dana": {Type: api.LinkApproval, Approver: api.Approver{Name: "Dana Okafor"}}, "skip": {Type: api.LinkSuccess, Page: true},
		"hook": {Type: api.LinkWebhook}, "done": {Type: api.LinkSuccess, Output: []byte(`{"done":1}`)}, "beat": {Type: api.LinkHeartbeat},
	}
	r.Approval = &api.Approval{Title: "Deploy?", Confirm: api.ConfirmCode}
}

// registered is a callback and its registration.
type registered struct {
	api.Callback
	request api.CreateRequest
}

func (f *fleet) registerMany(r *replica) registered {
	f.Helper()
	var request api.CreateRequest
	_, cb := f.registerAt(r, manyLinks, func(r *api.CreateRequest) { request = *r })
	return registered{cb, request}
}

// recognised checks that a replica finds a registration, with the same links and
// codes.
func (f *fleet) recognised(r *replica, what string, k registered) {
	f.Helper()
	again, created, err := f.client(r).Create(context.Background(), k.request)
	if err != nil || created || !maps.Equal(again.Links, k.Links) {
		f.Errorf("%s, registered again: created %v, %v\n%v, want\n%v", what, created, err, again.Links, k.Links)
	}
}

var nonceInput = regexp.MustCompile(`name="?nonce"? value="?([a-z2-7]+)`)

// pageOf returns the address of a link at a replica.
func (r *replica) pageOf(link api.Link) string {
	return "http://" + r.at.Load().public + strings.TrimPrefix(link.URL, publicURL)
}

// look opens the page of a link at a replica.
func (f *fleet) look(r *replica, link api.Link) (status int, page string) {
	f.Helper()
	response, err := f.http.Get(r.pageOf(link))
	must(f, err)
	content, err := io.ReadAll(response.Body)
	must(f, err)
	must(f, response.Body.Close())
	return response.StatusCode, string(content)
}

// theComment is what whoever decides writes.
const theComment = "It was tested on Tuesday."

// submit approves at a replica, with the link's code, as from a page that was opened there or
// at another one.
func (f *fleet) submit(r *replica, link api.Link, page string) (status int) {
	f.Helper()
	form := url.Values{"nonce": {"none"}, "decision": {api.DecisionApproved}, "confirm": {link.Code}, "comment": {theComment}}
	if found := nonceInput.FindStringSubmatch(page); found != nil {
		form.Set("nonce", found[1])
	}
	posted, err := f.http.PostForm(r.pageOf(link), form)
	must(f, err)
	must(f, posted.Body.Close())
	return posted.StatusCode
}

// decide opens the page of a link at a replica and approves. It returns the status of the
// page, and that of the decision.
func (f *fleet) decide(r *replica, link api.Link) (looked, sent int) {
	f.Helper()
	looked, page := f.look(r, link)
	return looked, f.submit(r, link, page)
}

// decides checks that a link works at a replica, with its code.
func (f *fleet) decides(r *replica, what string, k registered, link api.Link) {
	f.Helper()
	if looked, sent := f.decide(r, link); looked != http.StatusOK || sent != http.StatusOK {
		f.Errorf("%s: the page is %d, the decision %d", what, looked, sent)
	}
	f.untilState(r, k.ID, api.StateDelivered)
	effects := 0
	for _, e := range f.steps.Effects() {
		if e.TaskToken == k.request.TaskToken {
			effects++
		}
	}
	if effects != 1 {
		f.Errorf("%s: %d effects", what, effects)
	}
}

// posts checks the response of a machine's link at a replica.
func (f *fleet) posts(r *replica, what, link, word string) {
	f.Helper()
	if told, err := f.post(context.Background(), r, link, []byte(`{}`)); err != nil || told.word != word {
		f.Errorf("%s: %+v, %v, want %s", what, told, err, word)
	}
}

// peopleBefore are callbacks that the previous release makes.
func (f *fleet) peopleBefore(old *replica) []registered {
	f.Helper()
	var made []registered
	for range 4 {
		made = append(made, f.registerMany(old))
	}
	return made
}

// peopleAfter uses callbacks of the previous release at this one: their links and
// codes work, their registrations are recognised, and their links can be replaced.
func (f *fleet) peopleAfter(old, fresh *replica, made []registered) {
	f.Helper()
	for _, k := range made {
		f.recognised(fresh, "made by the previous release", k)
	}
	f.posts(fresh, "a heartbeat link of the previous release", made[0].Links["beat"].URL, api.StatusAlive)
	f.decides(fresh, "an approval of the previous release", made[0], made[0].Links["dana"])
	f.posts(fresh, "a fixed outcome of the previous release", made[1].Links["done"].URL, api.StatusDelivered)

	replaced := made[2]
	request := api.AddLinkRequest{Name: "dana", LinkRequest: api.LinkRequest{Type: api.LinkApproval, Approver: api.Approver{Name: "Kim Sato"}}}
	link, err := f.client(fresh).AddLink(context.Background(), replaced.ID, request)
	must(f, err)
	for name, r := range map[string]*replica{"this release": fresh, "the previous one": old} {
		if looked, _ := f.decide(r, replaced.Links["dana"]); looked != http.StatusGone {
			f.Errorf("a link that was replaced, at %s: %d", name, looked)
		}
	}
	if looked, _ := f.decide(old, link); looked != http.StatusNotFound {
		f.Errorf("a page that was added, at the previous release: %d", looked)
	}
	f.recognised(old, "with a link that was replaced, at the previous release", closedLink(replaced, "dana"))
	shown := maps.Clone(replaced.Links)
	shown["dana"] = link
	f.recognised(fresh, "with a link that was replaced", registered{api.Callback{Links: shown}, replaced.request})
	f.decides(fresh, "the link that replaced it", replaced, link)

	hook := made[3]
	link, err = f.client(fresh).AddLink(context.Background(), hook.ID, api.AddLinkRequest{Name: "hook", LinkRequest: api.LinkRequest{Type: api.LinkWebhook}})
	must(f, err)
	f.posts(old, "a webhook that was replaced, at the previous release", hook.Links["hook"].URL, "link-closed")
	f.posts(old, "a webhook that was added, at the previous release", link.URL, api.StatusDelivered)
	f.untilState(fresh, hook.ID, api.StateDelivered)
}

// closedLink is the form of a callback after one of its links was closed.
func closedLink(k registered, name string) registered {
	k.Links = maps.Clone(k.Links)
	link := k.Links[name]
	link.Closed = true
	k.Links[name] = link
	return k
}

// peopleMeanwhile uses callbacks that this release makes beside the previous one:
// they contain only what both releases know.
func (f *fleet) peopleMeanwhile(old, fresh *replica) {
	f.Helper()
	ctx := context.Background()
	eventually(f, "this release knows that the previous one is there", func() bool {
		return shortKey(f.registerMany(fresh).Links["hook"])
	})
	page, done, beat, revoked, withdrawn := f.registerMany(fresh), f.registerMany(fresh), f.registerMany(fresh), f.registerMany(fresh), f.registerMany(fresh)
	f.recognised(old, "made by this release, at the previous one", page)
	f.decides(old, "an approval at the previous release", page, page.Links["dana"])
	f.posts(old, "a fixed outcome at the previous release", done.Links["done"].URL, api.StatusDelivered)
	f.posts(old, "a heartbeat at the previous release", beat.Links["beat"].URL, api.StatusAlive)
	f.posts(old, "a webhook at the previous release", beat.Links["hook"].URL, api.StatusDelivered)
	if looked, _ := f.decide(fresh, beat.Links["dana"]); looked != http.StatusOK { // which says that it is decided
		f.Errorf("the page of what the previous release answered: %d", looked)
	}
	_, err := f.client(fresh).RevokeLink(ctx, revoked.ID, "hook")
	must(f, err)
	for name, r := range map[string]*replica{"this release": fresh, "the previous one": old} {
		f.posts(r, "a link that was revoked, at "+name, revoked.Links["hook"].URL, "link-closed")
	}
	if _, err := f.client(old).Cancel(ctx, withdrawn.ID); err != nil {
		f.Errorf("cancelled by the previous release: %v", err)
	}
	f.untilState(fresh, withdrawn.ID, api.StateCancelled)
	if _, _, err := f.client(fresh).Create(ctx, withdrawn.request); !isStatus(err, http.StatusConflict) {
		f.Errorf("registered again after it was cancelled: %v", err)
	}
	f.expiresAt(old, fresh)
}

func shortKey(link api.Link) bool {
	return len(link.URL[strings.LastIndex(link.URL, "/")+1:]) == 52
}

// expiresAt lets a deadline pass while only the previous release runs.
func (f *fleet) expiresAt(old, fresh *replica) {
	f.Helper()
	_, cb := f.registerAt(fresh, manyLinks, func(r *api.CreateRequest) { r.ExpiresIn = "3s" })
	fresh.kill()
	if got := f.get(old, cb.ID); got.State != api.StatePending {
		f.Errorf("it is %s before the previous release is alone with it", got.State)
	}
	f.untilState(old, cb.ID, api.StateDelivered)
	fresh.start()
	if got := f.get(fresh, cb.ID); got.Outcome == nil || got.Outcome.Error != expiredError {
		f.Errorf("expired at the previous release: %+v", got)
	}
	if looked, _ := f.decide(fresh, cb.Links["dana"]); looked != http.StatusGone {
		f.Errorf("the page of what expired: %d", looked)
	}
}

// linksOfThisRelease takes one replica back to the previous release, after all had
// this release. The previous release does not know the new links: it answers 404
// and does not harm them, and they work when this release is back.
func (f *fleet) linksOfThisRelease(r *replica, previous string) {
	f.Helper()
	var k registered
	eventually(f, "links have a generation", func() bool {
		k = f.registerMany(r)
		return !shortKey(k.Links["hook"])
	})
	r.roll(previous)
	f.untilReady(r)
	f.posts(r, "a link with a generation, at the previous release", k.Links["hook"].URL, "not-found")
	if looked, _ := f.decide(r, k.Links["dana"]); looked != http.StatusNotFound {
		f.Errorf("a page with a generation, at the previous release: %d", looked)
	}
	again, _, err := f.client(r).Create(context.Background(), k.request)
	if err != nil || again.ID != k.ID || !shortKey(again.Links["hook"]) {
		f.Errorf("registered again, at the previous release: %s, %v, %v", again.ID, again.Links, err)
	}
	r.roll(relayBinary)
	f.untilReady(r)
	f.recognised(r, "after the way back and forth", k)
	f.posts(r, "a link without the generation", again.Links["hook"].URL, "not-found")
	f.decides(r, "after the way back and forth", k, k.Links["dana"])
}
