package pages

import (
	"html/template"
	"strings"
	"time"
)

// The ways to write a time. Each is the end of a catalogue's key, and the class of the
// time's element, by which the script knows how to write it again.
const (
	longTime  = "long"  // 26 November 2026, 16:30 UTC
	datedTime = "dated" // Thu 26 Nov 2026, 16:30 UTC
	shortTime = "short" // Thu 26 Nov, 16:30 UTC
)

// moment is a sentence with a time in it, and the same with only the time, in full. Full is
// shown on demand, and instead of Text when Text, such as "2 hours ago", has become untrue.
// It is empty if Text says the same.
type moment struct {
	Text, Full template.HTML
}

// Time returns a time element. Its text is in UTC and says so; the script replaces it by
// the reader's local time.
func (c *catalogue) Time(t time.Time, form string) (template.HTML, error) {
	t = t.UTC()
	months := "time.months"
	if form != longTime {
		months = "time.months.short"
	}
	month, err := c.nth(months, int(t.Month())-1)
	if err != nil {
		return "", err
	}
	weekday, err := c.nth("time.weekdays", int(t.Weekday()))
	if err != nil {
		return "", err
	}
	text, err := c.T("time."+form, "weekday", weekday, "day", t.Day(), "month", month, "year", t.Year(), "time", t.Format("15:04"))
	if err != nil {
		return "", err
	}
	return `<time class="` + template.HTML(form) + `" datetime="` + escaped(t.Format(time.RFC3339)) + `">` + text + "</time>", nil //nolint:gosec // form is ours
}

// nth returns one of the words of a text.
func (c *catalogue) nth(key string, index int) (string, error) {
	words, err := c.Plain(key)
	if err != nil {
		return "", err
	}
	return strings.Fields(words)[index], nil
}

// moment says a sentence about a time: key+".ago" with the placeholders {ago} and {time},
// or key without {ago} if the page does not know what time it is now.
func (v *view) moment(key string, t time.Time, form string, apart func(time.Duration) (template.HTML, error)) (m moment, err error) {
	full, err := v.Time(t, longTime)
	if err != nil {
		return m, err
	}
	if v.now.IsZero() {
		m.Text, err = v.T(key, "time", full)
		return m, err
	}
	ago, err := apart(v.now.Sub(t))
	if err != nil {
		return m, err
	}
	short, err := v.Time(t, v.form(t, form))
	if err != nil {
		return m, err
	}
	if m.Full, err = v.T(key, "time", full); err == nil {
		m.Text, err = v.T(key+".ago", "ago", ago, "time", short)
	}
	return m, err
}

// past says how long ago something was, such as "2 hours ago".
func (v *view) past(d time.Duration) (template.HTML, error) { return v.span("ago", d) }

// left says how much time there is left, such as "2 more hours".
func (v *view) left(d time.Duration) (template.HTML, error) { return v.span("left", -d) }

// span says a length of time in days if it is at least two of them, otherwise in hours,
// and so on. So it is off by less than half. It does not round up to the first minute, which
// would promise somebody with ten seconds left the time to read.
func (v *view) span(key string, d time.Duration) (template.HTML, error) {
	minutes, hours := int(d.Round(time.Minute).Minutes()), int(d.Round(time.Hour).Hours())
	switch {
	case hours >= 48:
		return v.Count(key+".days", hours/24)
	case minutes >= 120:
		return v.Count(key+".hours", minutes/60)
	case d >= time.Minute:
		return v.Count(key+".minutes", minutes)
	default:
		return v.T(key + ".moment")
	}
}

// deadline says when something was to be decided that is over.
func (v *view) deadline(t time.Time) (m moment, err error) {
	full, err := v.Time(t, longTime)
	if err != nil {
		return m, err
	}
	if m.Text, err = v.T("deadline", "time", full); err != nil || v.now.IsZero() {
		return m, err
	}
	short, err := v.Time(t, v.form(t, shortTime))
	if err != nil {
		return m, err
	}
	m.Full = m.Text
	m.Text, err = v.T("deadline", "time", short)
	return m, err
}

// form adds the year to a short time of another year than now.
func (v *view) form(t time.Time, form string) string {
	if form == shortTime && t.UTC().Year() != v.now.UTC().Year() {
		return datedTime
	}
	return form
}
