package handlers

import (
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// share is the part of a room that one request holds. It grows as bytes arrive or
// are rendered. It never waits for more room: requests that wait for each other's
// room would wait for ever. It implements [bodies.Room].
type share struct {
	of   *room
	held int64
}

// Take takes n more, or reports [relay.ErrOverloaded] if not enough is left.
func (s *share) Take(n int) error {
	if err := s.of.take(int64(n)); err != nil {
		return err
	}
	s.held += int64(n)
	return nil
}

// Give gives back n of what was taken.
func (s *share) Give(n int) {
	s.of.give(int64(n))
	s.held -= int64(n)
}

// release gives everything back.
func (s *share) release() {
	s.of.give(s.held)
	s.held = 0
}

// The smallest pieces in which room is taken, in bytes: for a body of unknown
// length, and for one whose length is declared.
const (
	unknownStep  = 512
	declaredStep = 4 << 10
)

// A body must arrive at bodyPace, in bytes a second. Its sender may fall behind by
// bodyGrace.
const (
	bodyPace  = 8 << 10
	bodyGrace = 5 * time.Second
)

// pacedBody is a request's body that fails with a time-out if it falls behind the
// pace. The server's own deadline for the whole request still applies.
type pacedBody struct {
	io.Reader
	conn    *http.ResponseController
	end     time.Time     // the server's deadline; zero is none
	credit  time.Duration // how long the next byte may take
	started time.Time     // when the credit was last calculated
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
	_ = p.conn.SetReadDeadline(deadline) // fails only for the writers of tests
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
