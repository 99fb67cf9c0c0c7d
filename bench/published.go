package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// publishedRatios returns the ratios that docs/benchmarks.md shows in its first table, by what
// they are of.
func publishedRatios(file string) (map[string]float64, error) {
	page, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	tables, err := benchMarks.text(string(page))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	first, _, _ := strings.Cut(tables, "\n\n")
	ratios := map[string]float64{}
	for row := range strings.Lines(first) {
		cells := strings.Split(row, "|") // before, what, reference, relay, ratio, …
		if len(cells) < 5 {
			continue
		}
		if ratio, err := strconv.ParseFloat(strings.TrimSpace(cells[4]), 64); err == nil {
			ratios[strings.TrimSpace(cells[1])] = ratio
		}
	}
	return ratios, nil
}
