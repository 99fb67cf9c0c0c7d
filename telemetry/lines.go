package telemetry

import (
	"io"
	"sync"
	"time"
)

const (
	// linesEvery is how long a line can be held back. It is what a process that is killed
	// loses of its log, and short for everybody who reads along.
	linesEvery = 20 * time.Millisecond
	// linesBytes is from how many bytes on lines are not held back any longer.
	linesBytes = 32 << 10
)

// Lines writes the lines of a log. A line that comes alone is written at once. While many
// come, those of a few milliseconds are written together, because a write costs more than
// all else of a line. [NewLogger] flushes warnings and errors. It is safe for concurrent use.
type Lines struct {
	mu      sync.Mutex
	to      io.Writer
	held    []byte
	waiting *time.Timer // ends the time in which lines are held back; nil outside of it
	closed  bool
}

// NewLines returns lines that are written to w. The caller closes them.
func NewLines(w io.Writer) *Lines { return &Lines{to: w} }

// Write implements [io.Writer]. An error can be that of an earlier line.
func (l *Lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = append(l.held, line...)
	if l.waiting != nil && len(l.held) < linesBytes {
		return len(line), nil
	}
	if l.waiting == nil && !l.closed {
		l.waiting = time.AfterFunc(linesEvery, l.tick)
	}
	return len(line), l.flush()
}

// tick writes what was held back. If there was nothing, the next line is written at once.
func (l *Lines) tick() {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.waiting == nil: // closed meanwhile
	case len(l.held) == 0:
		l.waiting = nil
	default:
		_ = l.flush() // nobody is left to tell
		l.waiting.Reset(linesEvery)
	}
}

// Flush writes what is held back.
func (l *Lines) Flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.flush()
}

func (l *Lines) flush() error {
	_, err := l.to.Write(l.held)
	l.held = l.held[:0]
	return err
}

// Close writes what is held back. Later lines, of something that is late to stop, are written
// at once.
func (l *Lines) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.waiting != nil {
		l.waiting.Stop()
		l.waiting = nil
	}
	return l.flush()
}
