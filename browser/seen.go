package browser

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
)

// seen records the events of a tab. A document is identified by its loader, the id of
// the load that brought it.
type seen struct {
	mu       sync.Mutex
	changed  chan struct{} // closed at the next change
	requests []string
	problems []string
	asked    map[network.RequestID]string // method and URL
	whole    map[network.RequestID]bool   // requests for the page itself
	status   map[cdp.LoaderID]int
	current  cdp.LoaderID
	arrived  []cdp.LoaderID              // loaded, in order
	held     []*fetch.EventRequestPaused // answers that wait to be let through
	lapsed   int                         // how often Linger's minute has passed
}

func newSeen() *seen {
	return &seen{
		changed: make(chan struct{}),
		asked:   map[network.RequestID]string{},
		whole:   map[network.RequestID]bool{},
		status:  map[cdp.LoaderID]int{},
	}
}

// until waits until a condition holds.
func (s *seen) until(ctx context.Context, holds func() bool) error {
	for {
		s.mu.Lock()
		done, changed := holds(), s.changed
		s.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// note records an event. Events arrive one after the other.
func (s *seen) note(event any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e := event.(type) {
	case *page.EventFrameNavigated:
		s.navigated(e)
	case *page.EventLifecycleEvent:
		if e.Name == "load" && e.LoaderID == s.current {
			s.arrived = append(s.arrived, e.LoaderID)
		}
	case *network.EventRequestWillBeSent:
		s.request(e)
	case *network.EventResponseReceived:
		if s.whole[e.RequestID] {
			s.status[e.LoaderID] = int(e.Response.Status)
		}
	case *network.EventLoadingFailed:
		// A document that another click has replaced is not a problem.
		if asked := s.asked[e.RequestID]; asked != "" && !e.Canceled {
			s.problem("request failed: %s: %s %s", asked, e.ErrorText, e.BlockedReason)
		}
	case *log.EventEntryAdded:
		s.entry(e.Entry)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
			s.problem("console: %s", words(e.Args))
		}
	case *runtime.EventExceptionThrown:
		s.problem("exception: %s", thrown(e.ExceptionDetails))
	case *emulation.EventVirtualTimeBudgetExpired:
		s.lapsed++
	case *fetch.EventRequestPaused:
		s.held = append(s.held, e)
	default:
		return
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *seen) navigated(e *page.EventFrameNavigated) {
	if e.Frame.ParentID != "" {
		return
	}
	s.current = e.Frame.LoaderID
	if e.Type == page.NavigationTypeBackForwardCacheRestore {
		s.arrived = append(s.arrived, s.current) // it is loaded already
	}
}

func (s *seen) request(e *network.EventRequestWillBeSent) {
	if !strings.HasPrefix(e.Request.URL, "http") || defaultIcon(e) {
		return
	}
	asked := e.Request.Method + " " + e.Request.URL
	s.requests = append(s.requests, asked)
	s.asked[e.RequestID] = asked
	// The request for a document has the id of the load that it begins.
	s.whole[e.RequestID] = string(e.RequestID) == string(e.LoaderID)
}

// defaultIcon tells whether a request is Chromium's own, for the icon of a site whose
// page names none. It can happen at any time, or never.
func defaultIcon(e *network.EventRequestWillBeSent) bool {
	at, err := url.Parse(e.Request.URL)
	from, fromErr := url.Parse(e.DocumentURL)
	return err == nil && fromErr == nil && e.Type == network.ResourceTypeOther &&
		at.Host == from.Host && at.Path == "/favicon.ico"
}

func (s *seen) entry(e *log.Entry) {
	switch {
	case e.Source == log.EntrySourceNetwork && s.asked[e.NetworkRequestID] == "":
		// Not from the page: Chromium looks for an icon.
	case e.Source == log.EntrySourceNetwork && s.whole[e.NetworkRequestID]:
		// The test judges the status of the page itself.
	case e.Source == log.EntrySourceNetwork && strings.Contains(e.Text, "net::"):
		// A failed request, which has its own event.
	case e.Level == log.EntryLevelError || e.Source == log.EntrySourceSecurity:
		s.problem("%s: %s %s", e.Source, e.Text, e.URL)
	}
}

func (s *seen) problem(format string, args ...any) {
	s.problems = append(s.problems, strings.TrimSpace(fmt.Sprintf(format, args...)))
}

func (s *seen) allProblems() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.problems)
}

func (s *seen) allRequests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// words returns the arguments of a console message as text.
func words(args []*runtime.RemoteObject) string {
	var all []string
	for _, arg := range args {
		if text := string(arg.Value); text != "" {
			all = append(all, strings.Trim(text, `"`))
		} else {
			all = append(all, arg.Description)
		}
	}
	return strings.Join(all, " ")
}

// thrown returns the text of an exception.
func thrown(e *runtime.ExceptionDetails) string {
	if e.Exception != nil && e.Exception.Description != "" {
		return e.Text + " " + e.Exception.Description
	}
	if e.Exception != nil {
		return e.Text + " " + string(e.Exception.Value)
	}
	return e.Text
}
