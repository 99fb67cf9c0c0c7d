package handlers

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"callback-relay/relay"
)

// bodyReader turns request bodies into outputs, within bounds.
type bodyReader struct {
	limit    int       // of one body and of one output, in bytes
	capacity *capacity // of all bodies being handled, in bytes
}

// admit makes room for a body, or refuses it before the first read, so that no
// "100 Continue" invites what is turned away. The caller calls release when it
// needs the output no longer.
func (r *bodyReader) admit(c echo.Context) (release func(), err error) {
	if err := checkDeclared(c, r.limit); err != nil {
		return nil, err
	}
	req := c.Request()
	need := req.ContentLength // -1 when there is none
	if need < 0 || req.Header.Get(echo.HeaderContentEncoding) != "" {
		need = int64(r.limit) // for it may unfold to that
	}
	return r.capacity.take(need)
}

// read returns the output that a body stands for, and nothing of a body that
// did not arrive whole.
func (r *bodyReader) read(c echo.Context) (relay.Payload, error) {
	req := c.Request()
	compressed, err := isGzip(req.Header)
	if err != nil {
		return nil, err
	}
	kind, err := parseKind(req.Header.Get(echo.HeaderContentType))
	if err != nil {
		return nil, err
	}
	body, err := readAll(c, r.limit)
	if err != nil {
		return nil, err
	}
	if compressed {
		if body, err = r.decompress(body); err != nil {
			return nil, err
		}
	}
	return kind.output(body)
}

// readForm returns the inputs of a form that a browser posts.
func (r *bodyReader) readForm(c echo.Context) (url.Values, error) {
	mediaType, _, err := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	if err != nil || mediaType != echo.MIMEApplicationForm {
		return nil, &unsupportedError{"want Content-Type: " + echo.MIMEApplicationForm}
	}
	body, err := readAll(c, r.limit)
	if err != nil {
		return nil, err
	}
	if bytes.Count(body, []byte("&")) >= maxFields {
		return nil, tooManyFields(0)
	}
	typed, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, &relay.InvalidBodyError{Problem: "not a valid form"}
	}
	for _, values := range typed {
		for _, value := range values {
			if !utf8.ValidString(value) {
				return nil, &relay.InvalidBodyError{Problem: "not valid UTF-8"}
			}
		}
	}
	return typed, nil
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

// readAll reads a body of at most limit bytes. Of one that is longer, or did
// not arrive whole, it returns nothing.
func readAll(c echo.Context, limit int) ([]byte, error) {
	// In HTTP/1.0 a POST without a length is a mistake (RFC 1945, 8.3). net/http
	// takes its body, chunks too, for an empty one.
	if req := c.Request(); !req.ProtoAtLeast(1, 1) && req.Header.Get(echo.HeaderContentLength) == "" {
		hangUp(c)
		return nil, &relay.InvalidBodyError{Problem: "incomplete or badly framed"}
	}
	// Room for all of it at once, where its length is known and was admitted,
	// and for the read that finds its end.
	var read bytes.Buffer
	read.Grow(int(max(c.Request().ContentLength, 0)) + bytes.MinRead)
	_, err := read.ReadFrom(http.MaxBytesReader(c.Response(), c.Request().Body, int64(limit)))
	body := read.Bytes()
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		hangUp(c)
		return nil, &relay.TooLargeError{Limit: limit}
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
