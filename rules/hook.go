package rules

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// HookSource says which events of a hook count, and what they are about. All are CEL
// expressions over body, headers and query; Accept and Key know event.id and event.type
// too.
type HookSource struct {
	Event  EventSpec
	Accept string // a condition; "" accepts every event
	Key    string // a text or a whole number: what the event is about
}

// Hook is a compiled [HookSource]. It never changes, so it is safe for concurrent use.
type Hook struct {
	program Program
	accept  *expression // nil for every event
	key     *expression
}

// HookEvent is what a post tells a hook.
type HookEvent struct {
	Event
	Accepted bool
	Key      string // of an accepted event; "" if it is about nothing that can be waited for
}

// CompileHook compiles a source. Its error joins an *[Error] for each mistake; their paths
// are accept, key, event.id and event.type.
func CompileHook(src HookSource) (*Hook, error) {
	c := &compiler{program: Program{otherwise: Ignore, bytes: 1 << 10}}
	c.program.id = c.expression("event.id", eventEnv, src.Event.ID, isText)
	c.program.kind = c.expression("event.type", eventEnv, src.Event.Type, isText)
	accept := c.expression("accept", whenEnv, src.Accept, isCondition)
	if src.Key == "" {
		c.add("key", errors.New("is missing: say what an event is about, such as body.data.object.id"))
	}
	key := c.expression("key", whenEnv, src.Key, isKey)
	if len(c.mistakes) > 0 {
		return nil, errors.Join(c.mistakes...)
	}
	return &Hook{c.program, accept, key}, nil
}

// Memory returns how many bytes judging a body takes at most, beside the body.
func (h *Hook) Memory(body []byte) int { return h.program.Memory(body) }

// Judge says whether an event counts, and what it is about. A condition or a key that
// needs what is not there means that the event does not count, or is about nothing. Every
// other failure is an error: a *[FailedError]. With an error, the result holds only what
// is known of the event. post needs no vars.
func (h *Hook) Judge(post Post) (HookEvent, error) {
	ctx, cancel := context.WithTimeout(context.Background(), maxTime)
	defer cancel()
	var event HookEvent
	in, err := h.program.event(ctx, post, &event.Event)
	if err != nil {
		return event, failed(-1, err)
	}
	if event.Accepted, err = holds(ctx, "accept", h.accept, in); err == nil && event.Accepted {
		event.Key, err = textFrom(ctx, "key", h.key, in, asText)
	}
	if err != nil {
		return event, failed(-1, err)
	}
	return event, nil
}

// Key returns the [HookEvent.Key] of events about a text. A text of more than
// [MaxEventChars] characters has another one than itself.
func Key(text string) string { return shortened(text) }

// KeyOf returns the [HookEvent.Key] of events whose key is this JSON text or number. Numbers
// that are the same whole number have the same key: 42, 42.0 and 4.2e1. ok is false for all
// other JSON, and for numbers that a hook makes no key of: those that are no whole number,
// and those that are too large to be exact.
func KeyOf(value json.RawMessage) (key string, ok bool) {
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber()
	var decoded any
	if d.Decode(&decoded) != nil {
		return "", false
	}
	var of ref.Val
	switch decoded := decoded.(type) {
	case string:
		return shortened(decoded), true
	case json.Number:
		of = types.DefaultTypeAdapter.NativeToValue(number(decoded))
	}
	return asText(of)
}
