package standin

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"
)

// FaultKind is a kind of fault in a call.
type FaultKind string

// The faults. Those that commit first let the call take effect, if the task allows
// it; all others do not change the task.
const (
	CommitThenDrop     FaultKind = "commit-then-drop"     // the connection closes without a reply
	CommitThenError    FaultKind = "commit-then-error"    // HTTP 500, InternalFailure
	CommitThenTruncate FaultKind = "commit-then-truncate" // a 200 whose body breaks off
	CommitThenGarble   FaultKind = "commit-then-garble"   // a 200 whose body is not JSON
	CommitThenHang     FaultKind = "commit-then-hang"     // no reply until the client hangs up, or Release
	Drop               FaultKind = "drop"                 // the connection closes without a reply
	ServerError        FaultKind = "server-error"         // HTTP 500, InternalFailure
	Unavailable        FaultKind = "unavailable"          // HTTP 503, ServiceUnavailable
	Hang               FaultKind = "hang"                 // nothing until the client hangs up; after Release the call continues
	Slow               FaultKind = "slow"                 // only the Delay
	Throttle           FaultKind = "throttle"             // HTTP 400, ThrottlingException
	Refuse             FaultKind = "refuse"               // the error named by Code, Message and Status
)

var faultKinds = []FaultKind{
	CommitThenDrop, CommitThenError, CommitThenTruncate, CommitThenGarble, CommitThenHang,
	Drop, ServerError, Unavailable, Hang, Slow, Throttle, Refuse,
}

// Fault is one fault to play.
type Fault struct {
	Kind      FaultKind
	Action    Action        // empty: any
	TaskToken string        // empty: any
	Delay     time.Duration // passes before anything else happens, in real time

	// Only for Refuse.
	Code    string
	Message string // by default the code
	Status  int    // by default 400
}

// Inject queues faults. Each is played once, to the next call that it matches.
func (s *Server) Inject(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queued = append(s.queued, faults...)
}

// SetFault sets the standing faults: a call that matches no queued fault gets the
// first standing fault that it matches. It replaces all earlier standing faults;
// without arguments it removes them.
func (s *Server) SetFault(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.standing = slices.Clone(faults)
}

// Release lets calls that hang continue.
func (s *Server) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.release)
	s.release = make(chan struct{})
}

// arrive counts a call for its task and picks the fault for it; the zero Fault
// means that nothing goes wrong. The channel closes with the next Release.
func (s *Server) arrive(c *call) (Fault, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.find(c.taskToken)
	matches := func(f Fault) bool {
		return (f.Action == "" || f.Action == c.action) && (f.TaskToken == "" || f.TaskToken == c.taskToken)
	}
	if i := slices.IndexFunc(s.queued, matches); i >= 0 {
		fault := s.queued[i]
		s.queued = slices.Delete(s.queued, i, i+1)
		return fault, s.release
	}
	if i := slices.IndexFunc(s.standing, matches); i >= 0 {
		return s.standing[i], s.release
	}
	return Fault{}, s.release
}

// behave answers a well-formed call, with the fault that is due.
func (s *Server) behave(w http.ResponseWriter, r *http.Request, c *call) {
	fault, release := s.arrive(c)
	if !pause(r.Context(), fault.Delay) {
		s.countResult(c.action, string(fault.Kind))
		panic(http.ErrAbortHandler)
	}
	if fault.commits() {
		_ = s.perform(c) // the client must not learn the result
	}
	switch fault.Kind {
	case Drop, CommitThenDrop, CommitThenTruncate, CommitThenGarble, Hang, CommitThenHang:
		s.countResult(c.action, string(fault.Kind))
		s.leaveUnclear(w, r, c, fault, release)
	default:
		err := fault.refusal()
		if err == nil {
			err = s.perform(c)
		}
		s.count(c.action, err)
		reply(w, err)
	}
}

// leaveUnclear plays the faults in which the client gets no reply, or none in time.
func (s *Server) leaveUnclear(w http.ResponseWriter, r *http.Request, c *call, fault Fault, release <-chan struct{}) {
	switch fault.Kind {
	case CommitThenTruncate:
		breakOff(w)
	case CommitThenGarble:
		_, _ = w.Write([]byte("<html>"))
	case Hang, CommitThenHang:
		select {
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		case <-release:
		}
		var err error
		if fault.Kind == Hang {
			err = s.perform(c)
		}
		reply(w, err)
	default:
		panic(http.ErrAbortHandler) // this closes the connection without a reply
	}
}

// commits returns whether the call takes effect before the fault is played.
func (f Fault) commits() bool {
	switch f.Kind {
	case CommitThenDrop, CommitThenError, CommitThenTruncate, CommitThenGarble, CommitThenHang:
		return true
	}
	return false
}

// refusal returns the error with which the fault replies, or nil.
func (f Fault) refusal() error {
	switch f.Kind {
	case CommitThenError, ServerError:
		return &refusal{http.StatusInternalServerError, "InternalFailure", "The request processing has failed"}
	case Unavailable:
		return &refusal{http.StatusServiceUnavailable, "ServiceUnavailable", "Service is unavailable"}
	case Throttle:
		return errThrottled
	case Refuse:
		return &refusal{cmp.Or(f.Status, http.StatusBadRequest), f.Code, cmp.Or(f.Message, f.Code)}
	}
	return nil
}

// breakOff sends the head of a 200, and less of its body than announced.
func breakOff(w http.ResponseWriter) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", "64")
	_, _ = w.Write([]byte(`{"cut":`))
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// pause waits for d and returns whether the client is still connected.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
