package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// The comments that mark the beginning and end of the figures on a page.
const (
	beginMark = "<!-- bench:begin, written by: go run ./bench -markdown -->"
	endMark   = "<!-- bench:end -->"
)

// splice puts text between a page's marks.
func splice(page []byte, text string) ([]byte, error) {
	before, rest, begun := bytes.Cut(page, []byte(beginMark))
	_, after, ended := bytes.Cut(rest, []byte(endMark))
	if !begun || !ended {
		return nil, fmt.Errorf("want %q and %q", beginMark, endMark)
	}
	return bytes.Join([][]byte{before, []byte(beginMark + "\n\n" + text + "\n" + endMark), after}, nil), nil
}

// spliceFile puts text between the marks of a page that is a file.
func spliceFile(file, text string) error {
	page, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if page, err = splice(page, text); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, page, 0o644)
}

// markdown returns the table for a page.
func (r report) markdown() string {
	var b strings.Builder
	row := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	row(header)
	b.WriteString("|---|--:|--:|--:|---|---|\n")
	for _, l := range r.lines() {
		row(l.cells())
	}
	fmt.Fprintf(&b, "\n%s %s\nAnswers of the relay by status: %s.\n", r.conditions(), r.machine, r.statuses())
	return b.String()
}

// The drawing's measures, in its own units.
const (
	panelWidth  = 240
	panelHeight = 220
	barWidth    = 70
	barHeight   = 130 // of the highest bar
	barsBottom  = 175
)

// bar is one bar of a panel.
type bar struct {
	label, value, colour string
	size                 float64
}

// drawing returns the lines that have an aim as bars, in SVG.
func (r report) drawing() string {
	var panels []string
	for _, l := range r.lines() {
		if l.aim() == "" {
			continue
		}
		bars := []bar{{bareName, l.show(l.bare), "#8a94a3", l.bare}, {relayName, l.show(l.relay), "#2f6fb2", l.relay}}
		aim := l.atLeast * l.bare
		if l.atMost > 0 {
			aim = l.atMost
		}
		panels = append(panels, panel(len(panels)*panelWidth, l, bars, aim))
	}
	width := len(panels) * panelWidth
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[2]d" width="%[1]d" height="%[2]d" font-family="sans-serif" font-size="12" text-anchor="middle">
<rect width="%[1]d" height="%[2]d" fill="#ffffff"/>
%[3]s</svg>
`, width, panelHeight, strings.Join(panels, ""))
}

// panel draws one line of the report: two bars from zero, and the aim dashed.
func panel(left int, l line, bars []bar, aim float64) string {
	highest := aim
	for _, b := range bars {
		highest = max(highest, b.size)
	}
	height := func(v float64) float64 { return v / highest * barHeight }
	var s strings.Builder
	fmt.Fprintf(&s, "<g transform=\"translate(%d)\" fill=\"#24292f\">\n", left)
	fmt.Fprintf(&s, "<text x=\"%d\" y=\"20\" font-weight=\"bold\">%s</text>\n", panelWidth/2, l.name)
	for i, b := range bars {
		x := panelWidth/2 + (2*i-1)*(barWidth/2+8) - barWidth/2
		top := barsBottom - height(b.size)
		fmt.Fprintf(&s, "<rect x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%.1f\" fill=\"%s\"/>\n", x, top, barWidth, height(b.size), b.colour)
		fmt.Fprintf(&s, "<text x=\"%d\" y=\"%d\" fill=\"#ffffff\">%s</text>\n", x+barWidth/2, barsBottom-6, b.value)
		fmt.Fprintf(&s, "<text x=\"%d\" y=\"%d\">%s</text>\n", x+barWidth/2, barsBottom+16, b.label)
	}
	y := barsBottom - height(aim)
	fmt.Fprintf(&s, "<path d=\"M20 %.1fH%d\" stroke=\"#c0392b\" stroke-dasharray=\"5 3\"/>\n", y, panelWidth-20)
	fmt.Fprintf(&s, "<text x=\"%d\" y=\"%d\" fill=\"#c0392b\">aim: %s (%s)</text>\n</g>\n", panelWidth/2, barsBottom+34, l.aim(), l.verdict())
	return s.String()
}
