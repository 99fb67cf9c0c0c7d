package handlers

import (
	"net"
	"sync"
)

// LimitConnections returns a listener that has at most so many connections
// open. Further ones wait to be accepted: an open connection takes memory and a
// file descriptor, and without descriptors there is no way to Redis, to Step
// Functions or for a health check either.
func LimitConnections(l net.Listener, most int) net.Listener {
	return &limitedListener{Listener: l, room: make(chan struct{}, most), closed: make(chan struct{})}
}

type limitedListener struct {
	net.Listener
	room   chan struct{} // one for each open connection
	closed chan struct{}
	once   sync.Once
}

// Accept implements [net.Listener].
func (l *limitedListener) Accept() (net.Conn, error) {
	select {
	case l.room <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.room
		return nil, err
	}
	release := sync.OnceFunc(func() { <-l.room })
	if tcp, ok := conn.(*net.TCPConn); ok {
		return &limitedConn{tcp, release}, nil
	}
	release() // no network is behind it
	return conn, nil
}

// Close implements [net.Listener].
func (l *limitedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// limitedConn embeds the TCP connection itself: the server closes one side of
// it after an answer that cuts a request short.
type limitedConn struct {
	*net.TCPConn
	release func()
}

// Close implements [net.Conn].
func (c *limitedConn) Close() error {
	defer c.release()
	return c.TCPConn.Close()
}
