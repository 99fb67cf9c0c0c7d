package pages

import (
	"strings"
	"unicode/utf8"
)

// What parts of a page take, in lines of a phone, and how many lines there are between
// the title and the buttons if both are on the screen.
const (
	roomLines      = 15
	lineCharacters = 40
	requesterLines = 3
	detailLines    = 3
	progressLines  = 4
	headingLines   = 3
	decisionLines  = 3
	approverLines  = 3
	fieldLines     = 4
	boxLines       = 2
	commentLines   = 7
)

// long tells whether the form's buttons are so far below the top of the page that a phone
// does not show them at first.
func long(page Page) bool {
	total := linesOf(page.Message) + strings.Count(page.Message, "\n") + linesOf(page.Title)
	if page.Requester != "" {
		total += requesterLines
	}
	for _, d := range page.Details {
		total += detailLines + linesOf(d.Value)
	}
	if page.Progress != nil {
		total += progressLines
	}
	if len(page.Decisions) > 0 {
		total += headingLines
	}
	for _, d := range page.Decisions {
		total += decisionLines + linesOf(d.Comment) + strings.Count(d.Comment, "\n")
	}
	return total+formLines(page.Form) > roomLines
}

func formLines(f *Form) int {
	total := approverLines + len(f.Problems)*fieldLines
	for _, field := range f.Fields {
		total += fieldLines + linesOf(field.Label) + linesOf(field.Help)
		if field.Kind == "choices" {
			total += boxLines * len(field.Choices)
		}
	}
	if f.Comment != "" && f.Comment != "none" {
		total += commentLines
	}
	if f.Confirm != "" {
		total += fieldLines
	}
	return total
}

// linesOf returns how many lines a text takes beyond its first.
func linesOf(text string) int { return utf8.RuneCountInString(text) / lineCharacters }
