package rules_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"callback-relay/bodies"
	"callback-relay/rules"
)

const mebibyte = 1 << 20

// wide is an object with many names, each with the same value.
func wide(names int, value string) string {
	var b strings.Builder
	for i := range names {
		fmt.Fprintf(&b, `"%d":%s,`, i, value)
	}
	return `{"list":[],"wide":{` + strings.TrimSuffix(b.String(), ",") + `}}`
}

// large are bodies of about the given size that take much memory or time for their length.
func large(size int) map[string]string {
	fill := func(part string) string { return strings.TrimSuffix(strings.Repeat(part, size/len(part)), ",") }
	return map[string]string{
		"wide":     wide(size/len(`"12345":1,`), "1"),
		"numbers":  `{"list":[` + fill("1,") + `]}`,
		"lists":    `{"list":[` + fill("[],") + `]}`,
		"objects":  `{"list":[` + fill("{},") + `]}`,
		"members":  `{"list":[` + fill(`{"a":1},`) + `]}`,
		"texts":    `{"list":[` + fill(`"",`) + `]}`,
		"deep":     `{"list":[` + strings.TrimSuffix(strings.Repeat(strings.Repeat("[", 510)+strings.Repeat("]", 510)+",", 17), ",") + `],"n":1}`,
		"deeper":   `{"list":[` + strings.TrimSuffix(strings.Repeat(strings.Repeat(`[{"a":`, 255)+"1"+strings.Repeat("}]", 255)+",", 19), ",") + `]}`,
		"one text": `{"list":["` + fill("a") + `"],"text":"` + fill("a") + `"}`,
		"loop":     `{"list":[` + strings.Repeat("1,", 2000) + `1],"text":"` + strings.Repeat("a", size*3/4) + `"}`,
		"doubles":  `{"list":[` + fill("1.5,") + `]}`,
		"equal":    `{"list":[` + fill(`["a","b","c","d","e"],`) + `],"other":[` + fill(`["a","b","c","d","e"],`) + `]}`,
	}
}

// Judging takes a bounded amount of memory and of CEL's steps, whatever the body is.
func TestJudgingIsBounded(t *testing.T) {
	for name, body := range large(mebibyte / 4) {
		if err := bodies.CheckJSON([]byte(body)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, expression := range []string{
			"body.list.exists(i, i == 'x')", "body.list.all(i, body.list.all(j, i == j))", "body.list == body.list", "body.list == body.other", "body.list in [body.list]",
			"body.list.map(i, body.text + body.text).size() == 0", "body.list.map(i, body.list).size() == 0", "body.list.map(i, string(i) + body.text).size() == 0",
			"(body.list + body.list).size() == 1", "body.list.exists(i, i in body.list)", "body.text.matches('(a|b){60}c')", "body.text.contains(body.text + 'a')",
			"body.list.exists(i, body.list == body.list && false)", "bytes(body.text).size() == 0",
			"body.list.exists(i, size(body.text + string(i)) == 0)", "{'a': body, 'b': body} == {'a': body, 'b': body}", "[body, body, body] == [body, body, body]",
		} {
			if strings.Contains(expression, "body.other") && !strings.Contains(body, `"other"`) {
				continue // see TestLoopsEndInTime
			}
			src := when(expression)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := judge(t, src, body)
			runtime.ReadMemStats(&after)
			if took := (after.TotalAlloc - before.TotalAlloc) / mebibyte; took > 48 {
				t.Errorf("%s of %s took %d MiB", expression, name, took)
			}
			if failed := (*rules.FailedError)(nil); err != nil && !errors.As(err, &failed) {
				t.Errorf("%s of %s: %v", expression, name, err)
			}
		}
	}
}

// A loop ends when the time is over, even if its steps are cheap by CEL's count: it does not count
// what a comparison reads if the other side is not there.
func TestLoopsEndInTime(t *testing.T) {
	body := []byte(`{"list":[` + strings.Repeat("1.5,", 1000) + `1]}`)
	err := rules.EvalTooLate("body.list.exists(i, i == 7)", body)
	if err == nil || err.Error() != "the expressions take more than 1s" {
		t.Error(err)
	}
}

// A decoded body takes no more memory than was estimated, and what is too large is refused.
func TestEstimate(t *testing.T) {
	texts := large(mebibyte / 8)
	for _, names := range []int{900, 1000, 1800, 3600, 7000, 7200, 15_000, 29_000} { // tables grow in steps
		for _, value := range []string{"1", "[]", "{}", `""`, "1.5", "null"} {
			texts[fmt.Sprintf("%d names with %s", names, value)] = wide(names, value)
		}
	}
	for name, body := range texts {
		text := []byte(body)
		if rules.Estimate(text) > 16*mebibyte {
			t.Errorf("%s is estimated at %d bytes", name, rules.Estimate(text))
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		value, err := rules.Decode(text)
		runtime.GC()
		runtime.GC() // the first one keeps what encoding/json pools
		runtime.ReadMemStats(&after)
		const others = 8 << 10 // what the runtime and the test itself may allocate meanwhile
		if took := int(after.HeapAlloc) - int(before.HeapAlloc); err != nil || took > rules.Estimate(text)+others {
			t.Errorf("%s takes %d bytes, and was estimated at %d (%v)", name, took, rules.Estimate(text), err)
		}
		runtime.KeepAlive(value)
	}
}
