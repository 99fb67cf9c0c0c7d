package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"callback-relay/stepfunctions/standin"
)

const (
	nameTaken  = "This person has their own link"
	nameUsed   = "Someone with this name has already decided"
	nameMixed  = "This name mixes letters from different alphabets"
	unreadable = "Please enter a name that people can read"
)

// Row 79: a typed name that looks like the name of an approver counts as that name, or is
// refused with a reason. An unreadable name is refused too.
func TestTypedNames(t *testing.T) {
	n := start(t)
	k := n.register("links", `{"dana":{"type":"approval","approver":"Dana Ökafor"},"lee":{"type":"approval","approver":"Ilse Copa"},"open":{"type":"approval"}}`, "approval", `{"title":"Deploy?"}`)
	for typed, want := range map[string]string{
		"Dana Ökafor":                   nameTaken,
		"DANA  ökafor":                  nameTaken,
		"Dana O\u0308kafor":             nameTaken, // decomposed
		"Dana\u200b Ökafor":             nameTaken, // with what cannot be seen
		"Dana Ökafor\ufe0f":             nameTaken,
		"\u3164Dana Ökafor":             nameTaken,
		"Dana\u2800Ökafor":              nameTaken,
		"Ｄａｎａ Ökafor":                   nameTaken, // full width
		"𝐃𝐚𝐧𝐚 Ökafor":                   nameTaken,
		"Dana Ök\u0430for":              nameMixed, // with a Cyrillic letter
		"llse Copa":                     nameTaken, // with a small L
		"Ilse \u0421\u043e\u0440\u0430": nameTaken, // a whole word in Cyrillic
		"\u3164":                        unreadable,
		"\u2800\u2800":                  unreadable,
		"\u200b":                        unreadable,
		"\u0301":                        unreadable,
		"Kim\x07":                       unreadable,
		" \t ":                          "Please fill this in.",
	} {
		got := k.submit("open", url.Values{"nonce": {nonceOf(k, "open")}, "decision": {"approved"}, "approver": {typed}})
		if got.is(http.StatusBadRequest); !strings.Contains(string(got.body), want) {
			t.Errorf("%q: the page does not say %q", typed, want)
		}
	}
	if taken := k.got(); len(taken) != 0 {
		t.Fatalf("Step Functions got %q", taken)
	}
	// A name that looks like no other is stored as it was typed.
	k.submit("open", url.Values{"nonce": {nonceOf(k, "open")}, "decision": {"approved"}, "approver": {" Jose\u0301\u200b  山田\u3000太郎 "}}).is(http.StatusOK)
	if taken := k.got(); len(taken) != 1 || !strings.Contains(taken[0], `"approver":"José 山田 太郎"`) {
		t.Errorf("Step Functions got %q", taken)
	}
}

// Row 79: a person who types a name in two ways does not count as two people.
func TestTypedNamesOfAQuorum(t *testing.T) {
	n := start(t)
	for _, second := range []string{"kim  lee", "Kim Lee\ufe0f", "Ｋｉｍ Lee", "K\u0456m Lee", "Kim \u217cee", "\u041a\u0456m Lee"} {
		k := n.register("links", `{"a":{"type":"approval"},"b":{"type":"approval"}}`, "approval", `{"title":"Deploy?","required":2}`)
		k.submit("a", url.Values{"nonce": {nonceOf(k, "a")}, "decision": {"approved"}, "approver": {"Kim Lee"}}).is(http.StatusOK)
		got := k.submit("b", url.Values{"nonce": {nonceOf(k, "b")}, "decision": {"approved"}, "approver": {second}})
		if got.is(http.StatusBadRequest); !strings.Contains(string(got.body), nameUsed) && !strings.Contains(string(got.body), nameMixed) {
			t.Errorf("%q: the page gives no reason", second)
		}
		if taken := k.got(); len(taken) != 0 {
			t.Errorf("%q counts as a second person", second)
		}
		k.submit("b", url.Values{"nonce": {nonceOf(k, "b")}, "decision": {"approved"}, "approver": {"Kim Leo"}}).is(http.StatusOK)
		if taken := k.got(); len(taken) != 1 {
			t.Errorf("somebody else does not count: %q", taken)
		}
	}
}

// Row 79: a registration is refused if its approvers cannot be read or told apart. Two
// spellings of one name are one person.
func TestApproversOfARegistration(t *testing.T) {
	n := start(t)
	for approvers, want := range map[[2]string]string{
		{"Dana", "\u3164"}:                   "is blank, or has control characters",
		{"Dana", "Lee\x00"}:                  "is blank, or has control characters",
		{"Dana", "L\u0435e"}:                 "has letters of several alphabets in one word",
		{"Copa", "\u0421\u043e\u0440\u0430"}: "looks like the approver of links.a",
		{"Ilse", "llse"}:                     "looks like the approver of links.a",
		{"Dana", "Ｄａｎａ"}:                     "must be at most 1, the number of people",
		{"José", "Jose\u0301"}:               "must be at most 1, the number of people",
		{"Dana", "Dana\ufe0f"}:               "must be at most 1, the number of people",
		{"山田太郎", "김철수"}:                      "",
		{"Иван О'Нил", "हरि शर्मा"}:          "",
		{"José", "Jose"}:                     "",
	} {
		got := n.call(http.MethodPost, "/v1/callbacks", `{"taskToken":`+quoted(n.aws.NewTask(standin.TaskOptions{}))+`,"approval":{"title":"?","required":2},"links":{`+
			`"a":{"type":"approval","approver":`+quoted(approvers[0])+`},"b":{"type":"approval","approver":`+quoted(approvers[1])+`}}}`)
		if want == "" {
			got.is(http.StatusCreated)
			continue
		}
		if p := got.isProblem(http.StatusBadRequest, "invalid-request"); !strings.Contains(string(got.body), want) {
			t.Errorf("%q: %+v, want %q", approvers, p, want)
		}
	}
}

// Row 79: a link cannot be added for a name that looks like another approver's. The link
// that it replaces does not count.
func TestApproverOfAnAddedLink(t *testing.T) {
	n := start(t)
	k := n.register("links", `{"dana":{"type":"approval","approver":"Ilse"},"lee":{"type":"approval","approver":"Lee"}}`, "approval", `{"title":"Deploy?"}`)
	k.addLink(`{"name":"more","type":"approval","approver":"llse"}`).isProblem(http.StatusBadRequest, "invalid-request")
	k.addLink(`{"name":"more","type":"approval","approver":"L\u0435e"}`).isProblem(http.StatusBadRequest, "invalid-request")
	k.addLink(`{"name":"more","type":"approval","approver":"ILSE"}`).is(http.StatusCreated) // one person, two links
	k.addLink(`{"name":"lee","type":"approval","approver":"1ee"}`).is(http.StatusCreated)
}
