package handlers

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"callback-relay/bodies"
)

// bodyReader reads request bodies within bounds.
type bodyReader struct {
	limit    int       // of one body, or of the output that it becomes, in bytes
	capacity *capacity // of all bodies being handled, in bytes
}

// admit makes room for a body of at most limit bytes, or refuses it before the
// first read, so that no "100 Continue" invites what is turned away. The caller
// calls release when it needs the body no longer.
func (r *bodyReader) admit(c echo.Context, limit int) (release func(), err error) {
	if err := checkDeclared(c, limit); err != nil {
		return nil, err
	}
	req := c.Request()
	need := req.ContentLength // -1 when there is none
	if need < 0 || req.Header.Get(echo.HeaderContentEncoding) != "" {
		need = int64(limit) // for it may unfold to that
	}
	return r.capacity.take(need)
}

// readForm returns the inputs of a form that a browser posts.
func (r *bodyReader) readForm(c echo.Context) (url.Values, error) {
	mediaType, _, err := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	if err != nil || mediaType != echo.MIMEApplicationForm {
		return nil, &bodies.UnsupportedError{Problem: "set the Content-Type header to " + echo.MIMEApplicationForm}
	}
	body, err := readAll(c, r.limit)
	if err != nil {
		return nil, err
	}
	if bytes.Count(body, []byte("&")) >= bodies.MaxFields {
		return nil, &bodies.InvalidError{Problem: fmt.Sprintf("a form of more than %d fields", bodies.MaxFields)}
	}
	typed, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, &bodies.InvalidError{Problem: "not a valid form"}
	}
	for _, values := range typed {
		for _, value := range values {
			if !utf8.ValidString(value) {
				return nil, &bodies.InvalidError{Problem: "not valid UTF-8"}
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
	return &bodies.TooLargeError{Limit: limit, Actual: int(declared)}
}

// readAll reads a body of at most limit bytes. Of one that is longer, or did
// not arrive whole, it returns nothing.
func readAll(c echo.Context, limit int) ([]byte, error) {
	// In HTTP/1.0 a POST without a length is a mistake (RFC 1945, 8.3). net/http
	// takes its body, chunks too, for an empty one.
	if req := c.Request(); !req.ProtoAtLeast(1, 1) && req.Header.Get(echo.HeaderContentLength) == "" {
		hangUp(c)
		return nil, &bodies.InvalidError{Problem: "incomplete or badly framed"}
	}
	// Room for all of it at once, where its length is known and was admitted,
	// and for the read that finds its end.
	var read bytes.Buffer
	read.Grow(int(max(c.Request().ContentLength, 0)) + bytes.MinRead)
	_, err := read.ReadFrom(http.MaxBytesReader(c.Response(), c.Request().Body, int64(limit)))
	body := read.Bytes()
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		hangUp(c)
		return nil, &bodies.TooLargeError{Limit: limit}
	}
	if slow, ok := errors.AsType[net.Error](err); ok && slow.Timeout() {
		hangUp(c)
		return nil, errSlow
	}
	if err != nil {
		return nil, &bodies.InvalidError{Offset: len(body), Problem: "incomplete or badly framed"}
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
