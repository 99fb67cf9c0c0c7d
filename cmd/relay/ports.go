package main

import (
	"errors"
	"net"

	"callback-relay/config"
)

// ports are the two listeners of a node. They are bound before the node is made,
// because the addresses of its links may depend on them.
type ports struct {
	public, private net.Listener
}

// bind opens both ports. Port 0 means any free port. The error names the setting
// of each port that cannot be opened.
func bind(public, private string) (p ports, err error) {
	var publicErr, privateErr error
	p.public, publicErr = listen("RELAY_PUBLIC_LISTEN", public)
	p.private, privateErr = listen("RELAY_PRIVATE_LISTEN", private)
	if err := errors.Join(publicErr, privateErr); err != nil {
		p.close()
		return ports{}, err
	}
	return p, nil
}

func listen(setting, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, unbound{&config.Mistake{Setting: setting, Problem: err.Error()}, err}
	}
	return l, nil
}

// unbound is the mistake that an address cannot be listened on, with the reason:
// dev mode tries another port if the address is in use.
type unbound struct {
	*config.Mistake
	reason error
}

// Unwrap is for package errors.
func (u unbound) Unwrap() []error { return []error{u.Mistake, u.reason} }

func (p ports) close() {
	for _, l := range []net.Listener{p.public, p.private} {
		if l != nil {
			_ = l.Close() // a server that was shut down has done so
		}
	}
}
