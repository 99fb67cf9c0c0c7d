//go:build unix

package stepfunctions

import (
	"errors"
	"syscall"
)

// quiet returns whether nothing has come on an idle connection: neither its end nor
// anything that nobody asked for. It does not wait.
func (c *connection) quiet() bool {
	if c.raw == nil {
		return true
	}
	quiet := false
	err := c.raw.Read(func(fd uintptr) (done bool) {
		var one [1]byte
		_, err := syscall.Read(int(fd), one[:]) // whatever it reads, the connection is not used again
		quiet = errors.Is(err, syscall.EAGAIN)
		return true
	})
	return err == nil && quiet
}
