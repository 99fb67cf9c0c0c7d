package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf16"

	"callback-relay/relay"
	"callback-relay/senders"
)

// printRehearsal shows what would become of a post. It shows nothing of the secret.
func printRehearsal(out io.Writer, guard relay.Guard, post relay.Post, r relay.Rehearsal, knowsOutcomes bool) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(w, name+"\t"+format+"\n", args...) }
	if guard.Inline != nil || guard.Sender != "" {
		line("proof", "%s", proofOf(r))
		line("url", "%s", cmp.Or(printable(post.URL), "not in the request; give --url if the sender signs it"))
	}
	ends := ""
	if bytes.HasSuffix(post.Body, []byte("\n")) {
		ends = ", and the last is a line break: if an editor added it, the signature cannot hold"
	}
	line("body", "%d bytes%s", len(post.Body), ends)
	if r.Unproven == nil && r.Handshake == nil {
		line("event id", "%s", printable(r.Event.ID))
		line("event type", "%s", printable(r.Event.Type))
		if knowsOutcomes || r.Failed != nil {
			printOutcome(line, guard, r)
		} else {
			line("outcome", "give --registration to see it: this preset has no outcomes of its own")
		}
	}
	_ = w.Flush()
}

// proofOf says whether the proof holds.
func proofOf(r relay.Rehearsal) string {
	switch {
	case r.Handshake != nil:
		return "not needed: the request only tests the URL, and the relay answers it"
	case r.Unproven == nil:
		return "holds"
	case r.Unproven.Reason == senders.Stale:
		return fmt.Sprintf("does not hold (%s): %s; --at sets the time at which it arrived", r.Unproven.Reason, r.Unproven.Detail)
	}
	return fmt.Sprintf("does not hold (%s): %s", r.Unproven.Reason, r.Unproven.Detail)
}

// printOutcome shows what the task would get.
func printOutcome(line func(name, format string, args ...any), guard relay.Guard, r relay.Rehearsal) {
	from := "no outcome matches"
	if r.Rule >= 0 && guard.Outcomes != nil {
		from = fmt.Sprintf("outcomes[%d]", r.Rule)
	} else if r.Rule >= 0 {
		from = fmt.Sprintf("outcome %d of the preset", r.Rule)
	}
	switch {
	case r.Failed != nil:
		line("refused", "%s", printable(r.Failed.Error()))
	case r.Outcome == nil:
		line("outcome", "%s: %s", from, r.Do)
	case r.Outcome.Type == relay.OutcomeFailure:
		line("outcome", "%s: %s", from, r.Do)
		line("error", "%s", printable(r.Outcome.Error))
		line("cause", "%s", printable(r.Outcome.Cause))
	default:
		line("outcome", "%s: %s", from, r.Do)
		line("output", "%s", printableJSON(r.Outcome.Output))
	}
}

// printableJSON shows JSON with escapes for all that could change the terminal.
func printableJSON(text []byte) string {
	var compact bytes.Buffer
	if json.Compact(&compact, text) != nil {
		return ""
	}
	var shown strings.Builder
	for _, char := range compact.String() {
		if unicode.IsPrint(char) {
			shown.WriteRune(char)
			continue
		}
		for _, unit := range utf16.Encode([]rune{char}) {
			fmt.Fprintf(&shown, `\u%04x`, unit)
		}
	}
	return shown.String()
}
