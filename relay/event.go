package relay

import (
	"context"
	"errors"
	"time"

	"callback-relay/rules"
	"callback-relay/senders"
)

// event is a post on its way through the guard of its link.
type event struct {
	*Service
	link   LinkRef
	post   Post
	guard  Guard
	facts  Facts
	sender *senders.Sender // nil if everybody may post
	label  string          // of the sender, for metrics and log
	given  *HookEvent      // of an await: the event that is given; nil for a link
	result rules.Result

	response Response // of the link
}

func (s *Service) newEvent(link LinkRef, p Post, guarded *GuardedError) *event {
	if p.Arrived.IsZero() {
		p.Arrived = time.Now()
	}
	return &event{
		Service: s, link: link, post: p, label: guarded.Guard.label(), result: rules.Result{Rule: -1},
		guard: guarded.Guard, facts: guarded.Facts, response: guarded.Response,
	}
}

// id is what the store tells events apart by; "" if the event has none.
func (e *event) id() string {
	if e.given != nil {
		return e.given.ID
	}
	return e.result.ID
}

// at is when the event came.
func (e *event) at() time.Time {
	if e.given != nil {
		return e.given.At
	}
	return e.now()
}

// acknowledged adds the exact reply that the sender expects for an accepted event.
func (e *event) acknowledged(r Receipt) Receipt {
	if e.sender != nil {
		r.Reply = e.sender.Acknowledgement()
	}
	return r
}

// late returns why the link takes no events any more. What may pass is only counted and
// logged: while Redis is away, writing the history would take its time, too.
func (e *event) late(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, ErrOverloaded):
		e.counted(ctx, NoteUnavailable, "overloaded", len(e.post.Body))
		return err
	case errors.Is(err, ErrUnavailable):
		e.counted(ctx, NoteUnavailable, "", len(e.post.Body))
		return err
	}
	return e.refuse(ctx, NoteClosed, "", err)
}

// unavailable records that a post cannot be taken now, and returns the error. Its sender
// tries again, and perhaps nobody else learns of it.
func (e *event) unavailable(ctx context.Context, reason string, err error) error {
	return e.refuse(ctx, NoteUnavailable, reason, err)
}

// refuse records why an event was not accepted, and returns the error.
func (e *event) refuse(ctx context.Context, verdict, reason string, err error) error {
	e.judged(ctx, verdict, reason)
	return err
}

// judged counts and logs what became of an event. What was not the straight way to an
// outcome is also noted in the callback's history.
func (e *event) judged(ctx context.Context, verdict, reason string) {
	e.judgedBytes(ctx, verdict, reason, len(e.post.Body))
}

// judgedBytes is judged for a body of which only the length is known.
func (e *event) judgedBytes(ctx context.Context, verdict, reason string, bytes int) {
	e.counted(ctx, verdict, reason, bytes)
	if verdict != string(PostDelivered) && verdict != string(PostAccepted) {
		e.note(ctx, e.link, Note{Verdict: verdict, Reason: reason, EventID: e.result.ID, Bytes: bytes, Rule: e.ownRule()})
	}
}

// counted counts and logs what became of an event.
func (e *event) counted(ctx context.Context, verdict, reason string, bytes int) {
	e.metrics.Posted(e.label, verdict)
	e.logger.InfoContext(ctx, "event", "callback", string(e.link.ID), "sender", e.label,
		"verdict", verdict, "reason", reason, "event", e.result.Type, "rule", e.result.Rule, "bytes", bytes)
}
