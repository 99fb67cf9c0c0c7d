package standin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// controlPrefix is the path at which a stand-in in another process takes commands.
const controlPrefix = "/_standin/"

// serveControl is the stand-in's API for other processes:
//
//	POST   /_standin/tasks   {"taskToken", "timeout", "heartbeatTimeout"}, all optional; 200 {"taskToken"}
//	POST   /_standin/close   {"taskToken"}: the execution was stopped
//	GET    /_standin/ledger  effects, then heartbeats: one JSON object a line
//	GET    /_standin/stats   calls by action and result
//	POST   /_standin/faults  [{"kind", "action", "taskToken", "delay", "code", "message", "status"}]: queued
//	PUT    /_standin/faults  the same: standing; an empty list for none
//	POST   /_standin/release calls that hang continue
//
// Durations are in Go's format, such as "150ms". Commands without a result
// answer 204.
func (s *Server) serveControl(w http.ResponseWriter, r *http.Request) {
	var err error
	switch r.Method + " " + r.URL.Path[len(controlPrefix):] {
	case "POST tasks":
		err = s.createTask(w, r)
	case "POST close":
		var in wireTask
		if err = decode(r.Body, &in); err == nil {
			s.Close(in.TaskToken)
		}
	case "GET ledger":
		s.writeLedger(w)
	case "GET stats":
		err = writeJSON(w, s.Calls())
	case "POST faults":
		err = withFaults(r.Body, s.Inject)
	case "PUT faults":
		err = withFaults(r.Body, s.SetFault)
	case "POST release":
		s.Release()
	default:
		http.NotFound(w, r)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if r.Method != http.MethodGet && r.URL.Path != controlPrefix+"tasks" {
		w.WriteHeader(http.StatusNoContent)
	}
}

type wireTask struct {
	TaskToken        string   `json:"taskToken"`
	Timeout          duration `json:"timeout,omitzero"`
	HeartbeatTimeout duration `json:"heartbeatTimeout,omitzero"`
}

func (s *Server) createTask(w http.ResponseWriter, r *http.Request) error {
	var in wireTask
	if err := decode(r.Body, &in); err != nil {
		return err
	}
	if in.TaskToken == "" {
		in.TaskToken = newTaskToken()
	}
	s.mu.Lock()
	if s.tasks[in.TaskToken] == nil {
		s.register(in.TaskToken, TaskOptions{Timeout: time.Duration(in.Timeout), HeartbeatTimeout: time.Duration(in.HeartbeatTimeout)})
	}
	s.mu.Unlock()
	return writeJSON(w, wireTask{TaskToken: in.TaskToken})
}

// wireEffect is a line of the ledger. The output is a JSON string, which keeps
// every byte.
type wireEffect struct {
	TaskToken string    `json:"taskToken"`
	Action    Action    `json:"action"`
	Output    string    `json:"output,omitempty"`
	Error     string    `json:"error,omitempty"`
	Cause     string    `json:"cause,omitempty"`
	At        time.Time `json:"at"`
}

func (s *Server) writeLedger(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/jsonl")
	encoder := json.NewEncoder(w)
	for _, e := range append(s.Effects(), s.Heartbeats()...) {
		if err := encoder.Encode(wireEffect{e.TaskToken, e.Action, string(e.Output), e.Error, e.Cause, e.At}); err != nil {
			return // the reader has hung up
		}
	}
}

type wireFault struct {
	Kind      FaultKind `json:"kind"`
	Action    Action    `json:"action"`
	TaskToken string    `json:"taskToken"`
	Delay     duration  `json:"delay"`
	Code      string    `json:"code"`
	Message   string    `json:"message"`
	Status    int       `json:"status"`
}

func withFaults(body io.Reader, use func(...Fault)) error {
	var in []wireFault
	if err := decode(body, &in); err != nil {
		return err
	}
	faults := make([]Fault, 0, len(in))
	for _, f := range in {
		if !slices.Contains(faultKinds, f.Kind) {
			return fmt.Errorf("no such fault: %q", f.Kind)
		}
		faults = append(faults, Fault{f.Kind, f.Action, f.TaskToken, time.Duration(f.Delay), f.Code, f.Message, f.Status})
	}
	use(faults...)
	return nil
}

// duration is a [time.Duration] that JSON writes as "1m30s".
type duration time.Duration

func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

// decode reads one command; an empty body is an object without members.
func decode(body io.Reader, into any) error {
	decoder := json.NewDecoder(io.LimitReader(body, maxBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

func writeJSON(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(v)
}
