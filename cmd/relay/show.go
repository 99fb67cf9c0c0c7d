package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"callback-relay/api"
)

// show prints a callback.
func (r *remote) show(out io.Writer, cb api.Callback) error {
	if r.Output == "json" {
		return printJSON(out, cb)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	row("id", "%s", cb.ID)
	row("state", "%s", cb.State)
	row("created", "%s", cb.CreatedAt.Format(time.RFC3339))
	expires := cb.ExpiresAt.Format(time.RFC3339)
	if cb.State == api.StatePending {
		expires += " (then: " + cb.OnExpiry + ")"
	}
	row("expires", "%s", expires)
	if len(cb.Tags) > 0 {
		row("tags", "%s", tags(cb))
	}
	for _, d := range cb.Decisions {
		row(d.Decision, "by %s on link %s, %s", shownDecider(d.By), d.By.Link, d.At.Format(time.RFC3339))
	}
	for _, d := range cb.Declined {
		row("declined", "%s", shownDecline(d))
	}
	if o := cb.Outcome; o != nil {
		row("outcome", "%s by %s, %s", strings.TrimSpace(o.Type+" "+o.Error), o.By, o.At.Format(time.RFC3339))
	}
	if d := cb.Delivery; d != nil {
		row("attempts", "%d", d.Attempts)
		if d.LastError != "" {
			row("last error", "%s", d.LastError)
		}
		if d.NextAttemptAt != nil {
			row("next attempt", "%s", d.NextAttemptAt.Format(time.RFC3339))
		}
		if d.Confirmed != nil && !*d.Confirmed {
			row("confirmed", "no: Step Functions closed the task after an attempt without a clear result")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cb.Links)) {
		showLink(w, name, cb.Links[name])
	}
	for _, name := range slices.Sorted(maps.Keys(cb.Awaits)) {
		kind := "await"
		if cb.Awaits[name].Closed {
			kind += ", closed"
		}
		about := cb.Awaits[name].Sender
		if key := cb.Awaits[name].Key; key != "" {
			about += " about " + key
		}
		row(name+" ("+kind+")", "an event of %s", about)
	}
	return w.Flush()
}

// showLink prints a link as one table row, and what belongs to it, if the relay chose it,
// as others.
func showLink(w io.Writer, name string, link api.Link) {
	about := link.Type
	if link.Page && link.Type != api.LinkApproval { // an approval is always a page
		about += " page"
	}
	if link.Approver != "" {
		about += ", " + link.Approver
	}
	if link.Closed {
		about += ", closed"
	}
	fmt.Fprintf(w, "%s (%s)\t%s\n", name, about, link.URL)
	if link.Secret != "" {
		fmt.Fprintf(w, "secret (%s)\t%s\n", name, link.Secret)
	}
	if link.Code != "" {
		fmt.Fprintf(w, "%s's code\t%s (send it separately from the link)\n", name, link.Code)
	}
}

func tags(cb api.Callback) string {
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(cb.Tags)) {
		pairs = append(pairs, key+"="+cb.Tags[key])
	}
	return strings.Join(pairs, " ")
}

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// shownDecider says who decided, and how that is known.
func shownDecider(by api.Decider) string {
	switch {
	case by.Typed:
		return by.Approver + " (not verified)"
	case by.Verified != nil:
		return fmt.Sprintf("%s (verified: %s, %s at %s)", by.Approver, printable(by.Verified.Email), printable(by.Verified.Subject), by.Verified.Issuer)
	}
	return by.Approver
}
