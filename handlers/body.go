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
)

// bodyReader reads request bodies within bounds.
type bodyReader struct {
	limit    int       // of one body, or of the output that it becomes, in bytes
	capacity *capacity // of all bodies being handled, in bytes
}

// admit refuses a body that there is no room for before the first read, so that
// no "100 Continue" invites what is turned away. It sets no room aside: that is
// taken as bytes arrive, or a few of them could hold the room of many. The
// caller releases the share when it needs the body no longer.
func (r *bodyReader) admit(c echo.Context, limit int) (*share, error) {
	if err := checkDeclared(c, limit); err != nil {
		return nil, err
	}
	if !r.capacity.fits(c.Request().ContentLength) {
		return nil, errOverloaded
	}
	return &share{of: r.capacity}, nil
}

// read returns what a body becomes, which may have r.limit bytes, and nothing of
// one that did not arrive whole. The share holds the room of it.
func (r *bodyReader) read(c echo.Context, room *share) ([]byte, error) {
	kind := bodies.KindOf(c.Request().Header)
	body, err := readAll(c, kind.MaxBytes(r.limit), room)
	if err != nil {
		return nil, err
	}
	return r.convert(kind, body, room)
}

// convert returns what a body that arrived whole becomes.
func (r *bodyReader) convert(kind bodies.Kind, body []byte, room *share) ([]byte, error) {
	body, err := unpack(kind, body, kind.MaxBytes(r.limit), room)
	if err != nil {
		return nil, err
	}
	if err := room.add(kind.Growth(len(body), r.limit)); err != nil {
		return nil, err
	}
	return kind.JSON(body, r.limit)
}

// unpack undoes the compression of a body and stops one byte past the limit,
// however much more there would be.
func unpack(kind bodies.Kind, body []byte, limit int, room *share) ([]byte, error) {
	if !kind.Packed() || len(body) == 0 {
		return body, nil
	}
	unpacker, err := kind.Unpacker(body)
	if err != nil {
		return nil, err
	}
	plain := buffer{room: room, most: limit}
	err = plain.fill(unpacker, len(body)+unknownStep)
	if errors.Is(err, io.ErrShortBuffer) {
		return nil, &bodies.TooLargeError{Limit: limit}
	}
	return plain.bytes, err
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

// readAll reads a body of at most limit bytes into its share of the room. Of one
// that is longer, or did not arrive whole, it returns nothing.
func readAll(c echo.Context, limit int, room *share) ([]byte, error) {
	// In HTTP/1.0 a POST without a length is a mistake (RFC 1945, 8.3). net/http
	// takes its body, chunks too, for an empty one.
	if req := c.Request(); !req.ProtoAtLeast(1, 1) && req.Header.Get(echo.HeaderContentLength) == "" {
		hangUp(c)
		return nil, &bodies.InvalidError{Problem: "incomplete or badly framed"}
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
		return nil, &bodies.TooLargeError{Limit: limit}
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
