package handlers

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"callback-relay/relay"
)

// bodyReader turns request bodies into outputs, within bounds.
type bodyReader struct {
	limit    int       // of one body and of one output, in bytes
	capacity *capacity // of all bodies being handled, in bytes
}

// admit refuses a body that there is no room for before the first read, so that
// no "100 Continue" invites what is turned away. It sets no room aside: that is
// taken as bytes arrive, or a few of them could hold the room of many. The
// caller releases the share when it needs the output no longer.
func (r *bodyReader) admit(c echo.Context) (*share, error) {
	if err := checkDeclared(c, r.limit); err != nil {
		return nil, err
	}
	if !r.capacity.fits(c.Request().ContentLength) {
		return nil, errOverloaded
	}
	return &share{of: r.capacity}, nil
}

// read returns the output that a body stands for, and nothing of a body that
// did not arrive whole.
func (r *bodyReader) read(c echo.Context, room *share) (relay.Payload, error) {
	req := c.Request()
	compressed, err := isGzip(req.Header)
	if err != nil {
		return nil, err
	}
	kind, err := parseKind(req.Header.Get(echo.HeaderContentType))
	if err != nil {
		return nil, err
	}
	body, err := readAll(c, r.limit, room)
	if err != nil {
		return nil, err
	}
	if compressed {
		if body, err = r.decompress(body, room); err != nil {
			return nil, err
		}
	}
	return kind.output(body)
}

// checkDeclared refuses a body that says itself that it is too long.
func checkDeclared(c echo.Context, limit int) error {
	declared := c.Request().ContentLength
	if declared <= int64(limit) {
		return nil
	}
	hangUp(c)
	return &relay.TooLargeError{Limit: limit, Actual: int(declared)}
}

// readAll reads a body of at most limit bytes into its share of the room. Of one
// that is longer, or did not arrive whole, it returns nothing.
func readAll(c echo.Context, limit int, room *share) ([]byte, error) {
	// In HTTP/1.0 a POST without a length is a mistake (RFC 1945, 8.3). net/http
	// takes its body, chunks too, for an empty one.
	if req := c.Request(); !req.ProtoAtLeast(1, 1) && req.Header.Get(echo.HeaderContentLength) == "" {
		hangUp(c)
		return nil, &relay.InvalidBodyError{Problem: "incomplete or badly framed"}
	}
	read := buffer{room: room, most: limit}
	step := unknownStep
	if declared := c.Request().ContentLength; declared >= 0 {
		read.most, step = int(declared), declaredStep
	}
	err := read.fill(paced(c, http.MaxBytesReader(c.Response(), c.Request().Body, int64(limit))), step)
	body := read.bytes
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		hangUp(c)
		return nil, &relay.TooLargeError{Limit: limit}
	}
	if errors.Is(err, errOverloaded) {
		hangUp(c)
		return nil, err
	}
	if slow, ok := errors.AsType[net.Error](err); ok && slow.Timeout() {
		hangUp(c)
		return nil, errSlow
	}
	if err != nil {
		return nil, &relay.InvalidBodyError{Offset: len(body), Problem: "incomplete or badly framed"}
	}
	return body, nil
}

// hangUp ends the connection after the answer, whatever the client still
// sends. Otherwise the server would read on, up to 256 KiB, before it answers.
func hangUp(c echo.Context) {
	// A reader that is over its limit is the one way to tell the server so. It
	// then answers at once, and waits a little before it closes: data that
	// arrives at a closed connection makes the client's side forget the answer.
	over := http.MaxBytesReader(c.Response().Writer, io.NopCloser(strings.NewReader("x")), 0)
	_, _ = over.Read(make([]byte, 1))
	// It would still read on after the answer. Only a writer that is no
	// server's cannot be told not to.
	_ = http.NewResponseController(c.Response()).SetReadDeadline(time.Now())
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
func (r *bodyReader) decompress(body []byte, room *share) ([]byte, error) {
	packed := bytes.NewReader(body)
	plain := buffer{room: room, most: r.limit}
	unpacker, err := gzip.NewReader(packed)
	if err == nil {
		err = plain.fill(unpacker, len(body)+unknownStep)
	}
	switch {
	case err == nil:
		return plain.bytes, nil
	case errors.Is(err, io.ErrShortBuffer):
		return nil, &relay.TooLargeError{Limit: r.limit}
	case errors.Is(err, errOverloaded):
		return nil, err
	}
	return nil, &relay.InvalidBodyError{Offset: len(body) - packed.Len(), Problem: "not valid gzip"}
}
