package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
)

// Text returns the visible text of the first element that the selector matches.
func (tab *Tab) Text(selector string) string {
	tab.t.Helper()
	var text string
	tab.read(selector, `return el.innerText`, nil, &text)
	return text
}

// Has tells whether the selector matches anything.
func (tab *Tab) Has(selector string) bool {
	tab.t.Helper()
	quoted, _ := json.Marshal(selector) // a string is always JSON
	var has bool
	tab.Eval(fmt.Sprintf(`document.querySelector(%s) !== null`, quoted), &has)
	return has
}

// Value returns the contents of a field.
func (tab *Tab) Value(selector string) string {
	tab.t.Helper()
	var value string
	tab.read(selector, `return el.value`, nil, &value)
	return value
}

// Attr returns an attribute, "" if there is none.
func (tab *Tab) Attr(selector, name string) string {
	tab.t.Helper()
	var value string
	tab.read(selector, `return el.getAttribute(given) ?? ""`, name, &value)
	return value
}

func (tab *Tab) read(selector, body string, given, into any) {
	tab.t.Helper()
	tab.do("read "+selector, func(ctx context.Context) error { return tab.on(ctx, selector, body, given, into) })
}

// Focused returns the element that has the focus, as tag#id, or as tag[name] if it has no
// id; "body" if no element has the focus.
func (tab *Tab) Focused() string {
	tab.t.Helper()
	var focused string
	tab.Eval(`(el => el.localName + (el.id ? "#" + el.id : el.name ? "[" + el.name + "]" : ""))(document.activeElement ?? document.body)`, &focused)
	return focused
}

// Eval evaluates an expression in the page, waits for it if it is a promise, and stores
// the value in into, unless that is nil. It works even if the page runs no scripts.
func (tab *Tab) Eval(expression string, into any) {
	tab.t.Helper()
	tab.do("evaluate "+expression, func(ctx context.Context) error {
		return evaluate(ctx, tab.session(), expression, into)
	})
}

func evaluate(ctx context.Context, s cdp.Session, expression string, into any) error {
	yes, no := true, false
	got, err := cdp.Call(ctx, s, runtime.Evaluate, runtime.EvaluateParams{
		Expression: expression, ReturnByValue: &yes, AwaitPromise: &yes, AllowUnsafeEvalBlockedByCSP: &no,
	})
	if err != nil {
		return err
	}
	if got.ExceptionDetails != nil {
		return errors.New(thrown(got.ExceptionDetails))
	}
	if into == nil {
		return nil
	}
	if len(got.Result.Value) == 0 {
		return fmt.Errorf("the result is %s", got.Result.Type)
	}
	return json.Unmarshal(got.Result.Value, into)
}

// Screenshot returns a PNG of the whole page, including parts outside the window.
func (tab *Tab) Screenshot() []byte {
	tab.t.Helper()
	var png []byte
	tab.do("take a screenshot", func(ctx context.Context) error {
		yes := true
		shot, err := cdp.Call(ctx, tab.session(), page.CaptureScreenshot, page.CaptureScreenshotParams{
			Format: page.CaptureScreenshotFormatPng, CaptureBeyondViewport: &yes,
		})
		png = shot.Data
		return err
	})
	return png
}

// Width returns the widths of the page and of the screen, in CSS pixels. A page that is
// wider than the screen has to be scrolled sideways. The width of the screen does not
// come from the page, since a phone's innerWidth grows with contents that are too wide.
func (tab *Tab) Width() (content, viewport int) {
	tab.t.Helper()
	tab.Eval(`document.documentElement.scrollWidth`, &content)
	return content, tab.screen.width
}

// Requests returns every request of the tab's pages so far, in order, as "GET http://…".
// It includes requests that failed, that the page's policy refused, and that followed a
// redirect. It leaves out data: URLs and /favicon.ico, which Chromium requests by
// itself.
func (tab *Tab) Requests() []string { return tab.seen.allRequests() }

// Cookies returns how many cookies the tab has, for all sites.
func (tab *Tab) Cookies() int {
	tab.t.Helper()
	var n int
	tab.do("count cookies", func(ctx context.Context) error {
		c := chromedp.FromContext(tab.ctx)
		got, err := cdp.Call(ctx, c.Browser, storage.GetCookies, storage.GetCookiesParams{BrowserContextID: c.BrowserContextID})
		n = len(got.Cookies)
		return err
	})
	return n
}

// Problems returns what the browser has reported so far: errors on the console,
// violations of the page's policy, exceptions and failed requests. An error status
// counts for anything that the page loads, but not for the page itself.
func (tab *Tab) Problems() []string {
	tab.t.Helper()
	// Once this has returned, all earlier events of the page have been recorded.
	tab.Eval("0", nil)
	return tab.seen.allProblems()
}
