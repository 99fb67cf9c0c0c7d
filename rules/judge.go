package rules

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math"
	"strconv"
	"unicode/utf8"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"callback-relay/bodies"
	"callback-relay/schemas"
)

// Judge says what becomes of a post: what the first outcome that matches says, and
// otherwise what the source says.
//
// An outcome matches if its When holds and the body matches its Schema. It does not match if
// its When needs what is not there: a member of an object that does not have it, or of
// anything that is no object, or an index beyond the end of a list. This also holds
// within a negation: !(body.a == 1) does not match a body without a. Every other failure
// is an error: a *[FailedError].
//
// With an error, the result holds only what is known of the event.
func (p *Program) Judge(post Post) (Result, error) {
	ctx, cancel := context.WithTimeout(context.Background(), maxTime)
	defer cancel()
	result := Result{Rule: -1}
	in, err := p.event(ctx, post, &result.Event)
	if result.ID != "" && post.Answered != nil && post.Answered(result.ID) {
		return Result{Event: Event{ID: result.ID}, Rule: -1, Answered: true}, nil
	}
	if err != nil {
		return result, failed(-1, err)
	}
	body := exactBody{text: post.JSON}
	for i, o := range p.outcomes {
		matched, err := holds(ctx, "when", o.when, in)
		if matched && err == nil {
			matched, err = o.fits(&body)
		}
		if err != nil {
			return result, failed(i, err)
		}
		if matched {
			outcome, err := o.apply(post.JSON)
			if err != nil {
				return result, failed(i, err)
			}
			outcome.Event, outcome.Rule = result.Event, i
			return outcome, nil
		}
	}
	result.Do = p.otherwise
	if p.otherwise == Succeed {
		result.Output = post.JSON
	}
	return result, nil
}

// event finds out what a post tells about itself, and returns the variables of
// expressions; nil if there are none.
func (p *Program) event(ctx context.Context, post Post, event *Event) (in map[string]any, err error) {
	if in, err = p.input(post); err != nil {
		return nil, err
	}
	if event.ID, err = eventText(ctx, "event.id", p.id, in); err != nil {
		return nil, err
	}
	if event.Type, err = eventText(ctx, "event.type", p.kind, in); err != nil {
		return nil, err
	}
	if p.decodes {
		in["event.id"], in["event.type"] = event.ID, event.Type
	}
	return in, nil
}

// input returns the variables of expressions; nil if there are no expressions.
func (p *Program) input(post Post) (map[string]any, error) {
	if p.decodes {
		return input(post) // which finds out whether the body is JSON
	}
	if bodies.CheckJSON(post.JSON) != nil { // what cuts values out relies on it
		return nil, errNotJSON
	}
	return nil, nil
}

func failed(rule int, err error) error {
	if known := (*failure)(nil); errors.As(err, &known) {
		return &FailedError{rule, known.reason, err.Error()}
	}
	return &FailedError{rule, ReasonExpression, "cannot be judged"}
}

// MaxEventChars is the most characters of an event's id or type. A longer text is
// replaced by "sha256:" and its digest in hexadecimal, so that two long ids that differ
// stay different.
const MaxEventChars = 256

// eventText returns the id or the type of an event; "" if the event has none.
func eventText(ctx context.Context, path string, e *expression, in map[string]any) (string, error) {
	return textFrom(ctx, path, e, in, func(value ref.Val) (string, bool) {
		if truth, isBool := value.(types.Bool); isBool {
			return strconv.FormatBool(bool(truth)), true
		}
		return asText(value)
	})
}

// textFrom returns the text that as makes of an expression's value; "" if there is no
// expression, or no value.
func textFrom(ctx context.Context, path string, e *expression, in map[string]any, as func(ref.Val) (string, bool)) (string, error) {
	if e == nil {
		return "", nil
	}
	value, err := e.eval(ctx, in)
	if errors.Is(err, errMissing) {
		return "", nil
	}
	if known := (*failure)(nil); errors.As(err, &known) {
		return "", &failure{known.reason, path + ": " + known.detail}
	}
	if err != nil {
		return "", err
	}
	for {
		optional, isOptional := value.(*types.Optional)
		if !isOptional {
			break
		}
		if !optional.HasValue() {
			return "", nil
		}
		value = optional.GetValue()
	}
	text, ok := as(value)
	if !ok {
		return "", &failure{ReasonExpression, path + ": the value is not a text, nor a whole number of at most 64 bits"}
	}
	return shortened(text), nil
}

// shortened replaces a text that is too long by its digest: see [MaxEventChars].
func shortened(text string) string {
	if utf8.RuneCountInString(text) <= MaxEventChars {
		return text
	}
	digest := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(digest[:])
}

// maxWholeDouble is up to where every whole number has a double of its own.
const maxWholeDouble = 1<<53 - 1

// asText returns the text of a value; "" for null. A double is one if it is a whole number,
// such as 42.0 or 1e3, and no other whole number is the same double.
func asText(value ref.Val) (text string, ok bool) {
	switch value := value.(type) {
	case types.String:
		return string(value), true
	case types.Int:
		return strconv.FormatInt(int64(value), 10), true
	case types.Uint:
		return strconv.FormatUint(uint64(value), 10), true
	case types.Double:
		f := float64(value)
		return strconv.FormatInt(int64(f), 10), f == math.Trunc(f) && math.Abs(f) <= maxWholeDouble
	case types.Null:
		return "", true
	}
	return "", false
}

// holds reports whether a condition is true of an event; it is if there is none.
func holds(ctx context.Context, path string, condition *expression, in map[string]any) (bool, error) {
	if condition == nil {
		return true, nil
	}
	value, err := condition.eval(ctx, in)
	if errors.Is(err, errMissing) {
		return false, nil
	}
	if known := (*failure)(nil); errors.As(err, &known) {
		return false, &failure{known.reason, path + ": " + known.detail}
	}
	if err != nil {
		return false, err
	}
	result, isBool := value.(types.Bool)
	if !isBool {
		return false, &failure{ReasonExpression, path + ": the result is neither true nor false"}
	}
	return bool(result), nil
}

// fits reports whether a body matches the schema of an outcome.
func (o outcome) fits(body *exactBody) (bool, error) {
	if o.schema == nil {
		return true, nil
	}
	value, err := body.decode()
	if err != nil {
		return false, err
	}
	fits, err := o.schema.Matches(value)
	if err != nil {
		return false, &failure{ReasonCost, "schema: the body " + err.Error()}
	}
	return fits, nil
}

// exactBody is a body for schemas, which compare numbers of any length exactly. It is decoded
// when a schema first needs it.
type exactBody struct {
	text    []byte
	decoded bool
	value   any
	err     error
}

func (b *exactBody) decode() (any, error) {
	if !b.decoded {
		b.decoded = true
		if estimate(b.text) > maxDecodedBytes {
			b.err = &failure{ReasonCost, "schema: the body has too many values to be judged"}
		} else if value, err := schemas.Decode(b.text); err != nil {
			b.err = &failure{ReasonSchema, "schema: the body " + err.Error()}
		} else {
			b.value = value
		}
	}
	return b.value, b.err
}

// apply makes what an outcome says of a body.
func (o outcome) apply(body []byte) (Result, error) {
	result := Result{Do: o.do}
	var found bool
	switch o.do {
	case Succeed:
		if o.output == nil {
			result.Output = body
			return result, nil
		}
		cut, err := o.output.cut(body)
		if err != nil {
			return Result{}, err
		}
		result.Output = cut
	case Fail:
		if result.Error, found = o.err.cut(body, maxErrorChars); !found {
			return Result{}, &failure{ReasonPointer, "error: the body has nothing at " + strconv.Quote(o.err.fixed)}
		}
		result.Cause, _ = o.cause.cut(body, maxCauseChars) // a failure without a cause is better than none
	}
	return result, nil
}
