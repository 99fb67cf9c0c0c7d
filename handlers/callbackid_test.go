package handlers_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"callback-relay/api"
)

// twin stores the callback once more, under an id that differs from the 21st character on,
// and returns the id.
func (k task) twin() string {
	k.n.t.Helper()
	id := k.ID[:20] + map[bool]string{true: "b", false: "a"}[k.ID[20] == 'a'] + k.ID[21:]
	for _, key := range k.n.redis.Keys() {
		if strings.HasSuffix(key, ":cb:"+k.ID) {
			fields, err := k.n.redis.HKeys(key)
			must(k.n.t, err)
			for _, field := range fields {
				k.n.redis.HSet(strings.Replace(key, k.ID, id, 1), field, k.n.redis.HGet(key, field))
			}
		}
		if score, err := k.n.redis.ZScore(key, k.ID); strings.HasSuffix(key, ":created") && err == nil {
			_, err := k.n.redis.ZAdd(key, score, id)
			must(k.n.t, err)
		}
	}
	return id
}

// The reference that a page shows finds its callback, also in capitals. If several fit,
// the answer lists them. Whatever changes a callback needs the whole id.
func TestReference(t *testing.T) {
	n := start(t)
	k := n.register("links", `{"dana":{"type":"approval"}}`, "approval", `{"title":"Deploy?"}`)
	reference := k.ID[:8]
	if page, _ := k.open("dana"); !strings.Contains(page, reference) {
		t.Fatalf("the page shows no reference: %s", page)
	}
	for _, given := range []string{reference, strings.ToUpper(reference), k.ID[:25]} {
		var cb api.Callback
		got := n.call("GET", "/v1/callbacks/"+given, "")
		got.is(http.StatusOK)
		if got.decode(&cb); cb.ID != k.ID {
			t.Errorf("%s: %s", given, got.body)
		}
		n.call("GET", "/v1/callbacks/"+given+"/history", "").is(http.StatusOK)
	}
	if lines := n.log.count(`"callback":"`+k.ID+`"`, 8); lines != 8 { // the registration, the page, and all of these
		t.Errorf("%d lines of the log have the whole id: %s", lines, n.log)
	}
	for given, detail := range map[string]string{
		reference[:7]:              "No callback has this id.",
		reference[:7] + "1":        "No callback has this id.",
		k.ID + "a":                 "No callback has this id.",
		k.ID[:24] + "22":           "No callback has this id.",
		"22222222":                 "No callback has an id that begins with this.",
		url.PathEscape("k5f2*bcd"): "No callback has this id.",
	} {
		for _, path := range []string{given, given + "/history"} {
			if p := n.call("GET", "/v1/callbacks/"+path, "").isProblem(http.StatusNotFound, "not-found"); p.Detail != detail {
				t.Errorf("%s: %s", path, p.Detail)
			}
		}
	}
	for _, change := range [][3]string{
		{"DELETE", "", ""}, {"PATCH", "", `{"expiresIn":"1h"}`}, {"POST", "/links", `{"name":"lee","type":"approval"}`}, {"DELETE", "/links/dana", ""},
	} {
		p := n.call(change[0], "/v1/callbacks/"+reference+change[1], change[2]).isProblem(http.StatusBadRequest, "invalid-request")
		if fields(p) != "id" || !strings.Contains(p.Detail, k.ID) {
			t.Errorf("%s %s: %s", change[0], change[1], p.Detail)
		}
		n.call(change[0], "/v1/callbacks/22222222"+change[1], change[2]).isProblem(http.StatusNotFound, "not-found")
	}
	if page, _ := k.open("dana"); !strings.Contains(page, "Deploy?") {
		t.Errorf("something has changed: %s", page)
	}

	other := k.twin()
	want := []string{k.ID, other}
	slices.Sort(want)
	for _, method := range []string{"GET", "DELETE"} {
		p := n.call(method, "/v1/callbacks/"+reference, "").isProblem(http.StatusConflict, "ambiguous-id")
		if !slices.Equal(p.IDs, want) || !strings.Contains(p.Detail, want[0]+", "+want[1]) {
			t.Errorf("%s: %q, %s", method, p.IDs, p.Detail)
		}
	}
	n.call("GET", "/v1/callbacks/"+k.ID[:21], "").is(http.StatusOK)
}

// A page that is about no callback shows no reference, since nobody could find anything
// by it.
func TestNoReference(t *testing.T) {
	n := start(t)
	got := n.do(http.MethodGet, "http://"+n.public+"/a/"+strings.Repeat("a", 58), "", "Accept", "text/html")
	if got.is(http.StatusNotFound); strings.Contains(string(got.body), "Reference") {
		t.Errorf("the page shows a reference: %s", got.body)
	}
}
