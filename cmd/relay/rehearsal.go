package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf16"

	"callback-relay/relay"
	"callback-relay/senders"
)

// rehearsalView shows what would become of a post. It shows nothing of the secret.
type rehearsalView struct {
	guard         relay.Guard
	post          relay.Post
	result        relay.Rehearsal
	knowsOutcomes bool            // what events mean to a task is known
	sender        *senders.Sender // nil if everybody may post
	// atHook is what the hook of the sender would do with the post; nil for a link.
	atHook *relay.HookRehearsal
}

// refused tells whether the post would not be accepted, or could not be judged.
func (v rehearsalView) refused() bool {
	if v.result.Unproven != nil {
		return true
	}
	if v.atHook == nil || v.isForTask() {
		return v.result.Failed != nil
	}
	return v.atHook.Handshake == nil && !slices.Contains([]string{"", relay.ReasonNotAccepted, relay.ReasonNoKey}, v.atHook.Reason)
}

// isForTask tells whether an event of a hook is about what the registration awaits. Without
// a registration it may be.
func (v rehearsalView) isForTask() bool {
	return v.atHook.Reason == "" && (v.guard.Key == "" || v.guard.Key == v.atHook.Event.Key)
}

// atLink returns the guard of a link that does with an event what an await does with one of
// its hook.
func atLink(await relay.Guard, hook relay.Hook) relay.Guard {
	await.Key = ""
	if hook.Sender == nil { // everybody may post
		await.Sender = ""
	}
	if len(await.Outcomes) == 0 && await.Otherwise == "" && (hook.Sender == nil || hook.Sender.Outcomes() == nil) {
		await.Otherwise = "succeed" // the default of awaits
	}
	return await
}

// line writes one row.
type line func(name, format string, args ...any)

func (v rehearsalView) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(w, name+"\t"+format+"\n", args...) }
	if v.guard.Inline != nil || v.guard.Sender != "" {
		line("proof", "%s", v.proof())
		line("url", "%s", cmp.Or(printable(v.post.URL), "not in the request"))
	}
	ends := ""
	if bytes.HasSuffix(v.post.Body, []byte("\n")) {
		ends = ", and the last is a line break: if an editor added it, the signature cannot hold"
	}
	line("body", "%d bytes%s", len(v.post.Body), ends)
	if v.result.Unproven == nil && v.result.Handshake == nil {
		line("event id", "%s", printable(v.result.Event.ID))
		line("event type", "%s", printable(v.result.Event.Type))
		if v.atHook != nil {
			v.printHook(line)
		}
		switch {
		case v.atHook != nil && !v.isForTask():
		case v.knowsOutcomes || v.result.Failed != nil:
			v.printOutcome(line)
		default:
			line("outcome", "give --registration to see it: this sender has no outcomes of its own")
		}
	}
	_ = w.Flush()
}

// printHook shows whether the event counts at the hook, and who gets it.
func (v rehearsalView) printHook(line line) {
	switch at := v.atHook; {
	case at.Reason != "":
		line("hook", "ignored: %s", printable(strings.TrimSuffix(at.Reason+": "+at.Detail, ": ")))
		return
	default:
		line("hook", "accepted")
		line("key", "%s", printable(at.Event.Key))
	}
	switch {
	case v.guard.Key == "":
	case v.isForTask():
		line("await", "waits for this key")
	default:
		line("await", "waits for another key, so the task does not get this event: %s", printable(v.guard.Key))
	}
}

// proof says whether the proof holds, and what else may be wrong than the secret or the
// body.
func (v rehearsalView) proof() string {
	unproven := v.result.Unproven
	switch {
	case v.result.Handshake != nil:
		return "not needed: the request only tests the URL, and the relay answers it"
	case unproven == nil:
		return "holds"
	}
	hint := ""
	switch {
	case unproven.Reason == senders.Stale:
		hint = "; --at sets the time at which it arrived"
	case unproven.Reason == senders.Signature && v.sender.SignsURL():
		hint = "; the sender signs the URL too: --url sets the one that it was given"
	}
	return fmt.Sprintf("does not hold (%s): %s%s", unproven.Reason, unproven.Detail, hint)
}

// senderOf returns the sender of a guard; nil for none, and for one that cannot be.
func senderOf(guard relay.Guard, known *configFile) *senders.Sender {
	if guard.Inline != nil {
		sender, _ := senders.New(*guard.Inline)
		return sender
	}
	sender, _ := known.Named(guard.Sender)
	return sender
}

// printOutcome shows what the task would get.
func (v rehearsalView) printOutcome(line line) {
	r := v.result
	from := "no outcome matches"
	if r.Rule >= 0 && v.guard.Outcomes != nil {
		from = fmt.Sprintf("outcomes[%d]", r.Rule)
	} else if r.Rule >= 0 {
		from = cmp.Or(v.sender.Outcomes()[r.Rule].When, "every event") // of the preset
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

// printableJSON shows JSON in one line, as [printable] does.
func printableJSON(text []byte) string {
	var compact bytes.Buffer
	if json.Compact(&compact, text) != nil {
		return ""
	}
	return printable(compact.String())
}

// printable shows a text of a stranger with escapes for all that could change the terminal.
func printable(text string) string {
	var shown strings.Builder
	for _, char := range text {
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
