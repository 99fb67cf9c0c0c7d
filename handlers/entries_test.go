package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// wrongCode is six digits, and not the code.
func wrongCode(code string) string { return string('0'+(code[0]-'0'+1)%10) + code[1:] }

// Row 96: a correct code is accepted however it was copied. Only six other digits count as
// a wrong code; anything else does not count.
func TestCodesAsPasted(t *testing.T) {
	n := start(t)
	const links, approval = `{"dana":{"type":"approval","approver":"Dana"}}`, `{"title":"Deploy?","confirm":"code"}`
	paste := func(k task, text string) answer {
		return k.submit("dana", url.Values{"nonce": {nonceOf(k, "dana")}, "decision": {"approved"}, "confirm": {text}})
	}
	wide := func(code, zero string) (text string) {
		for _, digit := range code {
			text += string([]rune(zero)[0] + digit - '0')
		}
		return text
	}
	k := n.register("links", links, "approval", approval)
	for name, pasted := range map[string]func(code string) string{
		"as it is":           func(c string) string { return c },
		"in two parts":       func(c string) string { return c[:3] + " " + c[3:] },
		"with dashes":        func(c string) string { return c[:2] + "-" + c[2:4] + "\u2013" + c[4:] },
		"with no-break":      func(c string) string { return "\u00a0" + c[:3] + "\u202f" + c[3:] + "\u3000" },
		"of no width":        func(c string) string { return "\u200b" + c[:1] + "\u2060" + c[1:] + "\ufeff" },
		"with marks of text": func(c string) string { return "\u202a" + c + "\u202c\u200e" },
		"full width":         func(c string) string { return wide(c, "０") },
		"arabic":             func(c string) string { return wide(c, "٠") },
		"devanagari":         func(c string) string { return wide(c, "०") },
		"bold":               func(c string) string { return wide(c, "𝟎") },
		"with a full stop":   func(c string) string { return c + "." },
		"in quotes":          func(c string) string { return "“" + c + "”" },
		"over two lines":     func(c string) string { return c + "\r\n" },
	} {
		t.Run(name, func(t *testing.T) {
			k := n.on(t).register("links", links, "approval", approval)
			paste(k, pasted(k.Links["dana"].Code)).is(http.StatusOK)
		})
	}
	for _, nonsense := range []string{
		"", " ", "\u200b", "12345", "1234567", "12345a", "wrong!", "О12345", "code: 123456", "1e5", "+123456", "12.34", "½12345", strings.Repeat("1", 100),
	} {
		for range 2 {
			got := paste(k, nonsense)
			if got.is(http.StatusBadRequest); strings.Contains(string(got.body), "Tries left") {
				t.Errorf("%q counts as a guess", nonsense)
			}
		}
	}
	for left := 4; left > 0; left-- {
		got := paste(k, wrongCode(k.Links["dana"].Code))
		if got.is(http.StatusBadRequest); !strings.Contains(string(got.body), "Attempts left: "+string(rune('0'+left))) {
			t.Errorf("%d tries left, and the page says %s", left, got.body)
		}
	}
	paste(k, k.Links["dana"].Code).is(http.StatusOK)
	if taken := k.got(); len(taken) != 1 {
		t.Errorf("Step Functions got %q", taken)
	}
}

// Row 96: a form's inputs have types that browsers know, state their time zone, and give
// an example.
func TestFormatsOnPages(t *testing.T) {
	n := start(t)
	const fields = `{"type":"object","properties":{` +
		`"at":{"type":"string","format":"date-time"},"time":{"type":"string","format":"time"},"mail":{"type":"string","format":"email"},` +
		`"url":{"type":"string","format":"uri"},"id":{"type":"string","format":"uuid"},"n":{"type":"number"},"i":{"type":"integer"}}}`
	k := n.register("links", oneApprover, "approval", `{"title":"?","fields":`+fields+`}`)
	page, nonce := k.open("dana")
	for _, want := range []string{`type="datetime-local"`, `type="time"`, `type="email"`, `type="url"`} {
		if !strings.Contains(page, want) {
			t.Errorf("no input with %s", want)
		}
	}
	if got := strings.Count(page, "(in UTC, optional)"); got != 2 {
		t.Errorf("the time zone is said %d times", got)
	}
	form := url.Values{"nonce": {nonce}, "decision": {"approved"}}
	for field, wrong := range map[string][2]string{
		"at": {"tomorrow", "2030-01-31 14:30"}, "time": {"25:00", "14:30"}, "mail": {"dana", "name@example.com"}, "url": {"example.com", "https://example.com/page"},
		"id": {"7", "123e4567-e89b-12d3-a456-426614174000"}, "n": {"1,5", "12.5"}, "i": {"one", "12"},
	} {
		form["field."+field] = wrong[:1]
		got := k.submit("dana", form)
		if got.is(http.StatusBadRequest); !strings.Contains(string(got.body), "Example: "+wrong[1]) || !strings.Contains(string(got.body), `value="`+wrong[0]+`"`) {
			t.Errorf("%s: no example %q, or %q is gone: %s", field, wrong[1], wrong[0], got.body)
		}
		form.Del("field." + field)
	}
	for field, typed := range map[string]string{
		"at": "2030-01-31T14:30", "time": "9:30", "mail": " dana@example.com", "url": "https://example.com\u200b", "id": "123E4567-e89b-12d3-a456-426614174000", "n": "-.5", "i": "05",
	} {
		form.Set("field."+field, typed)
	}
	k.submit("dana", form).is(http.StatusOK)
	want := `"fields":{"at":"2030-01-31T14:30:00Z","time":"09:30:00Z","mail":"dana@example.com","url":"https://example.com",` +
		`"id":"123E4567-e89b-12d3-a456-426614174000","n":-0.5,"i":5}`
	if taken := k.got(); len(taken) != 1 || !strings.Contains(taken[0], want) {
		t.Errorf("Step Functions got %q, want %s", taken, want)
	}
}
