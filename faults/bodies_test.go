package faults

import (
	"bytes"
	"compress/zlib"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"callback-relay/store/redistest"
)

// oddBodies are posts that need far more memory to convert than to send: one-byte
// characters that become six-byte escapes, other charsets, forms with many fields,
// and compressed bodies. None of them fits.
func oddBodies(t *testing.T) map[string]http.Header {
	const form = "application/x-www-form-urlencoded"
	var zeros bytes.Buffer
	w := zlib.NewWriter(&zeros)
	_, err := w.Write(make([]byte, 64<<20))
	must(t, err)
	must(t, w.Close())
	var parts strings.Builder
	for i := range 900 {
		fmt.Fprintf(&parts, "--X\r\nContent-Disposition: form-data; name=f%d\r\n\r\n%s\r\n", i, strings.Repeat("\x01", 700))
	}
	return map[string]http.Header{
		"a=" + strings.Repeat("\x01", 3*largestOutput-2): {"Content-Type": {form}},
		"a=" + strings.Repeat("%01", largestOutput-2):    {"Content-Type": {form}},
		strings.Repeat("a=\x01\x01\x01\x01&", 999) + "b": {"Content-Type": {form}},
		strings.Repeat("\x01", largestOutput):            {"Content-Type": {"text/plain"}},
		strings.Repeat("\xff", largestOutput):            {"Content-Type": {"text/plain; charset=latin1"}},
		"a=" + strings.Repeat("\xff", 3*largestOutput-2): {"Content-Type": {form + "; charset=latin1"}},
		strings.Repeat("\x4e\x00", largestOutput):        {"Content-Type": {"text/plain; charset=utf-16be"}},
		parts.String() + "--X--":                         {"Content-Type": {"multipart/form-data; boundary=X"}},
		zeros.String():                                   {"Content-Type": {"text/plain"}, "Content-Encoding": {"deflate"}},
	}
}

// Rows 70, 90 and 92: bodies that grow during conversion share the limit of all
// bodies, and the process stays small.
func TestMemoryOfOddBodies(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	f := newFleet(t, setup{redisURL: redistest.Start(t).URL, replicas: 1})
	f.http.Timeout = time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var clients sync.WaitGroup
	var back, judged atomic.Int64
	for body, header := range oddBodies(t) {
		for range 30 {
			_, cb := f.register()
			clients.Go(func() {
				for ctx.Err() == nil {
					status := f.postAs(ctx, cb.URL, header, body)
					if status != http.StatusServiceUnavailable {
						judged.Add(1)
						return
					}
					back.Add(1)
					select {
					case <-ctx.Done():
					case <-time.After(pollEvery):
					}
				}
			})
		}
	}
	clients.Wait()
	now, peak := f.replicas[0].memory()
	t.Logf("%d odd bodies judged, %d times told to come back; %d MiB resident at most, %d MiB at the end", judged.Load(), back.Load(), peak>>20, now>>20)
	if want := int64(30 * len(oddBodies(t))); judged.Load() != want {
		t.Errorf("%d bodies were judged within two minutes, want %d", judged.Load(), want)
	}
	if peak > memoryBound {
		t.Errorf("%d MiB resident, more than %d", peak>>20, memoryBound>>20)
	}
}

// postAs posts a body with headers to the first replica and returns the status,
// or 503 if there was no response.
func (f *fleet) postAs(ctx context.Context, link string, header http.Header, body string) int {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+f.replicas[0].at.Load().public+path(link), strings.NewReader(body))
	if err != nil {
		f.Errorf("%v", err)
		return 0
	}
	request.Header = header.Clone()
	response, err := f.http.Do(request)
	if err != nil {
		return http.StatusServiceUnavailable
	}
	defer response.Body.Close()
	return response.StatusCode
}
