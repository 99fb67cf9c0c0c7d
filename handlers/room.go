package handlers

import (
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// share is what one request holds of a capacity. It grows with what arrives and
// with what is rendered, and never waits for more: requests that waited for each
// other's room would hold it for ever.
type share struct {
	of   *capacity
	held int64
}

// add takes n more, or reports that there is not enough left.
func (s *share) add(n int) error {
	if err := s.of.take(int64(n)); err != nil {
		return err
	}
	s.held += int64(n)
	return nil
}

// release gives all of it back.
func (s *share) release() {
	s.of.give(s.held)
	s.held = 0
}

// The smallest pieces in which room is taken: of a body of unknown length, of
// one whose length is declared, and of a page.
const (
	unknownStep  = 512
	declaredStep = 4 << 10
	pageStep     = 16 << 10
)

// buffer is bytes in memory, of which each is counted before there is room for
// it.
type buffer struct {
	bytes []byte
	room  *share
	most  int // how large it may become; 0 is no bound of its own
}

// grow makes room for more: at least n, and as a rule as much as there is
// already, so that whoever holds room has sent half of it.
func (b *buffer) grow(n int) error {
	size := max(len(b.bytes)+n, 2*cap(b.bytes))
	if b.most > 0 {
		size = min(size, b.most)
	}
	if err := b.room.add(size - cap(b.bytes)); err != nil {
		return err
	}
	grown := make([]byte, len(b.bytes), size)
	copy(grown, b.bytes)
	b.bytes = grown
	return nil
}

// Write implements [io.Writer].
func (b *buffer) Write(p []byte) (int, error) {
	if len(b.bytes)+len(p) > cap(b.bytes) {
		if err := b.grow(max(len(p), pageStep)); err != nil {
			return 0, err
		}
	}
	b.bytes = append(b.bytes, p...)
	return len(p), nil
}

// fill reads until the end, in steps of at least so many bytes. It reads one
// byte past b.most, to tell whether there is an end: what is longer is an
// [io.ErrShortBuffer].
func (b *buffer) fill(from io.Reader, step int) error {
	var past [1]byte
	for {
		if len(b.bytes) == cap(b.bytes) && cap(b.bytes) < b.most {
			if err := b.grow(step); err != nil {
				return err
			}
		}
		into := b.bytes[len(b.bytes):cap(b.bytes)]
		if len(into) == 0 {
			into = past[:]
		}
		n, err := from.Read(into)
		if n > 0 && len(b.bytes) == cap(b.bytes) {
			return io.ErrShortBuffer
		}
		b.bytes = b.bytes[:len(b.bytes)+n]
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// A body must arrive at this pace, in bytes a second. Its sender may fall behind
// by so long, at the beginning and after each pause.
const (
	bodyPace  = 8 << 10
	bodyGrace = 5 * time.Second
)

// pacedBody is a request's body that ends with a time-out when it falls behind
// the pace. The server's own deadline, for the request as a whole, stays.
type pacedBody struct {
	io.Reader
	conn    *http.ResponseController
	end     time.Time     // the server's deadline; zero is none
	credit  time.Duration // how long may pass until the next byte
	started time.Time     // when the credit was last reckoned
}

func paced(c echo.Context, body io.Reader) *pacedBody {
	p := &pacedBody{Reader: body, conn: http.NewResponseController(c.Response()), credit: bodyGrace, started: time.Now()}
	if server, ok := c.Request().Context().Value(http.ServerContextKey).(*http.Server); ok && server.ReadTimeout > 0 {
		p.end = p.started.Add(server.ReadTimeout)
	}
	return p
}

// Read implements [io.Reader].
func (p *pacedBody) Read(into []byte) (int, error) {
	deadline := p.started.Add(p.credit)
	if !p.end.IsZero() && p.end.Before(deadline) {
		deadline = p.end
	}
	_ = p.conn.SetReadDeadline(deadline) // only a writer that is no server's cannot
	n, err := p.Reader.Read(into)
	now := time.Now()
	earned := time.Duration(n) * time.Second / bodyPace
	p.credit = min(p.credit-now.Sub(p.started)+earned, bodyGrace)
	p.started = now
	if err != nil {
		_ = p.conn.SetReadDeadline(p.end)
	}
	return n, err
}
