package handlers_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"callback-relay/relay"
)

// packed compresses with gzip.
func packed(t testing.TB, plain string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(plain)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGzip(t *testing.T) {
	n := start(t)
	exact := `"` + strings.Repeat("x", relay.MaxOutputBytes-2) + `"`
	for _, c := range []struct{ name, encoding, contentType, body, want string }{
		{"row 23: JSON", "gzip", "application/json", packed(t, `{"n": 1.0}`), `{"n": 1.0}`},
		{"row 23: exactly the limit", "gzip", "application/json", packed(t, exact), exact},
		{"row 23: by its old name", "X-GZIP", "text/plain", packed(t, "hello"), `"hello"`},
		{"row 23: two members", "gzip", "application/json", packed(t, `{"a":`) + packed(t, `1}`), `{"a":1}`},
		{"row 23: nothing inside", "gzip", "application/json", packed(t, ""), `{}`},
		{"row 94: unpacked on the way, and its header left", "gzip", "application/json", `{"a":1}`, `{"a":1}`},
		{"row 23: identity", "identity", "application/json", `[1]`, `[1]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := n.on(t).register()
			n.on(t).post(k.path("default"), c.contentType, c.body, "Content-Encoding", c.encoding).is(http.StatusOK)
			k.gets(c.want)
		})
	}

	whole := packed(t, `{"a":"CANARY"}`)
	for _, c := range []struct {
		name, encoding, body string
		status               int
		code                 string
	}{
		{"row 23: one byte over the limit", "gzip", packed(t, exact+" "), 413, "too-large"},
		{"row 23: truncated", "gzip", whole[:len(whole)-3], 400, "invalid-body"},
		{"row 23: header only", "gzip", whole[:10], 400, "invalid-body"},
		{"row 23: trailing garbage", "gzip", whole + "garbage", 400, "invalid-body"},
		{"row 23: wrong checksum", "gzip", whole[:len(whole)-8] + "\x00\x00\x00\x00" + whole[len(whole)-4:], 400, "invalid-body"},
		{"row 23: neither gzip nor text", "gzip", "\xff\xfe\xfd\xfc", 400, "invalid-body"},
		{"row 23: not JSON inside", "gzip", packed(t, `{`), 400, "invalid-body"},
		{"row 23: brotli", "br", whole, 415, "unsupported-media-type"},
		{"row 23: zstd", "zstd", whole, 415, "unsupported-media-type"},
		{"row 23: twice", "gzip, gzip", packed(t, whole), 415, "unsupported-media-type"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := n.on(t).register()
			n.on(t).post(k.path("default"), "application/json", c.body, "Content-Encoding", c.encoding).isProblem(c.status, c.code)
			k.unharmed()
		})
	}
}

// Row 23: a body of 256 MiB of zeros that is compressed to less than the limit is
// uncompressed only up to the limit.
func TestGzipBomb(t *testing.T) {
	bomb := strings.Repeat(packed(t, strings.Repeat("\x00", 8<<20)), 32)
	if len(bomb) > relay.MaxOutputBytes {
		t.Fatalf("the bomb has %d bytes: it would be refused for its size", len(bomb))
	}
	n := start(t)
	k := n.register()

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p := n.post(k.path("default"), "application/json", bomb, "Content-Encoding", "gzip").
		isProblem(http.StatusRequestEntityTooLarge, "too-large")
	runtime.ReadMemStats(&after)
	// Everything that was allocated in the meantime, including by the client.
	if took := after.TotalAlloc - before.TotalAlloc; took > 8<<20 {
		t.Errorf("it took %d bytes of memory", took)
	}
	if number(p.LimitBytes) != relay.MaxOutputBytes || p.ActualBytes != nil {
		t.Errorf("limitBytes %d, actualBytes %d, want only the limit", number(p.LimitBytes), number(p.ActualBytes))
	}
	k.unharmed()
}
