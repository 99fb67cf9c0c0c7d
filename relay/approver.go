package relay

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"callback-relay/forms"
	"callback-relay/names"
)

// checkName says what is wrong with a typed name. A person who has a link must
// decide through that link: nobody may decide for somebody else, or twice. A name
// that looks like another one counts as that one.
func (v View) checkName(name string) (forms.ProblemKind, string) {
	if strings.TrimSpace(name) == "" {
		return forms.ProblemMissing, ""
	}
	if utf8.RuneCountInString(names.Clean(name)) > MaxApproverChars {
		return forms.ProblemTooLong, fmt.Sprint(MaxApproverChars)
	}
	switch names.Check(name) {
	case names.Unreadable:
		return ProblemNameUnreadable, ""
	case names.Mixed:
		return ProblemNameMixed, ""
	}
	for _, link := range v.Links {
		if link.Approver != "" && names.Alike(link.Approver, name) {
			return ProblemNameTaken, ""
		}
	}
	for _, d := range v.Decisions {
		if names.Alike(d.Approver, name) {
			return ProblemNameUsed, ""
		}
	}
	return "", ""
}

// checkApprover checks the name of a link's approver; "" is anybody.
func (m *mistakes) checkApprover(field, name string) {
	if name == "" {
		return
	}
	m.text(field, name, MaxApproverChars)
	switch names.Check(name) {
	case names.Unreadable:
		m.add(field, "is blank, or has control characters: give a name that people can read, or leave it out and let the page ask for one")
	case names.Mixed:
		m.add(field, "has letters of several alphabets in one word, so it could pass for another name: write each word in one alphabet, as in Dana or Дана")
	}
}

const alike = "looks like the approver of links.%s but has other letters: give names that people can tell apart"

// looksLike tells whether two different names look the same.
func looksLike(a, b string) bool {
	return a != "" && b != "" && !names.Same(a, b) && names.Alike(a, b)
}

// checkAlike refuses approvers with different names that look the same: people
// could not tell who decided, and the relay could not tell whether somebody decided
// twice.
func (m *mistakes) checkAlike(links map[string]LinkRequest) {
	order := slices.Sorted(maps.Keys(links))
	for i, name := range order {
		for _, before := range order[:i] {
			if looksLike(links[name].Approver, links[before].Approver) {
				m.add("links."+name+".approver", alike, before)
				break
			}
		}
	}
}
