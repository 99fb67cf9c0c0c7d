package standin

import (
	"net/http"
	"time"
)

var errThrottled error = &refusal{http.StatusBadRequest, "ThrottlingException", "Rate exceeded"}

// bucket is the token bucket of one action.
type bucket struct {
	level float64
	at    time.Time
}

// withinQuota takes one call from the action's bucket, if any is left.
func (s *Server) withinQuota(action Action) bool {
	if s.opts.Rate <= 0 {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now, burst := s.clock(), float64(max(s.opts.Burst, 1))
	b := s.buckets[action]
	if b == nil {
		b = &bucket{level: burst, at: now}
		s.buckets[action] = b
	}
	b.level = min(burst, b.level+now.Sub(b.at).Seconds()*s.opts.Rate)
	b.at = now
	if b.level < 1 {
		return false
	}
	b.level--
	return true
}
