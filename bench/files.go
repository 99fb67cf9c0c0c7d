package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// marks are the comments between which a page has generated text.
type marks struct{ begin, end string }

var (
	benchMarks   = marksOf("bench", "-markdown")
	millionMarks = marksOf("million", "-million -markdown")
	scalingMarks = marksOf("scaling", "-scaling")
)

func marksOf(name, flags string) marks {
	return marks{"<!-- " + name + ":begin, written by: go run ./bench " + flags + " -->", "<!-- " + name + ":end -->"}
}

// splice puts text between a page's marks.
func (m marks) splice(page []byte, text string) ([]byte, error) {
	before, rest, begun := bytes.Cut(page, []byte(m.begin))
	_, after, ended := bytes.Cut(rest, []byte(m.end))
	if !begun || !ended {
		return nil, fmt.Errorf("want %q and %q", m.begin, m.end)
	}
	return bytes.Join([][]byte{before, []byte(m.begin + "\n\n" + text + "\n" + m.end), after}, nil), nil
}

// text returns what a page has between its marks.
func (m marks) text(page string) (string, error) {
	_, rest, begun := strings.Cut(page, m.begin)
	text, _, ended := strings.Cut(rest, m.end)
	if !begun || !ended {
		return "", fmt.Errorf("want %q and %q", m.begin, m.end)
	}
	return strings.TrimSpace(text), nil
}

// spliceFile puts text between the marks of a page that is a file.
func (m marks) spliceFile(file, text string) error {
	page, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if page, err = m.splice(page, text); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, page, 0o644)
}
