package relay

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"callback-relay/senders"
)

// Methods returns the methods that a hook takes: POST, and those with which its sender
// tests the URL.
func (h Hook) Methods() []string {
	return append([]string{http.MethodPost}, senders.ProbeMethods(h.Sender)...)
}

// ProbeHook answers a request other than a POST with which the sender of a hook tests its
// URL. It changes nothing. found says whether it is such a request; the error is
// [*UnprovenError]. The body of p does not matter.
func (s *Service) ProbeHook(ctx context.Context, hook Hook, method string, p Post) (reply senders.Reply, found bool, err error) {
	h := s.newHookPost(hook, p)
	query, _ := url.ParseQuery(p.Query) // as far as it can be read
	reply, found, err = senders.Probe(hook.Sender, senders.Request{
		Method: method, URL: p.URL, Header: p.Header, Query: query, Now: s.now(),
	})
	if wrong, ok := errors.AsType[*senders.UnprovenError](err); ok {
		return senders.Reply{}, false, h.refused(ctx, wrong)
	}
	if found {
		h.judged(ctx, NoteHandshake, "", "")
	}
	return reply, found, err
}
