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

// Text returns the text that is shown of what the selector finds first.
func (tab *Tab) Text(selector string) string {
	tab.t.Helper()
	var text string
	tab.read(selector, `return el.innerText`, nil, &text)
	return text
}

// Has tells whether the selector finds something.
func (tab *Tab) Has(selector string) bool {
	tab.t.Helper()
	quoted, _ := json.Marshal(selector) // a string is always JSON
	var has bool
	tab.Eval(fmt.Sprintf(`document.querySelector(%s) !== null`, quoted), &has)
	return has
}

// Value returns what is in a field.
func (tab *Tab) Value(selector string) string {
	tab.t.Helper()
	var value string
	tab.read(selector, `return el.value`, nil, &value)
	return value
}

// Attr returns an attribute, "" when there is none.
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

// Focused names what has the focus, as tag#id, or by its name where it has no
// id, as tag[name]; "body" when nothing has.
func (tab *Tab) Focused() string {
	tab.t.Helper()
	var focused string
	tab.Eval(`(el => el.localName + (el.id ? "#" + el.id : el.name ? "[" + el.name + "]" : ""))(document.activeElement ?? document.body)`, &focused)
	return focused
}

// Eval evaluates an expression in the page, waits when it is a promise, and puts
// the value into a pointer, or nowhere when that is nil. It works also where the
// page runs no scripts.
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
		return fmt.Errorf("it is %s", got.Result.Type)
	}
	return json.Unmarshal(got.Result.Value, into)
}

// Screenshot returns a PNG of the whole page, also of what one has to scroll to.
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

// Width returns the widths of the page and of the screen, in CSS pixels. A page
// that is wider has to be scrolled sideways. The screen's is not asked of the
// page: a phone's innerWidth grows with what is too wide for it.
func (tab *Tab) Width() (content, viewport int) {
	tab.t.Helper()
	tab.Eval(`document.documentElement.scrollWidth`, &content)
	return content, tab.screen.width
}

// Requests returns every request of the tab's pages so far, in order, as "GET
// http://…": also those that failed, were refused by the page's policy or came
// of a redirect. Those for data: are left out, and for /favicon.ico, which
// Chromium asks for by itself.
func (tab *Tab) Requests() []string { return tab.seen.allRequests() }

// Cookies returns how many cookies the tab holds, for whatever site.
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

// Problems returns what the browser complained about so far: errors on the
// console, violations of the page's policy, exceptions, failed requests. The
// status of a page itself is none; that of anything it loads is.
func (tab *Tab) Problems() []string {
	tab.t.Helper()
	// What the page said before this answer has been noted by then.
	tab.Eval("0", nil)
	return tab.seen.allProblems()
}
