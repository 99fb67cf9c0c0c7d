package relay

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"callback-relay/rules"
	"callback-relay/senders"
)

// Guard is what stands between a webhook link and the task: who may post, and which of
// their events count. The store keeps its JSON, sealed, for as long as the callback:
// senders repeat events after the task is over.
type Guard struct {
	// Sender is the name of a sender of the configuration file. Inline is one that
	// the registration described itself. Without both, everybody may post.
	Sender    string                     `json:"sender,omitempty"`
	Inline    *senders.Spec              `json:"inline,omitempty"`
	Vars      map[string]json.RawMessage `json:"vars,omitempty"`
	Outcomes  []rules.Outcome            `json:"outcomes,omitempty"`  // nil for those of the sender's preset
	Otherwise rules.Do                   `json:"otherwise,omitempty"` // "" for ignore if there are outcomes, and succeed if not
	Envelope  *Envelope                  `json:"envelope,omitempty"`
	// Key says which events of the sender's hook an await waits for. Links have none.
	Key string `json:"key,omitempty"`

	// OneSecret says that the registration gave the inline sender's secret as one, or gave
	// none. It is only for the names of fields in mistakes.
	OneSecret bool `json:"-"`
}

// Version is the first version of guards that has all that the guard uses. A release that
// knows only an earlier one would overlook a part of the guard, so it must not check it.
//
//	1  sender, vars, outcomes, otherwise, envelope
//	2  and outcomes with a schema
func (g Guard) Version() int {
	if slices.ContainsFunc(g.Outcomes, func(o rules.Outcome) bool { return o.Schema != nil }) {
		return 2
	}
	return 1
}

// LatestGuards is the latest version of guards that this release checks.
const LatestGuards = 2

// GuardedError is what the store reports if a guarded link is used without saying
// that its guard was passed. Nothing was changed.
type GuardedError struct {
	Guard Guard
	// Facts of the callback, and the response of the link: not to be revealed before the
	// guard is passed.
	Facts    Facts
	Response Response
}

// Error implements error.
func (e *GuardedError) Error() string { return "the link is guarded" }

// Unwrap returns [ErrUnavailable]: if a caller forgets the guard, nothing is lost.
func (e *GuardedError) Unwrap() error { return ErrUnavailable }

// Passed says that a post has passed the guard of its link.
type Passed struct {
	EventID string // "" if the event has none
}

// The bounds of a guard. Those of its rules are in package rules.
const (
	maxVars      = 16
	maxVarsBytes = 4 << 10 // of the JSON of all together
)

// varName is what CEL can select: vars.name.
var varName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// source is what the rules of the guard are compiled from. The registration's own
// outcomes replace those of the sender's preset. otherwise is for what either leave.
func (g Guard) source(sender *senders.Sender) rules.Source {
	src := rules.Source{Outcomes: g.Outcomes, Otherwise: g.Otherwise, Vars: slices.Collect(maps.Keys(g.Vars))}
	if sender != nil {
		src.Event = sender.Event()
		if len(g.Outcomes) == 0 {
			src.Outcomes = sender.Outcomes()
		}
	}
	if src.Otherwise == "" {
		src.Otherwise = rules.Succeed
		if len(src.Outcomes) > 0 {
			src.Otherwise = rules.Ignore
		}
	}
	return src
}

// inlineSender returns the sender that a registration described for a link. A sender
// with a shared value and no secret gets the one that the relay derives for the link.
func (s *Service) inlineSender(spec *senders.Spec, link LinkRef) (*senders.Sender, error) {
	if spec.WantsValue() {
		return senders.New(spec.WithSecret(link.SenderSecret()), s.senderKeys...)
	}
	return senders.New(*spec, s.senderKeys...)
}

// checkGuards returns every mistake in the guards of links, each an
// [*InvalidFieldError]. at returns the prefix of the names of a link's fields.
func (s *Service) checkGuards(links map[string]LinkRequest, at func(name string) string) []error {
	var m mistakes
	for _, name := range slices.Sorted(maps.Keys(links)) {
		if link := links[name]; link.Guard != nil {
			s.checkGuard(&m, at(name), link)
		}
	}
	return m
}

func (s *Service) checkGuard(m *mistakes, at string, l LinkRequest) {
	g := l.Guard
	if l.Type != LinkWebhook {
		m.add(at+"type", "must be webhook: only a webhook link can have a sender, vars, outcomes, otherwise or an envelope")
		return
	}
	sender, err := s.checkSender(g)
	m.within(at, err)
	if err != nil && len(g.Outcomes) == 0 {
		m.checkVars(at, g.Vars)
		return // what its events mean is not known
	}
	if g.undecided(sender) {
		m.add(at+"outcomes", "is required: the secret of %s proves who sent an event, and not that it is about this task. "+
			`Name the event in an outcome, for example by one of the vars, or set otherwise to "succeed"`, nameOf(sender))
		m.checkVars(at, g.Vars)
		return
	}
	s.checkRules(m, at, g, sender)
}

// checkRules checks what a guard demands of an event, beside its proof.
func (s *Service) checkRules(m *mistakes, at string, g *Guard, sender *senders.Sender) {
	m.checkVars(at, g.Vars)
	if g.Envelope != nil {
		m.within(at, g.Envelope.check(sender))
	}
	if len(g.Vars) > 0 && len(g.Outcomes) == 0 {
		m.add(at+"vars", "is not used: give outcomes that compare an event with the vars")
	}
	src := g.source(sender)
	m.checkUse(at, g, src)
	_, err := s.rules.Compile(src)
	m.within(at, err)
}

// checkUse adds what can do nothing in a guard.
func (m *mistakes) checkUse(at string, g *Guard, src rules.Source) {
	if src.Otherwise == rules.Ignore && !slices.ContainsFunc(src.Outcomes, func(o rules.Outcome) bool { return o.Do != rules.Ignore }) {
		m.add(at+"outcomes", "must have one that does something: every event would be ignored")
	}
	for i, outcome := range g.Outcomes[:max(0, len(g.Outcomes)-1)] {
		if outcome.MatchesAll() {
			m.add(fmt.Sprintf("%soutcomes[%d]", at, i+1), "is never reached: outcomes[%d] matches every event, since it has neither when nor schema", i)
		}
	}
}

// label is what metrics call the sender: one of few words.
func (g Guard) label() string {
	switch {
	case g.Sender != "":
		return g.Sender
	case g.Inline == nil:
		return "none"
	case g.Inline.Proof != nil:
		return senders.OwnProof
	}
	return g.Inline.Preset
}

// undecided reports whether nothing says what the events of a sender mean.
func (g Guard) undecided(sender *senders.Sender) bool {
	return sender != nil && len(g.Outcomes) == 0 && g.Otherwise == "" && sender.Outcomes() == nil
}

// nameOf is what a mistake calls a sender.
func nameOf(sender *senders.Sender) string {
	if sender.Preset() == senders.OwnProof {
		return "your sender"
	}
	return sender.Preset()
}

// checkSender returns the sender of a guard, nil if everybody may post.
func (s *Service) checkSender(g *Guard) (*senders.Sender, error) {
	switch {
	case g.Sender != "" && g.Inline != nil:
		return nil, &InvalidFieldError{"sender", "is either a name or an object"}
	case g.Inline != nil:
		sender, err := s.inlineSender(g.Inline, LinkRef{key: s.keys.keys[0]})
		return sender, g.asWritten(errors.Join(err, g.Inline.Objections()))
	case g.Sender != "":
		if sender, found := s.senders.Named(g.Sender); found {
			return sender, nil
		}
		if senders.IsPreset(g.Sender) {
			return nil, &InvalidFieldError{"sender", fmt.Sprintf(`is the name of a preset; write {"preset":%q,"secret":"..."}`, g.Sender)}
		}
		// Its text is not repeated: it may be a secret in the wrong place.
		return nil, &InvalidFieldError{"sender", "is not the name of a sender that the relay has configured; " + s.namesOfSenders() +
			`describe the sender, as in {"preset":"standard-webhooks","secret":"whsec_..."}`}
	}
	return nil, nil
}

// asWritten names the secret in the mistakes of a sender as the registration does.
func (g Guard) asWritten(err error) error {
	if err == nil || !g.OneSecret {
		return err
	}
	var all []error
	for _, one := range parts(err) {
		if wrong, ok := errors.AsType[*senders.SpecError](one); ok && (wrong.Field == "secrets" || wrong.Field == "secrets[0]") {
			one = &senders.SpecError{Field: "secret", Problem: wrong.Problem}
		}
		all = append(all, one)
	}
	return errors.Join(all...)
}

// parts returns the errors that were joined into one, at any depth.
func parts(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, one := range joined.Unwrap() {
		all = append(all, parts(one)...)
	}
	return all
}

// namesOfSenders lists the names that a registration can give, for a mistake.
func (s *Service) namesOfSenders() string {
	const most = 20
	names := s.senders.Names()
	switch {
	case len(names) == 0:
		return ""
	case len(names) > most:
		names = append(names[:most:most], "...")
	}
	return "use one of " + strings.Join(names, ", ") + ", or "
}

func (m *mistakes) checkVars(at string, vars map[string]json.RawMessage) {
	if len(vars) > maxVars {
		m.add(at+"vars", "has %d entries, but at most %d are allowed", len(vars), maxVars)
	}
	total := 0
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		total += len(name) + len(vars[name])
		if !varName.MatchString(name) {
			m.add(at+"vars", "has a name that is not 1 to 64 letters, digits and _, beginning with a letter")
		}
	}
	if total > maxVarsBytes {
		m.add(at+"vars", "has %d bytes of names and values, but at most %d are allowed", total, maxVarsBytes)
	}
}

// within adds the mistakes that another package found in a part of the registration.
func (m *mistakes) within(at string, err error) {
	for _, one := range parts(err) {
		m.withinOne(at, one)
	}
}

func (m *mistakes) withinOne(at string, err error) {
	var (
		field  *InvalidFieldError
		sender *senders.SpecError
		rule   *rules.Error
	)
	switch {
	case errors.As(err, &field):
		m.add(at+field.Field, "%s", field.Problem)
	case errors.As(err, &sender): // its problem continues a sentence, too
		m.add(at+"sender."+sender.Field, "%s", sender.Problem)
	case errors.As(err, &rule):
		if strings.HasPrefix(rule.Path, "event.") {
			at += "sender."
		}
		m.add(at+rule.Path, "%s", rule.Problem)
	case err != nil:
		m.add(at+"sender", "%v", err)
	}
}
