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

// bodyLimit is how many bytes a body may have.
type bodyLimit struct {
	bytes int
	// longer asks whether a longer body is allowed, and how long it may be; nil if it is
	// not. It is asked only if the body is longer.
	longer func() (int, error)
}

// extend asks for the longer limit, once.
func (l *bodyLimit) extend() error {
	if l.longer == nil {
		return nil
	}
	var err error
	l.bytes, err = l.longer()
	l.longer = nil
	return err
}

// readBody reads a body within its limit. If there is no room for the body, it is refused
// before the first read, so that no "100 Continue" invites the client to send it. Room is
// taken only as bytes arrive: otherwise a few announced bodies could hold the room of
// many.
func readBody(c echo.Context, limit bodyLimit, held *share) ([]byte, error) {
	if c.Request().ContentLength > int64(limit.bytes) {
		if err := limit.extend(); err != nil {
			return nil, err
		}
	}
	if err := checkDeclared(c, limit.bytes); err != nil {
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

// readAll reads a body within its limit into its share of the room. If the body is longer
// or incomplete, it returns none of it.
func readAll(c echo.Context, limit bodyLimit, held *share) ([]byte, error) {
	// In HTTP/1.0 a POST without a length is invalid (RFC 1945, 8.3), but net/http
	// would treat its body as empty, even in chunks.
	if req := c.Request(); !req.ProtoAtLeast(1, 1) && req.Header.Get(echo.HeaderContentLength) == "" {
		hangUp(c)
		return nil, &bodies.InvalidError{Problem: "incomplete or badly framed"}
	}
	read := bodies.Buffer{Room: held, Max: limit.bytes}
	err := fill(c, &read, &limit)
	body := read.Bytes()
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		hangUp(c)
		return nil, &bodies.TooLargeError{Limit: limit.bytes}
	}
	if errors.Is(err, relay.ErrOverloaded) {
		hangUp(c)
		return nil, err
	}
	if slow, ok := errors.AsType[net.Error](err); ok && slow.Timeout() {
		hangUp(c)
		return nil, errSlow
	}
	if asked, ok := errors.AsType[*limitError](err); ok {
		hangUp(c)
		return nil, asked.err
	}
	if err != nil {
		return nil, &bodies.InvalidError{Offset: len(body), Problem: "incomplete or badly framed"}
	}
	return body, nil
}

// limitError says that the longer limit could not be asked for.
type limitError struct{ err error }

// Error implements error.
func (e *limitError) Error() string { return e.err.Error() }

// fill reads a body into a buffer. If its length is not declared, the longer limit is asked
// for when more has arrived than the first one allows.
func fill(c echo.Context, read *bodies.Buffer, limit *bodyLimit) error {
	source := func(most int) io.Reader {
		return paced(c, http.MaxBytesReader(c.Response(), c.Request().Body, int64(most)))
	}
	if declared := c.Request().ContentLength; declared >= 0 {
		read.Max = int(declared)
		return read.Fill(source(limit.bytes), declaredStep)
	}
	if limit.longer == nil {
		return read.Fill(source(limit.bytes), unknownStep)
	}
	read.Max = limit.bytes + 1 // the byte that shows that there is more
	err := read.Fill(io.LimitReader(paced(c, c.Request().Body), int64(read.Max)), unknownStep)
	if err != nil || len(read.Bytes()) < read.Max {
		return err
	}
	if err := limit.extend(); err != nil {
		return &limitError{err}
	}
	if limit.bytes < read.Max {
		return &http.MaxBytesError{Limit: int64(limit.bytes)}
	}
	rest := limit.bytes - read.Max
	read.Max = limit.bytes
	return read.Fill(source(rest), unknownStep)
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
