package main

import (
	"strings"
	"time"

	"callback-relay/api"
)

// declined lists the links of which somebody said that they are not for them.
func declined(cb api.Callback) string {
	var links []string
	for _, d := range cb.Declined {
		links = append(links, d.Link)
	}
	return strings.Join(links, " ")
}

// shownDecline says who declined, through which link and when, and what they wrote.
func shownDecline(d api.Decline) string {
	text := ""
	if d.Approver != "" {
		text += "by " + d.Approver + " "
	}
	text += "on link " + d.Link + ", " + d.At.Format(time.RFC3339)
	if d.Note != "" {
		text += ": " + printable(d.Note)
	}
	return text
}
