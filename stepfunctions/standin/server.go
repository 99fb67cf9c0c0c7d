package standin

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Action is an operation of Step Functions.
type Action string

// The operations the stand-in knows.
const (
	SendTaskSuccess   Action = "SendTaskSuccess"
	SendTaskFailure   Action = "SendTaskFailure"
	SendTaskHeartbeat Action = "SendTaskHeartbeat"
)

// malformed is the action under which [Server.Calls] counts calls without a valid
// operation.
const malformed Action = "malformed"

// Options says how a stand-in behaves. With the zero value it has no quota and
// knows only the tasks that were registered.
type Options struct {
	// Clock gives the time for effects, timeouts and quotas; default [time.Now].
	Clock func() time.Time

	// Rate is how many calls per second each action may make in the long run,
	// and Burst how many at once (at least 1). A zero Rate means no quota.
	Rate  float64
	Burst int

	// AcceptAny treats an unknown task token as that of a waiting task, instead of
	// answering InvalidToken.
	AcceptAny bool

	// OnEffect, if set, is called for every accepted call before the reply. Its
	// calls may overlap.
	OnEffect func(Effect)
}

// Server is the stand-in. It is an [http.Handler] and safe for concurrent use.
type Server struct {
	opts  Options
	clock func() time.Time

	mu         sync.Mutex
	tasks      map[string]*task
	effects    []Effect
	heartbeats []Effect
	calls      Calls
	buckets    map[Action]*bucket
	queued     []Fault
	standing   []Fault
	release    chan struct{} // closed to let calls that hang continue, then replaced
}

// New returns a stand-in without tasks.
func New(opts Options) *Server {
	s := &Server{
		opts:    opts,
		clock:   opts.Clock,
		tasks:   make(map[string]*task),
		calls:   make(Calls),
		buckets: make(map[Action]*bucket),
		release: make(chan struct{}),
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	return s
}

// Listen serves on a loopback address, such as "127.0.0.1:0", until stop is
// called. An empty address picks a free port. Any other interface is refused,
// because everyone who can reach the stand-in can control it.
func (s *Server) Listen(addr string) (url string, stop func(), err error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return "", nil, fmt.Errorf("standin: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", nil, fmt.Errorf("standin: %s is not a loopback address", addr)
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return "", nil, fmt.Errorf("standin: %w", err)
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // it ends when stop is called
	}()
	stop = func() {
		_ = server.Close()
		<-served
	}
	return "http://" + listener.Addr().String(), stop, nil
}

// ServeHTTP answers calls as Step Functions does, and the control paths.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, controlPrefix) {
		s.serveControl(w, r)
		return
	}
	action, err := checkForm(r)
	if err == nil && !s.withinQuota(action) {
		err = errThrottled
	}
	if err != nil {
		s.count(action, err)
		reply(w, err)
		return
	}
	c, err := readCall(action, r)
	if err != nil {
		s.count(action, err)
		reply(w, err)
		return
	}
	s.behave(w, r, c)
}
