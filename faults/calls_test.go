package faults

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// callLog records every call to the stand-in, including those that the stand-in
// refuses or loses. The ledger has only accepted calls.
type callLog struct {
	next http.Handler

	mu     sync.Mutex
	byTask map[string][]sent
}

// sent is one call to Step Functions.
type sent struct {
	at      time.Time
	action  string
	outcome string // output, or error and cause
}

func (l *callLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the caller is gone
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var in struct{ TaskToken, Output, Error, Cause string }
	if json.Unmarshal(body, &in) == nil {
		_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		l.mu.Lock()
		l.byTask[in.TaskToken] = append(l.byTask[in.TaskToken], sent{time.Now(), action, in.Output + in.Error + in.Cause})
		l.mu.Unlock()
	}
	l.next.ServeHTTP(w, r)
}

// of returns the calls for a task, in order of arrival.
func (l *callLog) of(taskToken string) []sent {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]sent(nil), l.byTask[taskToken]...)
}
