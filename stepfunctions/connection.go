package stepfunctions

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// longestReply is how many bytes of a reply are read, its head included. Those of
// Step Functions have some hundred.
const longestReply = 1 << 20

var errLongReply = errors.New("the reply is longer than 1 MiB")

// connection is one connection to the server. It has one request at a time.
type connection struct {
	net.Conn
	raw       syscall.RawConn // under TLS; nil if it cannot be had
	idleSince time.Time
}

func newConnection(conn net.Conn) *connection {
	c := &connection{Conn: conn}
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if system, ok := conn.(syscall.Conn); ok {
		c.raw, _ = system.SyscallConn() // without it, only the time tells that the server is gone
	}
	return c
}

// Buffers are only held during an exchange, so an idle connection takes little
// memory. Those for writing have the size of a TLS record.
var (
	readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 4<<10) }}
	writers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 16<<10) }}
)

// exchange writes a request and reads the whole reply, until the end of the
// request's context. A reply whose body breaks off is returned all the same: its
// body ends with the error. The connection can be used again if reusable.
func (c *connection) exchange(r *http.Request) (reply *http.Response, reusable bool, err error) {
	ctx := r.Context()
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	err = c.write(r)
	if err == nil {
		reply, reusable, err = c.read(r)
	}
	reusable = stop() && reusable
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return reply, reusable, err
}

func (c *connection) write(r *http.Request) error {
	w := writers.Get().(*bufio.Writer)
	w.Reset(c.Conn)
	err := r.Write(joined{w})
	if err == nil {
		err = w.Flush()
	}
	w.Reset(nil)
	writers.Put(w)
	return err
}

// joined is a buffer that sends the head of a request together with the beginning of
// its body. Request.Write would flush the head of a plain bufio.Writer alone.
type joined struct{ *bufio.Writer }

func (c *connection) read(r *http.Request) (reply *http.Response, reusable bool, err error) {
	limited := &limitedReader{LimitedReader: io.LimitedReader{R: c.Conn, N: longestReply}}
	from := readers.Get().(*bufio.Reader)
	from.Reset(limited)
	defer func() {
		from.Reset(nil)
		readers.Put(from)
	}()
	if reply, err = readHead(from, r); err != nil {
		return nil, false, err
	}
	var body bytes.Buffer
	_, err = body.ReadFrom(reply.Body)
	switch ended := r.Context().Err(); {
	case err != nil && ended != nil:
		err = ended
	case limited.N <= 0:
		err = errLongReply
	}
	reusable = err == nil && !limited.ended && !reply.Close && from.Buffered() == 0
	reply.Body = &replyBody{Reader: &body, err: err}
	return reply, reusable, nil
}

// limitedReader reads the reply. It notes the end of the connection, which can come together
// with the reply, and which the connection itself need not report again.
type limitedReader struct {
	io.LimitedReader
	ended bool
}

func (r *limitedReader) Read(into []byte) (int, error) {
	n, err := r.LimitedReader.Read(into)
	r.ended = r.ended || err != nil
	return n, err
}

// readHead reads the head of the final reply. Interim replies, such as 102
// Processing, may come before it, but not for ever.
func readHead(from *bufio.Reader, r *http.Request) (*http.Response, error) {
	for range 6 {
		reply, err := http.ReadResponse(from, r)
		if err != nil {
			return nil, err
		}
		if reply.StatusCode >= 200 {
			return reply, nil
		}
		if reply.StatusCode == http.StatusSwitchingProtocols {
			return nil, errors.New("the server switches to another protocol")
		}
	}
	return nil, errors.New("too many interim replies")
}

// replyBody is a body that has been read already, and the error with which reading
// it ended, if not nil.
type replyBody struct {
	io.Reader
	err error
}

func (b *replyBody) Read(into []byte) (int, error) {
	n, err := b.Reader.Read(into)
	if errors.Is(err, io.EOF) && b.err != nil {
		err = b.err
	}
	return n, err
}

func (b *replyBody) Close() error { return nil }
