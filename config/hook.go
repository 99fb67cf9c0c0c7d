package config

import (
	"errors"
	"time"

	"callback-relay/rules"
	"callback-relay/senders"
)

// Hook is the hook of a sender: the one URL to which the sender posts all its events.
type Hook struct {
	Sender *senders.Sender // nil with [NoProof]
	Rule   *rules.Hook     // which events count, and what they are about
	Keep   time.Duration   // how long an event waits for a callback that is not there yet
}

// NoProof is what stands in the file instead of a proof if everybody may post to a hook,
// so that nobody leaves out the proof by mistake.
const NoProof = "none"

// How long a hook keeps an event. A test compares these with the rules of the relay.
const (
	shortestKeep = time.Second
	defaultKeep  = 15 * time.Minute
	longestKeep  = 24 * time.Hour
)

// fileHook is a hook as the file describes it.
type fileHook struct {
	Key    string       `json:"key"`
	Accept string       `json:"accept"`
	Keep   durationText `json:"keep"`
	// VerifyToken is [senders.Spec.VerifyToken].
	VerifyToken *reference `json:"verifyToken"`
}

// durationText is a duration as it is written.
type durationText string

// fileProof is a proof as the file describes it: [senders.Proof], or [NoProof].
type fileProof struct {
	senders.Proof
	none bool
}

// given returns the proof; nil if there is none.
func (p *fileProof) given() *senders.Proof {
	if p == nil || p.none {
		return nil
	}
	return &p.Proof
}

// open tells whether everybody may post.
func (s *fileSender) open() bool { return s.Proof != nil && s.Proof.none }

// orOpen adds to a missing proof of a hook that there may be none.
func orOpen(s *fileSender, wrong *senders.SpecError) string {
	if s.Hook != nil && s.Preset == "" && wrong.Field == "preset" {
		return `. If everybody may post to the hook, write "proof: none"`
	}
	return ""
}

// openSender checks a sender that proves nothing.
func (r *fileReader) openSender(at string, s *fileSender) {
	if s.Preset != "" {
		r.d.wrong(at+".proof", "cannot be combined with a preset: give one of them")
	} else if s.Hook == nil && !r.d.misread[at+".hook"] {
		r.d.wrong(at+".proof", "none is only possible beside a hook. A link to which everybody may post needs no sender")
	}
	for _, field := range []struct {
		name  string
		given bool
	}{
		{"secrets", len(s.Secrets) > 0}, {"account", s.Account != ""}, {"header", s.Header != ""}, {"user", s.User != ""}, {"url", s.URL != ""},
		{"hook.verifyToken", s.Hook != nil && s.Hook.VerifyToken != nil},
	} {
		if field.given {
			r.d.wrong(at+"."+field.name, "is not used with proof none, since nothing is checked; leave it out, or describe the proof")
		}
	}
}

// hook checks the hook of a sender and adds it to the file. It returns how long the hook
// keeps events; 0 if there is none. made is nil if the sender has a mistake, or no proof.
func (r *fileReader) hook(name string, s *fileSender, made *senders.Sender) time.Duration {
	if s.Hook == nil {
		return 0
	}
	at := "senders." + name + ".hook"
	hook := Hook{Sender: made, Keep: defaultKeep}
	if keep := s.Hook.Keep; keep != "" && !r.d.misread[at+".keep"] {
		var problem string
		if hook.Keep, problem = durationWithin(string(keep), shortestKeep, longestKeep); problem != "" {
			r.d.wrong(at+".keep", "%s", problem)
		}
	}
	src := rules.HookSource{Accept: s.Hook.Accept, Key: s.Hook.Key}
	switch {
	case made != nil:
		src.Event = made.Event()
	case s.Event != nil:
		src.Event = *s.Event
	}
	var err error
	hook.Rule, err = rules.CompileHook(src)
	for _, err := range parts(err) {
		wrong, ok := errors.AsType[*rules.Error](err)
		if !ok || wrong.Path != "key" && wrong.Path != "accept" {
			continue // of the sender's event, which is checked where it is written
		}
		follows := src.Key == "" && wrong.Path == "key" && r.d.misspelt[at]
		if !follows {
			r.d.wrong(at+"."+wrong.Path, "%s", wrong.Problem)
		}
	}
	if hook.Rule != nil && (made != nil || s.open()) {
		r.file.Hooks[name] = hook
	}
	return hook.Keep
}
