package pages

import (
	"strings"
	"testing"

	"callback-relay/browser"
)

// TestTypedTimes holds that a time that is typed in UTC is shown in the reader's time zone
// at once, in the page's language, and that without scripts nothing but UTC is mentioned.
func TestTypedTimes(t *testing.T) {
	b := opener(t)
	at := site(t, pagesOf(t, Brand{}))
	tab := b.Tab(t, browser.Look{Timezone: "Asia/Tokyo"})
	tab.Open(at.URL + "/waiting-formats")
	seen := func(id string) string {
		var text string
		tab.Eval(`(o => o.checkVisibility() ? o.textContent : "")(document.querySelector("output[for='`+id+`']"))`, &text)
		return strings.ReplaceAll(text, "\u202f", " ") // as some browsers write it before AM
	}
	typed := func(id, value string) {
		tab.Eval(`(i => { i.value = "`+value+`"; i.dispatchEvent(new Event("input", {bubbles: true})) })(document.getElementById("`+id+`"))`, nil)
	}
	same(t, "at first", seen("field-1"), "In your time zone: Wed, Dec 2, 7:00 AM GMT+9")
	same(t, "nothing typed", seen("field-2"), "")
	typed("field-1", "2026-07-01T21:00")
	typed("field-2", "21:00")
	same(t, "a day and a time", seen("field-1"), "In your time zone: Thu, Jul 2, 6:00 AM GMT+9")
	same(t, "a time", seen("field-2"), "In your time zone: 6:00 AM GMT+9")
	typed("field-2", "")
	same(t, "taken out", seen("field-2"), "")
	same(t, "violations", len(tab.Violations()), 0)

	tab = b.Tab(t, browser.Look{Language: "de-DE"})
	tab.Open(at.URL + "/waiting-formats")
	same(t, "German", seen("field-1"), "In Ihrer Zeitzone: Di., 1. Dez., 23:00 MEZ")

	tab = b.Tab(t, browser.Look{NoScripts: true})
	tab.Open(at.URL + "/waiting-formats")
	same(t, "without scripts", seen("field-1"), "")
	for _, id := range []string{"field-1", "field-2"} {
		says(t, parse(t, tab.Text("label[for='"+id+"']")), "(in UTC, optional)")
	}
}

// TestComingBack holds that words such as "2 more days" are replaced by the time alone when
// the reader comes back later, and stay when only seconds have passed.
func TestComingBack(t *testing.T) {
	b := opener(t)
	at := site(t, pagesOf(t, Brand{}))
	tab := b.Tab(t, browser.Look{})
	for _, event := range []string{"visibilitychange", "pageshow", "focus"} {
		tab.Open(at.URL + "/waiting-quorum")
		before := tab.Text("main")
		tab.Eval(`dispatchEvent(new Event("`+event+`"))`, nil)
		same(t, event+", at once", tab.Text("main"), before)
		says(t, parse(t, before), "2 more days", "26 hours ago", "3 hours ago")
		tab.Eval(`Date.now = (now => () => now() + 61e3)(Date.now)`, nil)
		tab.Eval(`dispatchEvent(new Event("`+event+`"))`, nil)
		same(t, event+": the deadline", strings.HasPrefix(tab.Text(".until"), "Open until Thursday, November 26, 2026"), true)
		same(t, "relative times", tab.Has(".when"), false)
	}
}
