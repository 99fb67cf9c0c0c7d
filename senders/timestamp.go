package senders

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// parse reads a timestamp as it was sent. ok is false if it is not one.
func (t *Timestamp) parse(text string) (at time.Time, ok bool) {
	if t.Unit == unitRFC3339 {
		at, err := time.Parse(time.RFC3339, text)
		return at, err == nil && len(text) <= 64
	}
	// A sign, a space or a zero in front would be another text for the same time. Without
	// them, all times within the tolerance have one length, so it is certain where they end.
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || len(text) > 15 || strconv.FormatInt(number, 10) != text || number < 0 {
		return time.Time{}, false
	}
	if t.Unit == unitMillis {
		return time.UnixMilli(number), true
	}
	return time.Unix(number, 0), true
}

// isFresh tells whether a timestamp is within the tolerance of now. A time in whole
// seconds is compared with whole seconds, so that a tolerance of 300 takes 300 and not
// 301, whatever the fraction of now.
func (t *Timestamp) isFresh(at, now time.Time) bool {
	switch t.Unit {
	case unitSeconds:
		now = time.Unix(now.Unix(), 0)
	case unitMillis:
		now = time.UnixMilli(now.UnixMilli())
	}
	return now.Sub(at).Abs() <= t.tolerance()
}

// inBody returns the timestamp that a JSON Pointer finds in the body, as text; "" if
// there is none.
func (t *Timestamp) inBody(body []byte) string {
	value := json.RawMessage(body)
	for name := range strings.SplitSeq(strings.TrimPrefix(t.Body, "/"), "/") {
		var inner members
		if json.Unmarshal(value, &inner) != nil {
			return ""
		}
		value = inner[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]
	}
	return scalar(value)
}

// scalar returns the text of a JSON string, or a number as it is written; "" for
// anything else.
func scalar(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	var number json.Number
	_ = json.Unmarshal(value, &number) // "" if it is not a number
	return number.String()
}
