package handlers

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"callback-relay/bodies"
	"callback-relay/relay"
)

// readBody reads a body of at most limit bytes. If there is no room for the body, it
// is refused before the first read, so that no "100 Continue" invites the client to
// send it. Room is taken only as bytes arrive: otherwise a few announced bodies could
// hold the room of many.
func readBody(c echo.Context, limit int, held *share) ([]byte, error) {
	if err := checkDeclared(c, limit); err != nil {
		return nil, err
	}
	if !held.of.fits(c.Request().ContentLength) {
		return nil, relay.ErrOverloaded
	}
	return readAll(c, limit, held)
}

// checkDeclared refuses a body whose declared length is over the limit.
func checkDeclared(c echo.Context, limit int) error {
	declared := c.Request().ContentLength
	if declared <= int64(limit) {
		return nil
	}
	hangUp(c)
	return &bodies.TooLargeError{Limit: limit, Actual: int(declared)}
}

// readAll reads a body of at most limit bytes into its share of the room. If the body
// is longer or incomplete, it returns none of it.
func readAll(c echo.Context, limit int, held *share) ([]byte, error) {
	// In HTTP/1.0 a POST without a length is invalid (RFC 1945, 8.3), but net/http
	// would treat its body as empty, even in chunks.
	if req := c.Request(); !req.ProtoAtLeast(1, 1) && req.Header.Get(echo.HeaderContentLength) == "" {
		hangUp(c)
		return nil, &bodies.InvalidError{Problem: "incomplete or badly framed"}
	}
	read := bodies.Buffer{Room: held, Max: limit}
	step := unknownStep
	if declared := c.Request().ContentLength; declared >= 0 {
		read.Max, step = int(declared), declaredStep
	}
	err := read.Fill(paced(c, http.MaxBytesReader(c.Response(), c.Request().Body, int64(limit))), step)
	body := read.Bytes()
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		hangUp(c)
		return nil, &bodies.TooLargeError{Limit: limit}
	}
	if errors.Is(err, relay.ErrOverloaded) {
		hangUp(c)
		return nil, err
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

// hangUp ends the connection after the answer, whatever the client still sends.
// Otherwise the server would first read up to 256 KiB more before it answers.
func hangUp(c echo.Context) {
	// The only way to tell the server is a MaxBytesReader that exceeds its limit. Then
	// the server answers at once, and waits a little before it closes the connection:
	// data that arrives at a closed connection makes the client's side drop the answer.
	over := http.MaxBytesReader(c.Response().Writer, io.NopCloser(strings.NewReader("x")), 0)
	_, _ = over.Read(make([]byte, 1))
	// The server would still read after the answer, so stop it. This fails only for the
	// writers of tests, which have no connection.
	_ = http.NewResponseController(c.Response()).SetReadDeadline(time.Now())
}
