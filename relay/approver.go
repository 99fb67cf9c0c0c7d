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

// checkName says what is wrong with a name that was typed. One that has a link
// of its own must be used there: nobody may speak for somebody else, nor twice,
// and what looks like a name counts as that name.
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

// checkApprover checks the name of the person a link is for, "" for anybody.
func (m *mistakes) checkApprover(field, name string) {
	if name == "" {
		return
	}
	m.text(field, name, MaxApproverChars)
	switch names.Check(name) {
	case names.Unreadable:
		m.add(field, "is blank, or has control characters: give a name that people can read, or leave it out and the page asks for one")
	case names.Mixed:
		m.add(field, "has letters of several alphabets in one word, and could pass for another name: write each word in one, as in Dana or Дана")
	}
}

const alike = "looks like the approver of links.%s, with other letters: give names that people can tell apart"

// looksLike tells whether two people's names look the same and are not.
func looksLike(a, b string) bool {
	return a != "" && b != "" && !names.Same(a, b) && names.Alike(a, b)
}

// checkAlike refuses approvers whose names look the same and are not: people
// could not tell who decided, nor the relay whether one of them decided twice.
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
