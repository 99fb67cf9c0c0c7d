package browser

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// Look configures the device and the user of a tab. The zero Look is a desktop in Berlin
// with a light scheme, American English and scripts.
type Look struct {
	Phone     bool   // 360 x 800 with touch, two dots to the pixel
	Dark      bool   // prefers the dark scheme
	Print     bool   // as the page is printed
	NoScripts bool   // the page runs no scripts; the kit's own still run
	Language  string // such as "de-DE"; "en-US" by default
	Timezone  string // such as "America/New_York"; "Europe/Berlin" by default
}

type screen struct{ width, height int }

var (
	desktop = screen{1280, 800}
	phone   = screen{360, 800}
)

// Tab is one page in its own window.
type Tab struct {
	t       testing.TB
	ctx     context.Context
	browser *Browser
	look    Look
	screen  screen
	seen    *seen
}

// Tab opens a tab with its own cookies, cache and history. It is closed when the test
// ends.
func (b *Browser) Tab(t testing.TB, look Look) *Tab {
	t.Helper()
	tab := &Tab{t: t, browser: b, seen: newSeen()}
	ctx, closeTab := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(tab.seen.note))
	t.Cleanup(closeTab)
	tab.ctx = ctx
	// Do not use a context with a time limit: the context of the first step becomes that
	// of the tab.
	late := time.AfterFunc(patience, closeTab)
	err := chromedp.Do(ctx)
	if !late.Stop() || err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	tab.Dress(look)
	return tab
}

// Dress changes the look of the tab from now on. The current page stays, and gets the new
// screen and scheme at once.
func (tab *Tab) Dress(look Look) {
	tab.t.Helper()
	tab.look, tab.screen = look, desktop
	if look.Phone {
		tab.screen = phone
	}
	tab.do("dress the tab", tab.dress)
}

// Header makes every request of the tab from now on carry a header, as if a proxy in front of
// the server had added it.
func (tab *Tab) Header(name, value string) {
	tab.t.Helper()
	tab.do("send "+name, func(ctx context.Context) error {
		return call(ctx, tab.session(), network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{
			Headers: network.Headers{name: value},
		})()
	})
}

// dress sets the look of the tab, for the current page and later ones.
func (tab *Tab) dress(ctx context.Context) error {
	language, zone, scheme := tab.look.Language, tab.look.Timezone, "light"
	if language == "" {
		language = "en-US"
	}
	if zone == "" {
		zone = "Europe/Berlin"
	}
	if tab.look.Dark {
		scheme = "dark"
	}
	languages := language
	if general, _, ok := strings.Cut(language, "-"); ok {
		languages += "," + general // as Chromium does by itself
	}
	media := ""
	if tab.look.Print {
		media = "print"
	}
	dpr := 1.0
	if tab.look.Phone {
		dpr = 2
	}
	s := tab.session()
	return first(
		call(ctx, s, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: int64(tab.screen.width), Height: int64(tab.screen.height), DeviceScaleFactor: dpr, Mobile: tab.look.Phone,
			ScreenWidth: int64(tab.screen.width), ScreenHeight: int64(tab.screen.height),
		}),
		call(ctx, s, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: tab.look.Phone}),
		call(ctx, s, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Media: media, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		}),
		call(ctx, s, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{
			UserAgent: tab.browser.userAgent, AcceptLanguage: languages,
		}),
		call(ctx, s, emulation.SetLocaleOverride, emulation.SetLocaleOverrideParams{Locale: strings.ReplaceAll(language, "-", "_")}),
		call(ctx, s, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: zone}),
		func() error { return tab.noScripts(ctx, tab.look.NoScripts) },
	)
}

func (tab *Tab) noScripts(ctx context.Context, yes bool) error {
	return call(ctx, tab.session(), emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: yes})()
}

// call prepares a command whose result is not needed.
func call[P, R any](ctx context.Context, s cdp.Session, command cdp.Command[P, R], params P) func() error {
	return func() error {
		_, err := cdp.Call(ctx, s, command, params)
		return err
	}
}

// first runs steps until one fails.
func first(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (tab *Tab) session() *chromedp.Target { return chromedp.FromContext(tab.ctx).Target }

// do runs a step. If the step fails, the test fails and shows the page's text.
func (tab *Tab) do(what string, step func(context.Context) error) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	if err := step(ctx); err != nil {
		tab.t.Fatalf("%s: %v\n%s", what, err, tab.described())
	}
}

// described says which page the tab shows, for the message of a failure.
func (tab *Tab) described() string {
	ctx, cancel := context.WithTimeout(tab.ctx, patience/10)
	defer cancel()
	var text string
	const most = 2000
	if err := evaluate(ctx, tab.session(), `location.href + "\n" + (document.body?.innerText ?? "")`, &text); err != nil {
		text = err.Error()
	}
	if len(text) > most {
		text = text[:most] + " …"
	}
	return "the page is " + text + "\nproblems: " + strings.Join(tab.seen.allProblems(), "\n")
}
