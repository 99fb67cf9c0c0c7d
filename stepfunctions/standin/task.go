package standin

import (
	"crypto/rand"
	"encoding/base64"
	"time"
)

// Status is the state of a task.
type Status string

// The statuses. All but Waiting are final.
const (
	Waiting   Status = "waiting"
	Succeeded Status = "succeeded"
	Failed    Status = "failed"
	TimedOut  Status = "timed out"
	Stopped   Status = "stopped"
)

// TaskOptions says how long a task waits. Zero means for ever.
type TaskOptions struct {
	Timeout          time.Duration // from its creation
	HeartbeatTimeout time.Duration // from its creation or last heartbeat
}

// TaskState is what the stand-in knows about a task.
type TaskState struct {
	Status        Status
	Calls         int       // well-formed calls that named it, including refused and lost ones
	LastHeartbeat time.Time // zero before the first
}

type task struct {
	TaskState

	opts    TaskOptions
	created time.Time
}

// NewTask starts a task that waits, and returns its task token.
func (s *Server) NewTask(opts TaskOptions) (taskToken string) {
	taskToken = newTaskToken()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.register(taskToken, opts)
	return taskToken
}

// Register starts a waiting task with a task token of the caller's choice. It does
// not change a task that is already known.
func (s *Server) Register(taskToken string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tasks[taskToken] == nil {
		s.register(taskToken, TaskOptions{})
	}
}

func (s *Server) register(taskToken string, opts TaskOptions) *task {
	t := &task{TaskState: TaskState{Status: Waiting}, opts: opts, created: s.clock()}
	s.tasks[taskToken] = t
	return t
}

// Close ends a waiting task as if its execution were stopped.
func (s *Server) Close(taskToken string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.tasks[taskToken]; t != nil && t.status(s.clock()) == Waiting {
		t.Status = Stopped
	}
}

// Task returns the state of a task, and whether it is known.
func (s *Server) Task(taskToken string) (TaskState, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tasks[taskToken]
	if t == nil {
		return TaskState{}, false
	}
	t.status(s.clock())
	return t.TaskState, true
}

// status closes the task if its time is over, and returns its status.
func (t *task) status(now time.Time) Status {
	if t.Status != Waiting {
		return t.Status
	}
	alive := t.created
	if t.LastHeartbeat.After(alive) {
		alive = t.LastHeartbeat
	}
	if over(t.created, t.opts.Timeout, now) || over(alive, t.opts.HeartbeatTimeout, now) {
		t.Status = TimedOut
	}
	return t.Status
}

func over(since time.Time, limit time.Duration, now time.Time) bool {
	return limit > 0 && !now.Before(since.Add(limit))
}

// find returns the task that a call names, or nil, and counts the call.
func (s *Server) find(taskToken string) *task {
	t := s.tasks[taskToken]
	if t == nil && s.opts.AcceptAny {
		t = s.register(taskToken, TaskOptions{})
	}
	if t != nil {
		t.Calls++
	}
	return t
}

// perform lets a call take effect, or returns why it cannot.
func (s *Server) perform(c *call) error {
	effect, err := s.record(c)
	if err == nil && s.opts.OnEffect != nil {
		s.opts.OnEffect(effect)
	}
	return err
}

func (s *Server) record(c *call) (Effect, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, now := s.tasks[c.taskToken], s.clock()
	switch {
	case t == nil:
		return Effect{}, refuse("InvalidToken", "Invalid Token: 'Invalid token'")
	case t.status(now) != Waiting:
		return Effect{}, refuse("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
	case c.action == SendTaskSuccess && !readable(c.output):
		return Effect{}, refuse("InvalidOutput", "Invalid Output: 'The output is not JSON: %s'", c.output)
	}
	effect := Effect{TaskToken: c.taskToken, Action: c.action, Output: c.output, Error: c.errorName, Cause: c.cause, At: now}
	switch c.action {
	case SendTaskSuccess:
		t.Status = Succeeded
	case SendTaskFailure:
		t.Status = Failed
	case SendTaskHeartbeat:
		t.LastHeartbeat = now
		s.heartbeats = append(s.heartbeats, effect)
		return effect, nil
	}
	s.effects = append(s.effects, effect)
	return effect, nil
}

// newTaskToken makes a task token like those of AWS: about 700 characters of
// A-Z a-z 0-9 + / =, with "==" in the middle, so that it is not valid base64.
func newTaskToken() string {
	const prefix = "AQCAAAAqAAAAAgAAAAAAAAAB"
	random := make([]byte, 250+252)
	_, _ = rand.Read(random) // never fails, by its documentation
	return prefix + base64.StdEncoding.EncodeToString(random[:250]) + base64.StdEncoding.EncodeToString(random[250:])
}
