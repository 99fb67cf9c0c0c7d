package samples

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Event is a post of a sender, without what proves it.
type Event struct {
	Name     string
	Expected Expected
	Query    string // to add to the link's URL, without the question mark
	Header   []Field
	Body     string
}

// Field is one line of a header.
type Field struct{ Name, Value string }

// Expected is what becomes of an event.
type Expected struct {
	Text    string // all of it, as the sample says it
	Status  int    // of HTTP
	Verdict string // the relay's word for it, such as ignored; or handshake
	// Reply is the exact reply that the sender expects; nil for the relay's own JSON.
	Reply *string
	// Output, or Error and Cause, are what the task gets. An Output of "the body" is the
	// event's own. All are "" if the task still waits.
	Output, Error, Cause string
}

// Ends tells whether the event ends the task.
func (e Expected) Ends() bool { return e.Output != "" || e.Error != "" }

// parseEvent reads an event: a line that begins with "#" and says what becomes of it, then
// an HTTP request without its first line, unless it has a query:
//
//	# 200 ignored
//	POST ?validationToken=abc
//	X-Event: ping
//
//	{"a":1}
//
// The last line break is not part of the body, and the Content-Type is application/json
// if there is none. The body and the headers may have {{seconds}}, {{millis}} and
// {{rfc3339}} for the time at which they are sent, and the marks of package senders for
// what is signed.
func parseEvent(name, text string) (Event, error) {
	first, rest, _ := strings.Cut(text, "\n")
	expected, err := parseExpected(first)
	if err != nil {
		return Event{}, err
	}
	e := Event{Name: name, Expected: expected}
	head, body, found := strings.Cut("\n"+rest, "\n\n")
	if !found {
		return Event{}, errors.New("has no empty line before its body")
	}
	e.Body = strings.TrimSuffix(body, "\n")
	for line := range strings.Lines(strings.TrimPrefix(head, "\n")) {
		line = strings.TrimSpace(line)
		if query, is := strings.CutPrefix(line, "POST ?"); is {
			e.Query = query
			continue
		}
		name, value, isField := strings.Cut(line, ": ")
		if !isField {
			return Event{}, errors.New("has a line in its header that is not NAME: VALUE")
		}
		e.Header = append(e.Header, Field{name, value})
	}
	return e, nil
}

// parseExpected reads a line such as
//
//	# 200 delivered; the reply is OK; the task fails with Sms.Failed: 30003
func parseExpected(line string) (Expected, error) {
	text, is := strings.CutPrefix(line, "# ")
	e := Expected{Text: text}
	answer, task, ends := strings.Cut(text, "; the task ")
	answer, reply, exact := strings.Cut(answer, "; the reply is ")
	status, verdict, _ := strings.Cut(answer, " ")
	var err error
	if e.Status, err = strconv.Atoi(status); err != nil || !is || verdict == "" {
		return e, errors.New("does not begin with a line such as # 200 ignored")
	}
	e.Verdict = verdict
	if exact {
		if reply == "empty" {
			reply = ""
		}
		e.Reply = &reply
	}
	if !ends {
		return e, nil
	}
	if output, ok := strings.CutPrefix(task, "succeeds with "); ok {
		e.Output = output
		return e, nil
	}
	failure, ok := strings.CutPrefix(task, "fails with ")
	if !ok {
		return e, errors.New("says what the task does, but not that it succeeds or fails with something")
	}
	e.Error, e.Cause, _ = strings.Cut(failure, ": ")
	return e, nil
}

// At returns the header and the body of the event as they are at a time.
func (e Event) At(now time.Time) (header http.Header, body []byte) {
	times := strings.NewReplacer(
		"{{seconds}}", strconv.FormatInt(now.Unix(), 10),
		"{{millis}}", strconv.FormatInt(now.UnixMilli(), 10),
		"{{rfc3339}}", now.UTC().Format(time.RFC3339),
	)
	header = http.Header{"Content-Type": {"application/json"}}
	for _, f := range e.Header {
		header.Set(f.Name, times.Replace(f.Value))
	}
	text := times.Replace(e.Body)
	if strings.HasPrefix(header.Get("Content-Type"), "multipart/") {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	return header, []byte(text)
}
