package senders

import (
	"slices"
	"time"

	"callback-relay/publickeys"
	"callback-relay/rules"
	"callback-relay/spelling"
)

// Scope says which posts one URL is for.
type Scope string

// The scopes, best first: only with the first two can each task have its own URL.
const (
	PerRequest Scope = "request" // the call that starts the work takes the URL
	PerObject  Scope = "object"  // a subscription with its own URL can be made for each task
	PerAccount Scope = "account" // all events of an account go to one URL
)

// row is what the table says about one kind of sender.
type row struct {
	Name  string
	Title string
	Scope Scope
	Many  bool // it is not one sender, but what several do

	Ways []Proof // how it proves itself; one is enough
	// code makes the prover of a sender that no Proof describes.
	code func(s Spec, keys *publickeys.Cache, m *mistakes) prover

	Needs         string // what the secret is, for errors; "" if there is none
	ChosenByYou   bool   // the secret may be any value, so the relay can choose it
	HeaderDefault string // of a shared value; "" if it cannot be chosen
	Account       string // what the account is, for errors; "" if the secret is the account's

	Field    string // of a form, whose JSON is the event; "" if the body is the event
	Event    rules.EventSpec
	Outcomes []rules.Outcome // nil if the registration must say what events mean

	// objects says that a body counts only if it begins with "{" as it is sent: the probe of
	// the sender has the relay sign other texts for everybody who knows the URL.
	objects bool

	acknowledgement, unproven *Reply
	// patience is how long the sender waits for the response; 0 if that is not known, or
	// so long that it does not matter.
	patience time.Duration
}

// presets are all presets, the most useful first. What the table says of a sender is
// from that sender's own documentation or library; docs/senders.md names them.
var presets = slices.Concat(
	withScope(PerRequest, jobPresets), withScope(PerObject, subscriptionPresets), withScope(PerAccount, accountPresets),
)

// withScope returns the rows with their scope set.
func withScope(scope Scope, rows []row) []row {
	for i := range rows {
		rows[i].Scope = scope
	}
	return rows
}

// table holds all presets by name.
var table = func() map[string]*row {
	all := map[string]*row{}
	for i := range presets {
		all[presets[i].Name] = &presets[i]
	}
	return all
}()

// IsPreset reports whether there is a preset of this name.
func IsPreset(name string) bool {
	_, found := table[name]
	return found
}

// rowOf returns the row of a spec: that of its preset, or one made of its own proof. It
// is nil if there is none.
func rowOf(s Spec, m *mistakes) *row {
	switch {
	case s.Preset != "" && s.Proof != nil:
		m.add("proof", "cannot be combined with a preset: give one of them")
		return nil
	case s.Proof != nil:
		before := len(*m)
		s.Proof.check(m)
		m.checkChosen(s, []Proof{*s.Proof})
		if len(*m) > before {
			return nil
		}
		return &row{Name: OwnProof, Title: "your own sender", Many: true, Ways: []Proof{*s.Proof}, Needs: "the secret that it signs with"}
	case s.Preset == "":
		m.add("preset", "is missing: name a preset such as github, or describe the proof")
		return nil
	}
	found, ok := table[s.Preset]
	if !ok {
		m.add("preset", "%q is unknown%s", cut(s.Preset), nearest(s.Preset))
		return nil
	}
	return found
}

// newProver returns what checks the posts of a sender.
func (r *row) newProver(s Spec, keys *publickeys.Cache, m *mistakes) prover {
	if r.code != nil {
		return r.code(s, keys, m)
	}
	ways := r.Ways
	if r.HeaderDefault != "" {
		ways = slices.Clone(ways)
		ways[0].Header = Names{cmpOr(s.Header, r.HeaderDefault)}
	}
	return newProofs(ways, s, m)
}

// nearest names the presets that somebody may have meant.
func nearest(name string) string {
	names := make([]string, len(presets))
	for i, row := range presets {
		names[i] = row.Name
	}
	return cmpOr(spelling.DidYouMean(name, names), "; relay senders list shows all")
}

// Preset is what people need to know of a preset.
type Preset struct {
	Name  string
	Title string
	Scope Scope
	// Secret says what its secret is, and Account what has to be given beside it; "" for
	// none.
	Secret, Account string
	ChosenByRelay   bool // the secret may be left out, and the relay then chooses it
	Event           rules.EventSpec
	Outcomes        []rules.Outcome // nil if the registration must say what events mean
}

// Presets returns all presets, the most useful first.
func Presets() []Preset {
	all := make([]Preset, len(presets))
	for i, r := range presets {
		all[i] = Preset{
			Name: r.Name, Title: r.Title, Scope: r.Scope, Secret: r.Needs, Account: r.Account,
			ChosenByRelay: r.ChosenByYou, Event: r.Event, Outcomes: r.Outcomes,
		}
	}
	return all
}
