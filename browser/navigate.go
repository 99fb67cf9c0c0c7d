package browser

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
)

// Open goes to a URL and returns the status when the page has loaded.
func (tab *Tab) Open(url string) (status int) {
	tab.t.Helper()
	return tab.lead("open "+url, func(ctx context.Context) error {
		went, err := cdp.Call(ctx, tab.session(), page.Navigate, page.NavigateParams{URL: url})
		if err == nil && went.ErrorText != "" {
			err = errors.New(went.ErrorText)
		}
		return err
	})
}

// Click clicks on the first element that the selector matches, waits until the next page
// has loaded, and returns its status. For a click that does not load a page, see
// [Tab.Poke].
func (tab *Tab) Click(selector string) (status int) {
	tab.t.Helper()
	return tab.lead("click "+selector, func(ctx context.Context) error { return tab.click(ctx, selector) })
}

// Enter presses the Enter key in the focused element, waits until the next page has
// loaded, and returns its status.
func (tab *Tab) Enter() (status int) {
	tab.t.Helper()
	return tab.lead("press Enter", func(ctx context.Context) error { return tab.press(ctx, "Enter") })
}

// Reload loads the page again. If the page is the answer to a form, it sends the form
// again, like a person who confirms the browser's question.
func (tab *Tab) Reload() (status int) {
	tab.t.Helper()
	return tab.lead("reload", func(ctx context.Context) error {
		_, err := cdp.Call(ctx, tab.session(), page.Reload, page.ReloadParams{})
		return err
	})
}

// Resubmit is [Tab.Reload] for a page that is the answer to a form. It fails the test if
// nothing was posted.
func (tab *Tab) Resubmit() (status int) {
	tab.t.Helper()
	before := len(tab.Requests())
	status = tab.Reload()
	if !slices.ContainsFunc(tab.Requests()[before:], func(r string) bool { return strings.HasPrefix(r, "POST ") }) {
		tab.t.Fatalf("the form was not sent again\n%s", tab.described())
	}
	return status
}

// Back goes to the previous page. If that page is the answer to a form, Chromium would
// have to send the form again; then the status is 0, and [Tab.Resubmit] sends it.
func (tab *Tab) Back() (status int) {
	tab.t.Helper()
	return tab.lead("back", func(ctx context.Context) error {
		history, err := cdp.Call(ctx, tab.session(), page.GetNavigationHistory, cdp.Empty{})
		if err != nil {
			return err
		}
		if history.CurrentIndex < 1 {
			return errors.New("there is no previous page")
		}
		before := history.Entries[history.CurrentIndex-1].ID
		_, err = cdp.Call(ctx, tab.session(), page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: before})
		return err
	})
}

// lead runs a step that loads another document, waits until it has loaded, and returns
// its status.
func (tab *Tab) lead(what string, step func(context.Context) error) (status int) {
	tab.t.Helper()
	s := tab.seen
	tab.do(what, func(ctx context.Context) error {
		s.mu.Lock()
		from, before := s.current, len(s.arrived)
		s.mu.Unlock()
		if err := step(ctx); err != nil {
			return err
		}
		return s.until(ctx, func() bool {
			there := s.current != from && slices.Contains(s.arrived[before:], s.current)
			status = s.status[s.current]
			return there
		})
	})
	return status
}

// settle is how long to wait for a second click to send something.
const settle = time.Second

// DoubleClick clicks twice before the answer to the first click is shown, and waits until
// the page of the last click has loaded. Both requests reach the server, one after the
// other. If the page ignores the second click, the first answer is shown a second later.
func (tab *Tab) DoubleClick(selector string) (status int) {
	tab.t.Helper()
	tab.do("hold answers back", func(ctx context.Context) error {
		return call(ctx, tab.session(), fetch.Enable, fetch.EnableParams{Patterns: []*fetch.RequestPattern{
			{ResourceType: network.ResourceTypeDocument, RequestStage: fetch.RequestStageResponse},
		}})()
	})
	status = tab.lead("double-click "+selector, func(ctx context.Context) error {
		at, err := tab.middle(ctx, selector)
		if err != nil {
			return err
		}
		if err := tab.clickAt(ctx, at); err != nil {
			return err
		}
		if err := tab.heldBack(ctx, 1); err != nil {
			return err
		}
		if err := tab.clickAt(ctx, at); err != nil {
			return err
		}
		short, cancel := context.WithTimeout(ctx, settle)
		defer cancel()
		if err := tab.heldBack(short, 2); err != nil && ctx.Err() != nil {
			return err
		}
		// Stop holding answers, and let the held ones through.
		return call(ctx, tab.session(), fetch.Disable, cdp.Empty{})()
	})
	tab.seen.mu.Lock()
	tab.seen.held = nil
	tab.seen.mu.Unlock()
	return status
}

// heldBack waits until n answers are held back.
func (tab *Tab) heldBack(ctx context.Context, n int) error {
	return tab.seen.until(ctx, func() bool { return len(tab.seen.held) >= n })
}
