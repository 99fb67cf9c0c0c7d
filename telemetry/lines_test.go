package telemetry_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"callback-relay/telemetry"
)

// writes records each write.
type writes struct {
	mu   sync.Mutex
	each []string
	err  error
}

func (w *writes) Write(text []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(text) > 0 {
		w.each = append(w.each, string(text))
	}
	return len(text), w.err
}

func (w *writes) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.each)
}

// A line that comes alone is written at once, and those that come soon after it together, a
// little later.
func TestLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w writes
		l := telemetry.NewLines(&w)
		check := func(want ...string) {
			t.Helper()
			synctest.Wait()
			if got := w.all(); !slices.Equal(got, want) {
				t.Fatalf("wrote %q, want %q", got, want)
			}
		}
		for _, line := range []string{"a\n", "b\n", "c\n"} {
			fmt.Fprint(l, line)
		}
		check("a\n")
		time.Sleep(20 * time.Millisecond)
		check("a\n", "b\nc\n")
		fmt.Fprint(l, "d\n") // still busy
		check("a\n", "b\nc\n")
		time.Sleep(20 * time.Millisecond)
		check("a\n", "b\nc\n", "d\n")
		time.Sleep(time.Second)
		fmt.Fprint(l, "e\n")
		check("a\n", "b\nc\n", "d\n", "e\n")
		fmt.Fprint(l, "f\n")
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		check("a\n", "b\nc\n", "d\n", "e\n", "f\n")
		for _, line := range []string{"g\n", "h\n"} { // of something that is late to stop
			fmt.Fprint(l, line)
		}
		check("a\n", "b\nc\n", "d\n", "e\n", "f\n", "g\n", "h\n")
	})
}

// What is held back has a bound, and nothing is lost or mixed up.
func TestManyLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w writes
		l := telemetry.NewLines(&w)
		const writers, each = 8, 1000
		line := func(writer, i int) string { return fmt.Sprintf("%d %d %s\n", writer, i, strings.Repeat("x", 90)) }
		var busy sync.WaitGroup
		for writer := range writers {
			busy.Go(func() {
				for i := range each {
					_, _ = io.WriteString(l, line(writer, i))
				}
			})
		}
		busy.Wait()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		next := map[int]int{}
		for _, text := range w.all() {
			if len(text) > 33<<10 {
				t.Errorf("%d bytes were held back", len(text))
			}
			for got := range strings.Lines(text) {
				var writer, i int
				if _, err := fmt.Sscan(got, &writer, &i); err != nil || i != next[writer] || got != line(writer, i) {
					t.Fatalf("line %q after %d of its writer (%v)", got, next[writer], err)
				}
				next[writer]++
			}
		}
		for writer := range writers {
			if next[writer] != each {
				t.Errorf("%d lines of writer %d, want %d", next[writer], writer, each)
			}
		}
	})
}

// Warnings are never held back, and neither is what came before them.
func TestWarningsAreFlushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, format := range []string{"json", "text"} {
			var w writes
			l := telemetry.NewLines(&w)
			log := telemetry.NewLogger(l, slog.LevelInfo, format).With("a", 1).WithGroup("g")
			for _, text := range []string{"first", "second", "third"} {
				log.Info(text)
			}
			if got := w.all(); len(got) != 1 {
				t.Fatalf("%s: wrote %q", format, got)
			}
			log.Warn("fourth")
			if got := strings.Join(w.all(), ""); !strings.Contains(got, "third") || !strings.Contains(got, "fourth") {
				t.Errorf("%s: wrote %q", format, got)
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// An error is told, and does not stop what follows.
func TestLinesFail(t *testing.T) {
	w := writes{err: errors.New("the pipe is closed")}
	l := telemetry.NewLines(&w)
	if _, err := io.WriteString(l, "a\n"); !errors.Is(err, w.err) {
		t.Error(err)
	}
	_, _ = io.WriteString(l, "b\n")
	if err := l.Close(); !errors.Is(err, w.err) || !slices.Equal(w.all(), []string{"a\n", "b\n"}) {
		t.Errorf("%v, wrote %q", err, w.all())
	}
}
