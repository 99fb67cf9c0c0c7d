package standin

import (
	"slices"
	"time"
)

// Effect is the content of one accepted call.
type Effect struct {
	TaskToken string
	Action    Action
	Output    []byte // of SendTaskSuccess, byte for byte
	Error     string // of SendTaskFailure
	Cause     string // of SendTaskFailure
	At        time.Time
}

// Effects returns the calls that closed a task, oldest first: at most one per
// task token.
func (s *Server) Effects() []Effect {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.effects)
}

// Heartbeats returns the accepted heartbeats, oldest first.
func (s *Server) Heartbeats() []Effect {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.heartbeats)
}

// resultOK is the result under which [Calls] counts an accepted call with a reply.
const resultOK = "ok"

// Calls counts calls by action and by result: "ok", the code of the error, or the
// kind of the fault that was played.
type Calls map[Action]map[string]int

// Total returns the number of all calls.
func (c Calls) Total() int {
	total := 0
	for action := range c {
		total += c.Of(action)
	}
	return total
}

// Of returns the number of calls of one action.
func (c Calls) Of(action Action) int {
	total := 0
	for _, n := range c[action] {
		total += n
	}
	return total
}

// Calls returns the counts of all calls so far, including refused ones.
func (s *Server) Calls() Calls {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := make(Calls, len(s.calls))
	for action, results := range s.calls {
		calls[action] = make(map[string]int, len(results))
		for result, n := range results {
			calls[action][result] = n
		}
	}
	return calls
}

// count counts a call that is answered with err.
func (s *Server) count(action Action, err error) {
	result := resultOK
	if err != nil {
		result = asRefusal(err).code
	}
	s.countResult(action, result)
}

func (s *Server) countResult(action Action, result string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls[action] == nil {
		s.calls[action] = make(map[string]int)
	}
	s.calls[action][result]++
}
