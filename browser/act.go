package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Fill replaces the contents of a field. Write a date as 2026-11-24.
func (tab *Tab) Fill(selector, text string) {
	tab.t.Helper()
	tab.do("fill in "+selector, func(ctx context.Context) error {
		var whole bool
		// Chromium splits a date into several fields, and there is no text to type in a
		// colour or a range.
		err := tab.on(ctx, selector, `el.focus();
			if (/^(date|time|datetime-local|month|week|color|range)$/.test(el.type)) {
				el.value = given;
				el.dispatchEvent(new Event("input", {bubbles: true}));
				el.dispatchEvent(new Event("change", {bubbles: true}));
				return true;
			}
			if (given === "") el.value = ""; else el.select();
			return given === "";`, text, &whole)
		if err == nil && !whole {
			_, err = cdp.Call(ctx, tab.session(), input.InsertText, input.InsertTextParams{Text: text})
		}
		if err != nil {
			return err
		}
		var now string
		if err := tab.on(ctx, selector, `return el.value`, nil, &now); err != nil {
			return err
		}
		if flat(now) != flat(text) {
			return fmt.Errorf("the field contains %q, want %q", now, text)
		}
		return nil
	})
}

// flat makes line ends equal.
func flat(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }

// Choose picks the option with a value.
func (tab *Tab) Choose(selector, value string) {
	tab.t.Helper()
	tab.do("choose in "+selector, func(ctx context.Context) error {
		var now string
		err := tab.on(ctx, selector, `el.focus();
			el.value = given;
			el.dispatchEvent(new Event("input", {bubbles: true}));
			el.dispatchEvent(new Event("change", {bubbles: true}));
			return el.value`, value, &now)
		if err == nil && now != value {
			err = fmt.Errorf("there is no option %q", value)
		}
		return err
	})
}

// Tick clicks on a checkbox or a radio button that is not ticked yet.
func (tab *Tab) Tick(selector string) {
	tab.t.Helper()
	tab.do("tick "+selector, func(ctx context.Context) error {
		var ticked bool
		const look = `return el.checked === true`
		if err := tab.on(ctx, selector, look, nil, &ticked); err != nil || ticked {
			return err
		}
		if err := tab.click(ctx, selector); err != nil {
			return err
		}
		err := tab.on(ctx, selector, look, nil, &ticked)
		if err == nil && !ticked {
			err = errors.New("a click does not tick it")
		}
		return err
	})
}

// Poke clicks without waiting, for a click that stays on the page: for example on a
// button that the browser blocks until a field is filled in.
func (tab *Tab) Poke(selector string) {
	tab.t.Helper()
	tab.do("click "+selector, func(ctx context.Context) error { return tab.click(ctx, selector) })
}

// linger is how much time [Tab.Linger] lets pass.
const linger = time.Minute

// Linger lets a minute pass for the page, without taking a minute of real time. So the
// page has done or begun anything that it does by itself. Afterwards the tab's clock
// runs as fast as it can.
func (tab *Tab) Linger() {
	tab.t.Helper()
	s := tab.seen
	tab.do("linger", func(ctx context.Context) error {
		s.mu.Lock()
		before := s.lapsed
		s.mu.Unlock()
		pass := func(params emulation.SetVirtualTimePolicyParams) error {
			return call(ctx, tab.session(), emulation.SetVirtualTimePolicy, params)()
		}
		err := pass(emulation.SetVirtualTimePolicyParams{
			Policy: emulation.VirtualTimePolicyPauseIfNetworkFetchesPending, Budget: new(float64(linger.Milliseconds())),
		})
		if err != nil {
			return err
		}
		if err := s.until(ctx, func() bool { return s.lapsed > before }); err != nil {
			return err
		}
		// Otherwise the clock would stand still.
		return pass(emulation.SetVirtualTimePolicyParams{Policy: emulation.VirtualTimePolicyAdvance})
	})
}

// Press presses a key in the focused element: Enter, Tab, Shift+Tab, Space, Escape, an
// arrow such as ArrowDown, or a character. It does not wait; see [Tab.Enter].
func (tab *Tab) Press(key string) {
	tab.t.Helper()
	tab.do("press "+key, func(ctx context.Context) error { return tab.press(ctx, key) })
}

var keys = map[string]string{
	"Enter": kb.Enter, "Tab": kb.Tab, "Escape": kb.Escape, "Space": " ", "Backspace": kb.Backspace,
	"ArrowUp": kb.ArrowUp, "ArrowDown": kb.ArrowDown, "ArrowLeft": kb.ArrowLeft, "ArrowRight": kb.ArrowRight,
}

func (tab *Tab) press(ctx context.Context, key string) error {
	var with []chromedp.KeyOption
	if plain, ok := strings.CutPrefix(key, "Shift+"); ok {
		key, with = plain, append(with, chromedp.KeyModifiers(chromedp.ModifierShift))
	}
	code, ok := keys[key]
	if !ok {
		code = key
	}
	if len([]rune(code)) != 1 {
		return errors.New("no such key")
	}
	_, err := chromedp.KeyEvent(code, with...)(ctx, tab.session())
	return err
}

// click clicks the mouse on the first element that the selector matches.
func (tab *Tab) click(ctx context.Context, selector string) error {
	at, err := tab.middle(ctx, selector)
	if err != nil {
		return err
	}
	return tab.clickAt(ctx, at)
}

// point is a place on the screen.
type point struct{ X, Y float64 }

// middle returns the middle of the first element that the selector matches. It returns an
// error if another element is in front of it.
func (tab *Tab) middle(ctx context.Context, selector string) (point, error) {
	var at struct {
		point
		Other string
	}
	err := tab.on(ctx, selector, `el.scrollIntoView({block: "center", inline: "center", behavior: "instant"});
		const box = el.getClientRects()[0];
		if (!box || !box.width || !box.height) return {Other: "nothing: it is not shown"};
		const x = box.left + box.width / 2, y = box.top + box.height / 2;
		const hit = document.elementFromPoint(x, y);
		const own = hit && (el.contains(hit) || hit.closest("label")?.control === el);
		return {
			X: x - visualViewport.offsetLeft, Y: y - visualViewport.offsetTop,
			Other: own ? "" : hit ? hit.outerHTML.slice(0, 200) : "nothing: it is out of sight",
		};`, nil, &at)
	if err == nil && at.Other != "" {
		err = errors.New("a click would hit " + at.Other)
	}
	return at.point, err
}

func (tab *Tab) clickAt(ctx context.Context, at point) error {
	for _, what := range []input.DispatchMouseEventType{
		input.DispatchMouseEventTypeMouseMoved, input.DispatchMouseEventTypeMousePressed, input.DispatchMouseEventTypeMouseReleased,
	} {
		p := input.DispatchMouseEventParams{Type: what, X: at.X, Y: at.Y}
		if what != input.DispatchMouseEventTypeMouseMoved {
			p.Button, p.ClickCount = input.MouseButtonLeft, 1
		}
		if _, err := cdp.Call(ctx, tab.session(), input.DispatchMouseEvent, p); err != nil {
			return err
		}
	}
	return nil
}

// on evaluates the body of a function with the parameters el, the first element that the
// selector matches, and given.
func (tab *Tab) on(ctx context.Context, selector, body string, given, into any) error {
	args, err := json.Marshal([]any{selector, given})
	if err != nil {
		return err
	}
	return evaluate(ctx, tab.session(), fmt.Sprintf(`(([selector, given]) => {
		const el = document.querySelector(selector);
		if (!el) throw new Error("nothing matches " + selector);
		%s
	})(%s)`, body, args), into)
}
