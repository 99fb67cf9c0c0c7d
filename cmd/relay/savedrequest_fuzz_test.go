package main

import (
	"bytes"
	"testing"
)

// The body of a saved request is what the header says, however the file was written.
func TestSavedRequest(t *testing.T) {
	for name, c := range map[string]struct{ file, url, body, wrong string }{
		"as it was sent":      {"POST /c/k?a=1 HTTP/1.1\r\nHost: r.example\r\nContent-Length: 2\r\n\r\n{}", "https://r.example/c/k?a=1", "{}", ""},
		"with line breaks":    {"POST /c/k HTTP/1.1\nHost: r.example\nContent-Length: 2\n\n{}\r\n\n", "https://r.example/c/k", "{}", ""},
		"a line break of its": {"POST /c/k HTTP/1.1\nContent-Length: 3\n\n{}\n", "/c/k", "{}\n", ""},
		"of HTTP/2":           {"POST https://r.example/c/k HTTP/2\nContent-Type: application/json\n\n{}", "https://r.example/c/k", "{}", ""},
		"only a header":       {"Content-Type: application/json\n\n{}", "", "{}", ""},
		"in chunks":           {"Transfer-Encoding: chunked\n\n2\r\n{}\r\n0\r\n\r\n", "", "{}", ""},
		"chunks were joined":  {"Transfer-Encoding: chunked\n\n{\"a\":1}", "", `{"a":1}`, ""},
		"without a body":      {"POST /c/k HTTP/1.1\nHost: r.example\n\n", "https://r.example/c/k", "", ""},
		"cut off":             {"Content-Length: 3\n\n{}", "", "", "has a body of 2 bytes, and its Content-Length says 3: it was changed or cut off"},
		"something added":     {"Content-Length: 2\n\n{}x", "", "", "has a body of 3 bytes, and its Content-Length says 2: it was changed or cut off"},
		"no length":           {"Content-Length: x\n\n{}", "", "", "has a Content-Length that is not a number"},
		"a GET":               {"GET /c/k HTTP/1.1\n\n", "", "", "is not a POST, and links take nothing else from machines"},
		"a body alone":        {`{"a":1}`, "", "", "has no header that ends with an empty line, as in POST /c/... HTTP/1.1"},
		"nothing":             {"", "", "", "has no header that ends with an empty line, as in POST /c/... HTTP/1.1"},
	} {
		got, err := parseSavedRequest([]byte(c.file))
		if c.wrong != "" {
			if err == nil || err.Error() != c.wrong {
				t.Errorf("%s: %v, want %s", name, err, c.wrong)
			}
			continue
		}
		if err != nil || got.URL.String() != c.url || string(got.Body) != c.body || got.Header.Get("Host") != "" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// Whatever a file holds, a body is only what the file has after an empty line.
func FuzzSavedRequest(f *testing.F) {
	f.Add([]byte("POST /c/k HTTP/1.1\r\nHost: r.example\r\nContent-Length: 2\r\n\r\n{}"))
	f.Add([]byte("Transfer-Encoding: chunked\n\n2\r\n{}\r\n0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := parseSavedRequest(text)
		if err != nil {
			return
		}
		if got.URL == nil || got.Header == nil {
			t.Fatalf("no URL or no header: %+v", got)
		}
		if got.Header.Get("Transfer-Encoding") == "" && !bytes.Contains(text, append([]byte("\n"), got.Body...)) {
			t.Errorf("the body %q is not in the file", got.Body)
		}
	})
}
