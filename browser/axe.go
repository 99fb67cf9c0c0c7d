package browser

import (
	"context"
	_ "embed" // for axe
	"errors"
)

//go:embed axe.min.js
var axe string

// runAxe runs the default rules, and those rules for WCAG 2.2 A and AA and for best
// practice that are off by default.
const runAxe = `(async () => {
	const rules = {};
	for (const {ruleId, tags} of axe.getRules(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"])) {
		if (!tags.includes("deprecated") && !tags.includes("experimental")) rules[ruleId] = {enabled: true};
	}
	const {violations} = await axe.run(document, {rules, resultTypes: ["violations"]});
	return violations.flatMap(v => v.nodes.map(n => v.id + ": " + v.help + ": " + n.target.flat().join(" ")));
})()`

// Violations returns the problems that axe-core finds in the page, as "rule: help:
// selector". They concern people who use a keyboard, a screen reader or a magnifier.
func (tab *Tab) Violations() []string {
	tab.t.Helper()
	var found []string
	tab.do("run axe-core", func(ctx context.Context) (err error) {
		if tab.look.NoScripts {
			// axe-core waits for timers, which need scripts. The page's own scripts were
			// skipped when it was loaded, and do not run now.
			if err := tab.noScripts(ctx, false); err != nil {
				return err
			}
			defer func() { err = errors.Join(err, tab.noScripts(ctx, true)) }()
		}
		var there bool // from an earlier run on the same page
		if err := evaluate(ctx, tab.session(), `"axe" in window`, &there); err != nil {
			return err
		}
		if !there {
			if err := evaluate(ctx, tab.session(), axe, nil); err != nil {
				return err
			}
		}
		return evaluate(ctx, tab.session(), runAxe, &found)
	})
	return found
}
