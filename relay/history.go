package relay

import (
	"context"
	"time"
)

// Note is an entry in the history of a callback: something that was not the straight
// way to an outcome.
type Note struct {
	Verdict string  // what was done: one of the words below
	Reason  string  // a fixed word, such as signature or timestamp; "" if the verdict says it all
	EventID string  // "" if the event has none
	Bytes   int     // of the body as it was sent
	Rule    int     // the outcome of the registration that matched or failed, from 0; -1 for none
	Text    Payload // what a person wrote who said that a link is not for them; nil for nothing
}

// The verdicts of notes.
const (
	NoteUnproven    = "unproven"    // the sender was not proven
	NoteUnsupported = "unsupported" // the body could not be converted
	NoteHandshake   = "handshake"   // the post only tested the link
	NoteIgnored     = "ignored"     // no outcome wanted the event
	NoteHeartbeat   = "heartbeat"   // the task was told that work continues
	NoteDuplicate   = "duplicate"   // the event that answered came again
	NoteConflict    = "conflict"    // another answer came first
	NoteClosed      = "closed"      // the callback or the link had ended
	NoteFailedRule  = "failed-rule" // an outcome's rule could not be applied
	NoteUnavailable = "unavailable" // the post cannot be judged now, and the sender must try again
	NoteTooLarge    = "too-large"   // it is longer than a guarded link or a hook takes
	NoteAttempt     = "attempt"     // an attempt of a delivery failed
	NoteNotForMe    = NotForMe      // somebody said that the link is not for them; [Store.Decline] writes it
)

// PostVerdicts returns every verdict of a post to a guarded link.
func PostVerdicts() []string {
	return []string{
		string(PostDelivered), string(PostAccepted),
		NoteUnproven, NoteUnsupported, NoteHandshake, NoteIgnored, NoteHeartbeat, NoteDuplicate, NoteConflict, NoteClosed, NoteFailedRule,
		NoteUnavailable, NoteTooLarge,
	}
}

// HistoryEntry is a note as it is kept. Equal notes without an event are counted.
type HistoryEntry struct {
	Note
	Link     string // its name; "" for an attempt
	At, Last time.Time
	Count    int
}

// note adds to the history of a link's callback. A history that cannot be written is no
// reason to refuse a post.
func (s *Service) note(ctx context.Context, link LinkRef, n Note) {
	if err := s.store.Note(context.WithoutCancel(ctx), link, n); err != nil {
		s.logger.WarnContext(ctx, "history not written", "callback", string(link.ID), "error", err)
	}
}
