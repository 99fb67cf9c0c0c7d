package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"callback-relay/telemetry"
)

// TestWarnings: a problem around a relay is reported after the second failed check,
// checked again each minute, and no longer reported once it is solved. A check
// without a result changes nothing (row 86).
func TestWarnings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		n := &node{
			logger:  telemetry.NewLogger(&log, 0, "text"),
			metrics: telemetry.NewMetrics(telemetry.MetricsOptions{Warnings: warningChecks}),
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var looks atomic.Int32
		var right, busy atomic.Bool
		busy.Store(true)
		go n.lookAt(ctx, checkPublicURL, func(context.Context) error {
			looks.Add(1)
			switch {
			case busy.Load():
				return fmt.Errorf("too many requests: %w", errNotKnown)
			case right.Load():
				return nil
			}
			return errors.New("leads elsewhere")
		})
		wait := func(d time.Duration, looked, warned int) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			if all := n.warnings.all(); len(all) != warned || int(looks.Load()) != looked {
				t.Errorf("after %d looks: %v, want %d looks and %d warnings", looks.Load(), all, looked, warned)
			}
		}
		wait(time.Second, 1, 0)
		wait(lookAgainIn, 2, 0) // no result, however often it is checked
		wait(lookAgainIn, 3, 0)
		busy.Store(false)
		wait(lookAgainIn, 4, 0)
		wait(lookAgainSoon, 5, 1)
		wait(lookAgainIn, 6, 1)
		busy.Store(true)
		wait(lookAgainIn, 7, 1) // what was known still holds
		busy.Store(false)
		right.Store(true)
		wait(lookAgainIn, 8, 0)
		wait(lookAgainIn, 8, 0)
		wait(lookOutsideEvery, 9, 0)
		cancel()
		synctest.Wait()
		text := log.String()
		for line, times := range map[string]int{`msg="check failed" check=public-url reason="leads elsewhere"`: 1, `msg="check passes again" check=public-url`: 1} {
			if got := strings.Count(text, line); got != times {
				t.Errorf("%s: %d times, want %d:\n%s", line, got, times, text)
			}
		}
	})
}

// The API's document and the runbook have every check.
func TestWarningsAreDescribed(t *testing.T) {
	if !slices.IsSorted(warningChecks) {
		t.Errorf("not sorted: %v", warningChecks)
	}
	document, err := os.ReadFile("../../api/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if enum := "enum: [" + strings.Join(warningChecks, ", ") + "]"; !strings.Contains(string(document), enum) {
		t.Errorf("api/openapi.yaml lacks %s", enum)
	}
	page, err := os.ReadFile("../../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n### CallbackRelayWarning\n")
	section, _, _ = strings.Cut(section, "\n### ")
	var rows []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|").FindAllStringSubmatch(section, -1) {
		rows = append(rows, row[1])
	}
	if !slices.Equal(rows, warningChecks) {
		t.Errorf("docs/runbook.md has %v, want %v", rows, warningChecks)
	}
}
