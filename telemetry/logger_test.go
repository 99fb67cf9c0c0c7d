package telemetry_test

import (
	"bytes"
	"log/slog"
	"regexp"
	"testing"

	"callback-relay/telemetry"
)

// timestamp is the part of a log line that differs from run to run.
var timestamp = regexp.MustCompile(`"time":"[^"]+",|time=\S+ `)

func TestNewLogger(t *testing.T) {
	tests := map[string]struct {
		level  slog.Level
		format string
		want   string
	}{
		"json":  {slog.LevelInfo, "json", `{"level":"INFO","msg":"info","n":1}` + "\n" + `{"level":"WARN","msg":"warn"}` + "\n"},
		"text":  {slog.LevelInfo, "text", "level=INFO msg=info n=1\nlevel=WARN msg=warn\n"},
		"quiet": {slog.LevelWarn, "text", "level=WARN msg=warn\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			log := telemetry.NewLogger(&out, tt.level, tt.format)
			log.Debug("debug")
			log.Info("info", "n", 1)
			log.Warn("warn")
			if got := timestamp.ReplaceAllString(out.String(), ""); got != tt.want {
				t.Errorf("got\n%swant\n%s", got, tt.want)
			}
		})
	}
}
