package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"callback-relay/api"
)

var nonceOf = regexp.MustCompile(`name="?nonce"? value="?([a-z2-7]+)`)

// approvals registers approvals, and makes valid and invalid decisions. The content
// of pages and the text that people write stay out of logs, metrics and Redis; only
// the pages themselves show them.
func approvals(h *hunt) {
	const asked, written, person, note = "approval-4711-canary", "remark-4711-canary", "person-4711-canary", "note-4711-canary"
	c := h.register(func(r *api.CreateRequest) {
		approval := api.LinkRequest{Type: api.LinkApproval, Approver: api.Approver{Name: person}, Response: &api.LinkResponse{Text: asked}}
		open := approval
		open.Approver = api.Approver{}
		r.Links = map[string]api.LinkRequest{
			"one": approval, "open": open,
			"yes": {Type: api.LinkSuccess, Output: json.RawMessage(`"` + asked + `"`)},
			"no":  {Type: api.LinkFailure, Error: asked, Cause: asked},
			"own": {Type: api.LinkSuccess, Page: true, Title: asked, Message: asked, ButtonLabel: asked},
		}
		r.Approval = &api.Approval{
			Title: asked, Message: asked, Details: json.RawMessage(`{"` + asked + `":"` + asked + `"}`), RequestedBy: asked,
			ApproveLabel: asked, Comment: api.CommentRequired, Required: 2, Confirm: api.ConfirmCode,
			Fields: json.RawMessage(`{"type":"object","properties":{"text":{"type":"string","title":"` + asked + `"}}}`),
		}
	})
	for what, secret := range map[string]string{
		"what an approval shows": asked, "what somebody wrote": written, "an approver's name": person, "a note of who declined": note,
	} {
		h.guard(what, secret)
	}
	own := api.LinkRequest{
		Type: api.LinkApproval, Approver: api.Approver{Name: person}, Title: asked, Message: asked, Response: &api.LinkResponse{Text: asked},
	}
	for _, name := range []string{"one", "another"} { // replaced, and added
		added, err := h.next().client.AddLink(h.Context(), c.ID, api.AddLinkRequest{Name: name, LinkRequest: own})
		h.must(err)
		c.Links[name] = added
		h.guard("the link "+name+" that was added", linkKey(added.URL))
	}
	form := func(link string, change ...string) url.Values {
		page := h.request(c.Links[link].URL, http.MethodGet, "")
		found := nonceOf.FindStringSubmatch(page.body)
		if page.status != http.StatusOK || found == nil {
			h.Fatalf("page: %d %.300s", page.status, page.body)
		}
		values := url.Values{
			"nonce": {found[1]}, "decision": {api.DecisionApproved}, "comment": {written}, "field.text": {written},
			"approver": {person + "-typed"}, "confirm": {c.Links[link].Code},
		}
		for i := 0; i < len(change); i += 2 {
			values.Set(change[i], change[i+1])
		}
		return values
	}
	send := func(link string, values url.Values, want int) {
		got := h.request(c.Links[link].URL, http.MethodPost, values.Encode(), "Content-Type", "application/x-www-form-urlencoded")
		if got.status != want {
			h.Errorf("%s: %d, want %d: %.300s", link, got.status, want, got.body)
		}
	}
	send("open", form("open", "nonce", written), http.StatusBadRequest)
	send("open", form("open", "decision", written), http.StatusBadRequest)
	send("open", form("open", "approver", person), http.StatusBadRequest)
	send("open", form("open", "comment", strings.Repeat(written, 1000)), http.StatusBadRequest)
	send("open", form("open", "confirm", written), http.StatusBadRequest)
	send("open", form("open", "decision", "not-for-me", "note", strings.Repeat(note, 100)), http.StatusBadRequest)
	send("open", form("open", "decision", "not-for-me", "note", note), http.StatusOK)
	send("one", form("one"), http.StatusOK)
	h.search("redis", h.dump()) // with what is written, until all have decided

	seen, err := json.Marshal(h.get(c.task))
	h.must(err)
	h.searchFor("a callback's document", string(seen), func(what string) bool {
		return strings.HasPrefix(what, "what ") // names are for the owner
	})
	send("open", form("open"), http.StatusOK)
	if effects := h.effects(c.task); len(effects) != 1 || strings.Count(string(effects[0].Output), written) < 4 {
		h.Errorf("step functions got %d outputs", len(effects))
	}
	h.search("redis", h.dump()) // with what remains
	if left := h.redis.HGetAll(h.Context(), h.key(c)).Val(); left["remains"] == "" || left["comments"] == "" || left["content"] != "" || left["remarks"] != "" {
		h.Errorf("what remains is not what docs/keyspace.md says")
	}
}
