package main

import (
	"fmt"
	"math"
	"strings"
)

// The drawing's measures, in its own units.
const (
	drawingWidth = 960
	panelTop     = 50
	panelBottom  = 290
	panelHeight  = panelBottom - panelTop
	drawingFoot  = 340
	curvesLeft   = 70
	curvesWidth  = 360
	barsLeft     = 560
	barsWidth    = 360
	barWidth     = 110
)

// style has the colours, for readers in light and in dark surroundings. Those of the
// four parts can be told apart by people who see few colours: they differ in lightness.
const style = `text{fill:#24292f}.axis{stroke:#8c959f}.grid{stroke:#d8dee4}.back{fill:#fff}
.reference{stroke:#6e7781;fill:#6e7781}.relay{stroke:#0969da;fill:#0969da}
.p0{fill:#0a3069}.p1{fill:#cf222e}.p2{fill:#bf8700}.p3{fill:#afb8c1}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.axis{stroke:#6e7681}.grid{stroke:#30363d}.back{fill:#0d1117}
.reference{stroke:#8b949e;fill:#8b949e}.relay{stroke:#58a6ff;fill:#58a6ff}
.p0{fill:#388bfd}.p1{fill:#ff7b72}.p2{fill:#d29922}.p3{fill:#484f58}}`

// drawing returns two plots in SVG: answers a second over the number of clients, and
// the processor time of an answer by process.
func (r report) drawing() string {
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[2]d" width="%[1]d" height="%[2]d" font-family="sans-serif" font-size="13">
<style>%[3]s</style>
<rect class="back" width="%[1]d" height="%[2]d"/>
%[4]s%[5]s</svg>
`, drawingWidth, drawingFoot, style, r.curves(), r.bars())
}

// curves draws answers a second over the clients, which are spaced by their logarithm.
func (r report) curves() string {
	var chosen []compared
	for _, c := range r.compared {
		if c.name == clientsName(c.clients) {
			chosen = append(chosen, c)
		}
	}
	if len(chosen) == 0 {
		return ""
	}
	highest := 0.0
	for _, c := range chosen {
		highest = max(highest, median(c.reference, result.perSecond), median(c.relay, result.perSecond))
	}
	step := niceStep(highest)
	top := math.Ceil(highest/step) * step
	y := func(v float64) float64 { return panelBottom - v/top*panelHeight }
	first, last := math.Log(float64(chosen[0].clients)), math.Log(float64(chosen[len(chosen)-1].clients))
	x := func(clients int) float64 {
		return curvesLeft + 20 + (math.Log(float64(clients))-first)/max(last-first, 1)*(curvesWidth-40)
	}
	var s strings.Builder
	text(&s, curvesLeft, 28, "start", "Answers a second, by clients at once")
	axes(&s, curvesLeft, curvesWidth, top, step, y)
	for _, c := range chosen {
		text(&s, x(c.clients), panelBottom+20, "middle", whole(float64(c.clients)))
	}
	for i, class := range []string{"reference", "relay"} {
		var points []string
		for _, c := range chosen {
			v := y(median([][]result{c.reference, c.relay}[i], result.perSecond))
			points = append(points, fmt.Sprintf("%.1f,%.1f", x(c.clients), v))
			fmt.Fprintf(&s, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>\n", class, x(c.clients), v)
		}
		fmt.Fprintf(&s, "<polyline class=\"%s\" points=\"%s\" stroke-width=\"2\" style=\"fill:none\"/>\n", class, strings.Join(points, " "))
		key(&s, curvesLeft+i*140, class, r.names[i])
	}
	return s.String()
}

// bars draws the processor time of an answer, stacked by process.
func (r report) bars() string {
	c, found := find(r.compared, mainAnswers)
	if !found {
		return ""
	}
	parts := []struct {
		name string
		of   func(result) float64
	}{
		{"server", serverCPU},
		{"Redis", redisCPU},
		{"Step Functions", func(r result) float64 { return r.each(r.cpu.standIn) }},
		{"generator", func(r result) float64 { return r.each(r.cpu.generator) }},
	}
	stacks := [2][]float64{}
	highest := 0.0
	for i, rounds := range [][]result{c.reference, c.relay} {
		sum := 0.0
		for _, p := range parts {
			v := median(rounds, p.of)
			stacks[i] = append(stacks[i], v)
			sum += v
		}
		highest = max(highest, sum)
	}
	step := niceStep(highest)
	top := math.Ceil(highest/step) * step
	y := func(v float64) float64 { return panelBottom - v/top*panelHeight }
	var s strings.Builder
	text(&s, barsLeft, 28, "start", "CPU µs per answer, by process, 64 clients")
	axes(&s, barsLeft, barsWidth, top, step, y)
	for i, stack := range stacks {
		left, from := float64(barsLeft+60+i*150), 0.0
		for part, v := range stack {
			fmt.Fprintf(&s, "<rect class=\"p%d\" x=\"%.0f\" y=\"%.1f\" width=\"%d\" height=\"%.1f\"/>\n", part, left, y(from+v), barWidth, y(from)-y(from+v))
			from += v
		}
		text(&s, left+barWidth/2, y(from)-6, "middle", whole(from))
		text(&s, left+barWidth/2, panelBottom+20, "middle", r.names[i])
	}
	for i, p := range parts {
		key(&s, barsLeft-20+[]int{0, 80, 155, 285}[i], fmt.Sprintf("p%d", i), p.name)
	}
	return s.String()
}

// axes draws lines at every step, with their values, and the axis at zero.
func axes(s *strings.Builder, left, width int, top, step float64, y func(float64) float64) {
	for v := 0.0; v <= top; v += step {
		class := "grid"
		if v == 0 {
			class = "axis"
		}
		fmt.Fprintf(s, "<path class=\"%s\" d=\"M%d %.1fh%d\"/>\n", class, left, y(v), width)
		text(s, float64(left-8), y(v)+4, "end", whole(v))
	}
}

// key explains a colour below the panel.
func key(s *strings.Builder, left int, class, name string) {
	fmt.Fprintf(s, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"12\" height=\"12\"/>\n", class, left, panelBottom+34)
	text(s, float64(left+18), panelBottom+45, "start", name)
}

func text(s *strings.Builder, x, y float64, anchor, what string) {
	fmt.Fprintf(s, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor, what)
}

// niceStep returns a round number of which a few make up the highest value.
func niceStep(highest float64) float64 {
	step := math.Pow(10, math.Floor(math.Log10(max(highest, 1))))
	for highest/step < 4 {
		step /= 2
	}
	return step
}
