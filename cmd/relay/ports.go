package main

import (
	"fmt"
	"net"
)

// ports are the two listeners of a node. They are bound before it is made,
// because the addresses of its links may depend on them.
type ports struct {
	public, private net.Listener
}

// bind opens both ports. Port 0 stands for any free one.
func bind(public, private string) (p ports, err error) {
	if p.public, err = net.Listen("tcp", public); err != nil {
		return ports{}, fmt.Errorf("public listener: %w", err)
	}
	if p.private, err = net.Listen("tcp", private); err != nil {
		p.close()
		return ports{}, fmt.Errorf("private listener: %w", err)
	}
	return p, nil
}

func (p ports) close() {
	for _, l := range []net.Listener{p.public, p.private} {
		if l != nil {
			_ = l.Close() // a server that was shut down has done so
		}
	}
}
