package store_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"callback-relay/relay"
)

// theEnds are the ways in which a callback can end, each after one decision.
var theEnds = []string{"decided", "answered", "cancelled", "expired", "ignored"}

// theNote is what Lee writes.
const theNote = "I am ill. Ask Kim."

// end registers a callback, lets Lee say that the link is not for them and Dana decide, and
// ends it.
func (r *redisUnderTest) end(how string, change func(*relay.Registration)) relay.Callback {
	r.t.Helper()
	ctx := r.t.Context()
	cb := r.register(relay.TaskToken(how), change, func(reg *relay.Registration) {
		no := reg.Links["no"]
		no.Message = "Only for those who reject"
		reg.Links["no"] = no
		if how == "ignored" {
			ignoring(reg)
		}
	})
	r.must(r.Decline(ctx, r.link(cb, "lee"), notFor(r.view(cb, "lee").Link, theNote)))
	first, second := decision(true, "dana", "Dana Okafor"), decision(false, "open", "Jo")
	_, err := r.Decide(ctx, r.link(cb, "dana"), []relay.Decision{first}, nil)
	r.must(err)
	if got := r.said(cb); !slices.Equal(got, []string{"lee: " + theNote}) {
		r.t.Errorf("%s, while it waits: declined %q", how, got)
	}
	o := success(`1`)
	var got relay.Recorded
	switch how {
	case "decided":
		got, err = r.Decide(ctx, r.link(cb, "open"), []relay.Decision{first, second}, &o)
	case "answered":
		got, err = r.Answer(ctx, r.link(cb, "yes"), o, nil)
	case "cancelled":
		_, err = r.Cancel(ctx, cb.ID)
	default:
		r.pass(cb)
		_, err = r.Expire(ctx, 10)
	}
	r.must(err)
	if how == "expired" {
		d := r.claimOne()
		got.Delivery = &d
	}
	if got.Delivery != nil {
		r.settle(*got.Delivery, relay.Settlement{State: relay.StateDelivered, Confirmed: true})
	}
	return cb
}

// What was decided about, and what people said about it, stays after every end. What
// the links do, and fields, do not stay.
func testRemains(t *testing.T, r *redisUnderTest) {
	for _, how := range theEnds {
		cb := r.end(how, approvals)
		v := r.view(cb, "lee")
		want := relay.Approval{
			Title: fullApproval.Title, Message: fullApproval.Message, Details: fullApproval.Details, RequestedBy: fullApproval.RequestedBy,
			Required: fullApproval.Required, Rejections: fullApproval.Rejections,
		}
		if diff := cmp.Diff(want, v.Approval); diff != "" || !v.State.Final() {
			t.Errorf("%s, %s: approval (-want +got):\n%s", how, v.State, diff)
		}
		for _, d := range v.Decisions {
			if string(d.Comment) != "a remark of "+d.Link || d.Fields != nil {
				t.Errorf("%s: of %s there are the comment %q and %d bytes of fields", how, d.Link, d.Comment, len(d.Fields))
			}
		}
		if got := r.view(cb, "no").Request; got.Message != "Only for those who reject" || got.Error != "" {
			t.Errorf("%s: of a link with its own message there are %q and the error %q", how, got.Message, got.Error)
		}
		if said, written := r.said(cb), r.written(cb); !slices.Equal(said, []string{"lee: " + theNote}) || !slices.Equal(written, []string{theNote}) {
			t.Errorf("%s: declined %q, in the history %q", how, said, written)
		}
		if hash := r.hash(cb); hash["content"] != "" || hash["remarks"] != "" || hash["taskToken"] != "" {
			t.Errorf("%s: too much is left: %q", how, hash)
		}
	}
}

// written returns what people wrote who declined, as the history has it: "" for nothing.
func (r *redisUnderTest) written(cb relay.Callback) (all []string) {
	r.t.Helper()
	entries, err := r.History(r.t.Context(), cb.ID)
	r.must(err)
	for _, e := range entries {
		if e.Verdict == relay.NoteNotForMe {
			all = append(all, string(e.Text))
		}
	}
	return all
}

// Row 120: with forget, only what recognises the callback stays.
func testForgets(t *testing.T, r *redisUnderTest) {
	for _, how := range theEnds {
		cb := r.end(how, func(reg *relay.Registration) {
			approvals(reg)
			reg.Approval.Forget = true
		})
		v := r.view(cb, "lee")
		want := relay.Approval{Title: fullApproval.Title, Required: fullApproval.Required, Rejections: fullApproval.Rejections}
		if diff := cmp.Diff(want, v.Approval); diff != "" || !v.State.Final() {
			t.Errorf("%s, %s: approval (-want +got):\n%s", how, v.State, diff)
		}
		for _, d := range v.Decisions {
			if d.Approver == "" || d.Comment != nil || d.Fields != nil {
				t.Errorf("%s: of %s there are the comment %q and %d bytes of fields", how, d.Link, d.Comment, len(d.Fields))
			}
		}
		if got := r.view(cb, "no").Request; got.Message != "" {
			t.Errorf("%s: of a link with its own message there is %q", how, got.Message)
		}
		if written := r.written(cb); !slices.Equal(written, []string{""}) {
			t.Errorf("%s: in the history there is %q", how, written)
		}
		for _, field := range []string{"content", "remains", "remarks", "comments", "declined", "taskToken"} {
			if r.hash(cb)[field] != "" {
				t.Errorf("%s: there is still %s", how, field)
			}
		}
	}
}

// Of an added link, its own message stays. If a replica of the previous release added
// it, its message is unknown, and the approval's is not shown instead.
func testRemainsOfAddedLinks(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	own := relay.LinkRequest{
		LinkKind: relay.LinkKind{Type: relay.LinkApproval, Page: true}, Approver: "Kim", Title: "And you?", Message: "For Kim only",
	}
	same := own
	same.Approver, same.Title, same.Message = "Max", "", ""
	cb := r.register("task", approvals)
	kim, other := r.add(cb, "kim", own).Link, r.add(cb, "max", same).Link
	before := r.hash(cb)["remains"]
	own.Approver = "Eva"
	eva := r.add(cb, "eva", own).Link
	r.must(r.client.HSet(ctx, r.key(cb), "remains", before).Err()) // as a script leaves it that does not know it
	_, err := r.Cancel(ctx, cb.ID)
	r.must(err)
	for _, c := range []struct {
		link                    relay.Link
		title, own, shared, who string
	}{
		{kim, "And you?", "For Kim only", fullApproval.Message, fullApproval.RequestedBy},
		{other, "", "", fullApproval.Message, fullApproval.RequestedBy},
		{eva, "And you?", "", "", ""},
	} {
		v := r.view(relay.Callback{ID: cb.ID, Key: cb.Key, Links: []relay.Link{c.link}}, c.link.Name)
		if v.Request.Title != c.title || v.Request.Message != c.own || v.Approval.Message != c.shared || v.Approval.RequestedBy != c.who {
			t.Errorf("%s: %+v, and %+v", c.link.Name, v.Request, v.Approval)
		}
	}

	// A page can be added to a callback that has none.
	plain := r.register("plain")
	first := relay.LinkRequest{LinkKind: relay.LinkKind{Type: relay.LinkSuccess, Page: true}, Output: relay.Payload(`1`), Title: "Done?", Message: "All of it"}
	added := r.add(plain, "done", first).Link
	_, err = r.Cancel(ctx, plain.ID)
	r.must(err)
	if v := r.view(relay.Callback{ID: plain.ID, Key: plain.Key, Links: []relay.Link{added}}, "done"); v.Request.Message != "All of it" {
		t.Errorf("the first page: %+v", v.Request)
	}
}

// While replicas of two releases run, the previous one may record a decision without
// comments. Those that are known stay with their decisions.
func testCommentsBesideThePreviousRelease(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	cb := r.register("task", approvals)
	first, second := decision(true, "dana", "Dana Okafor"), decision(true, "lee", "Lee Wong")
	_, err := r.Decide(ctx, r.link(cb, "dana"), []relay.Decision{first}, nil)
	r.must(err)
	comments := r.hash(cb)["comments"]
	_, err = r.Decide(ctx, r.link(cb, "lee"), []relay.Decision{first, second}, nil)
	r.must(err)
	r.must(r.client.HSet(ctx, r.key(cb), "comments", comments).Err())
	for _, d := range r.view(cb, "open").Decisions {
		if string(d.Comment) != "a remark of "+d.Link {
			t.Errorf("while it waits, of %s: %q", d.Link, d.Comment)
		}
	}
	_, err = r.Cancel(ctx, cb.ID)
	r.must(err)
	got := r.view(cb, "open").Decisions
	if len(got) != 2 || string(got[0].Comment) != "a remark of dana" || got[1].Comment != nil {
		t.Errorf("after the end: %+v", got)
	}
}
