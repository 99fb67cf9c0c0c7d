package handlers

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/labstack/echo/v4"

	"callback-relay/relay"
)

// bodyReader turns request bodies into outputs, within bounds.
type bodyReader struct {
	limit    int   // of one body and of one output, in bytes
	capacity int64 // of all bodies being handled
	inFlight atomic.Int64
}

func newBodyReader(limit int, capacity int64) *bodyReader {
	return &bodyReader{limit: limit, capacity: capacity}
}

// read returns the output that a body stands for. The caller calls release
// when the output is no longer needed. Nothing is returned of a body that did
// not arrive whole.
func (r *bodyReader) read(c echo.Context) (output relay.Payload, release func(), err error) {
	req := c.Request()
	// Before the first read, so that no "100 Continue" invites what is refused.
	declared := req.ContentLength // -1 when there is none
	if declared > int64(r.limit) {
		return nil, nil, &relay.TooLargeError{Limit: r.limit, Actual: int(declared)}
	}
	compressed, err := isGzip(req.Header)
	if err != nil {
		return nil, nil, err
	}
	kind, err := parseKind(req.Header.Get(echo.HeaderContentType))
	if err != nil {
		return nil, nil, err
	}
	need := int64(r.limit)
	if declared >= 0 && !compressed {
		need = declared
	}
	if r.inFlight.Add(need) > r.capacity {
		r.inFlight.Add(-need)
		return nil, nil, errOverloaded
	}
	release = func() { r.inFlight.Add(-need) }
	defer func() {
		if err != nil {
			release()
		}
	}()

	// It also closes the connection when the limit is passed.
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), req.Body, int64(r.limit)))
	if err != nil {
		return nil, nil, r.readError(err, len(body))
	}
	if compressed {
		if body, err = r.decompress(body); err != nil {
			return nil, nil, err
		}
	}
	output, err = kind.output(body)
	return output, release, err
}

// readError says why a body did not arrive. What arrived of it is dropped.
func (r *bodyReader) readError(err error, got int) error {
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return &relay.TooLargeError{Limit: r.limit}
	}
	return &relay.InvalidBodyError{Offset: got, Problem: "incomplete or badly framed"}
}

// isGzip tells whether a body is compressed, or that we cannot say.
func isGzip(h http.Header) (bool, error) {
	switch strings.ToLower(strings.Join(h.Values(echo.HeaderContentEncoding), ",")) {
	case "", "identity":
		return false, nil
	case "gzip", "x-gzip":
		return true, nil
	}
	return false, &unsupportedError{"the content encoding is not supported: send the body as it is, or with gzip"}
}

// decompress unpacks a body and stops one byte past the limit, however much
// more there would be.
func (r *bodyReader) decompress(body []byte) ([]byte, error) {
	bad := &relay.InvalidBodyError{Problem: "not valid gzip"}
	packed := bytes.NewReader(body)
	unpacker, err := gzip.NewReader(packed)
	if err != nil {
		return nil, bad
	}
	plain, err := io.ReadAll(io.LimitReader(unpacker, int64(r.limit)+1))
	if len(plain) > r.limit {
		return nil, &relay.TooLargeError{Limit: r.limit}
	}
	if err != nil {
		bad.Offset = len(body) - packed.Len()
		return nil, bad
	}
	return plain, nil
}
