package store

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"callback-relay/relay"
)

// spec is what a registration asked for. It is stored in one field, after the
// times of creation and deadline, because a hash with few fields takes far less
// memory. Two registrations of a task token ask for the same if their specs are
// equal, except for the last three members, which the store sets.
type spec struct {
	Links    []specLink        `json:"links"` // the index is the number
	Tags     map[string]string `json:"tags,omitempty"`
	OnExpiry relay.OnExpiry    `json:"onExpiry"`
	Expires  string            `json:"expires"` // as asked: "in" or "at", and milliseconds; "" for the default
	Key      string            `json:"key"`     // the master key of id and links
	// Generation is the generation of all links. It is "" if any replica that was
	// alive at the registration did not know generations.
	Generation relay.Generation `json:"generation,omitempty"`
	// Added are the links that were added after the registration. Their numbers
	// continue from those of Links. A link with a name that exists already has
	// replaced the earlier one.
	Added []specLink `json:"added,omitempty"`
}

// specLink is one link of a spec: a name and a kind, written as a pair.
type specLink struct {
	Name, Kind string
	// Rest are the further elements. The third element is approval2, or the version of the
	// link's guard, see [relay.Guard.Version]; null is like none. Of others, and of further
	// elements, this release does not know what they mean. It preserves them, and scripts
	// refuse every use of the link.
	Rest []json.RawMessage
}

// approval2 is the third element of links that decide about an approval of version 2, see
// [relay.Approval.Version]. An earlier release takes it for a guard that it cannot check, and
// refuses every use of the link, even if it starts when the approval is long registered.
const approval2 = `"approval2"`

// newSpecLink returns the link of a spec as this release writes it. approval is the version
// of the callback's approval.
func newSpecLink(name string, kind relay.LinkKind, guard *relay.Guard, approval int) specLink {
	l := specLink{Name: name, Kind: kind.String()}
	switch {
	case guard != nil:
		l.Rest = []json.RawMessage{json.RawMessage(strconv.Itoa(guard.Version()))}
	case kind.Type == relay.LinkApproval && approval > 1:
		l.Rest = []json.RawMessage{json.RawMessage(approval2)}
	}
	return l
}

// guarded returns whether the link has a guard, of whichever version.
func (l specLink) guarded() bool {
	return len(l.Rest) > 0 && string(l.Rest[0]) != "null" && string(l.Rest[0]) != approval2
}

// MarshalJSON implements [json.Marshaler].
func (l specLink) MarshalJSON() ([]byte, error) {
	elements := []any{l.Name, l.Kind}
	for _, element := range l.Rest {
		elements = append(elements, element)
	}
	return json.Marshal(elements)
}

// UnmarshalJSON implements [json.Unmarshaler].
func (l *specLink) UnmarshalJSON(text []byte) error {
	var elements []json.RawMessage
	if json.Unmarshal(text, &elements) != nil || len(elements) < 2 {
		return errors.New("a link is not a pair of name and kind")
	}
	l.Rest = elements[2:]
	return errors.Join(json.Unmarshal(elements[0], &l.Name), json.Unmarshal(elements[1], &l.Kind))
}

func newSpec(n relay.NewCallback) spec {
	s := spec{Tags: n.Tags, OnExpiry: n.OnExpiry, Key: n.Key}
	if form, ms := expires(n.Asked.Expires); !n.Asked.Expires.Default {
		s.Expires = form + strconv.FormatInt(ms, 10)
	}
	approval := n.Asked.Approval.Version()
	for _, link := range n.Links {
		s.Links = append(s.Links, newSpecLink(link.Name, link.LinkKind, n.Asked.Guard(link.Name), approval))
		s.Generation = link.Generation
	}
	return s
}

// encode returns the spec as it is stored. encoding/json sorts the tags, so
// equal specs have equal text.
func (s spec) encode() string {
	return encoded(s)
}

// asksTheSame returns whether a stored spec and a new registration are equal.
func (s spec) asksTheSame(n relay.NewCallback) bool {
	other := newSpec(n)
	other.Key, other.Generation, other.Added = s.Key, s.Generation, s.Added
	return s.encode() == other.encode()
}

// record is what is stored about a callback's links.
type record struct {
	spec
	id        relay.CallbackID
	text      string            // the spec, as it is stored
	approvers map[string]string // of the registered links, by name; and the senders of awaits
	added     map[int]addedLink // by number
	revoked   string
}

// links returns all links that the callback ever had, ordered by number.
func (r record) links() []relay.Link {
	var links []relay.Link
	for i, l := range slices.Concat(r.Links, r.Added) {
		number := byte(i) // there are at most [relay.MaxLinkNumbers]
		link := relay.Link{
			Name: l.Name, LinkKind: relay.ParseLinkKind(l.Kind), Number: number, Generation: r.Generation,
			Approver: r.approvers[l.Name], Guarded: l.guarded(), Closed: closed(r.revoked, number),
		}
		switch {
		case i >= len(r.Links):
			link.Approver = r.added[i].Approver
		case link.Type == relay.LinkAwait:
			link.Approver, link.Sender = "", r.approvers[l.Name]
		}
		links = append(links, link)
	}
	return links
}

// current returns the newest link of each name.
func current(links []relay.Link) []relay.Link {
	last := map[string]byte{}
	for _, link := range links {
		last[link.Name] = link.Number
	}
	return slices.DeleteFunc(slices.Clone(links), func(link relay.Link) bool { return last[link.Name] != link.Number })
}

// viewFields are the fields from which a [relay.Callback] is read.
var viewFields = []string{
	"state", "registration",
	"type", "error", "by", "answered",
	"attempts", "reason", "lastError", "confirmed", "settled",
	"approvers", "revoked", "decisions", "added", declinedField,
}

// texts returns the values of an HMGET as text; an absent one is "".
func texts(values []any) []string {
	all := make([]string, len(values))
	for i, value := range values {
		all[i], _ = value.(string)
	}
	return all
}

// view returns a callback from its viewFields, where "" is an absent one, and the
// delivery's score in the due set, 0 if it has none. If the error is
// [relay.ErrSealed], the callback is returned without its approvers, decisions, declines
// or added links.
func (s *Store) view(id relay.CallbackID, field func(name string) string, dueScore float64) (relay.Callback, record, error) {
	created, rest, _ := strings.Cut(field("registration"), " ")
	deadline, text, _ := strings.Cut(rest, " ")
	rec := record{id: id, text: text, revoked: field("revoked")}
	if err := json.Unmarshal([]byte(text), &rec.spec); err != nil {
		return relay.Callback{}, record{}, unavailable(fmt.Errorf("callback %s: unreadable registration", id))
	}
	var decisions []decision
	var declines []decline
	sealed := cmp.Or(
		s.open(id, approversField, field("approvers"), &rec.approvers),
		s.open(id, addedField, field("added"), &rec.added),
		s.open(id, decisionsField, field("decisions"), &decisions),
		s.open(id, declinedField, field(declinedField), &declines))
	cb := relay.Callback{
		ID:        id,
		State:     relay.State(field("state")),
		CreatedAt: millis(created),
		ExpiresAt: millis(deadline),
		OnExpiry:  rec.OnExpiry,
		Tags:      rec.Tags,
		Links:     current(rec.links()),
		Key:       rec.Key,
	}
	for _, d := range decisions {
		cb.Decisions = append(cb.Decisions, d.relay(rec.spec))
	}
	cb.Declined = openDeclines(declines, cb.Decisions, rec.revoked)
	if field("type") == "" {
		return cb, rec, sealed
	}
	cb.Outcome = &relay.OutcomeView{
		Type:   relay.OutcomeType(field("type")),
		By:     rec.author(field("by")),
		Number: byte(number(field("by"))), //nolint:gosec // links have no other numbers
		At:     millis(field("answered")),
		Error:  field("error"),
	}
	cb.Delivery = &relay.DeliveryView{
		Attempts:  int(number(field("attempts"))),
		LastError: field("lastError"),
		Confirmed: field("confirmed") == "1",
	}
	if reason := field("reason"); reason != "" {
		cb.Delivery.LastError = reason
	}
	if cb.State == relay.StateDelivered {
		cb.Delivery.DeliveredAt = millis(field("settled"))
	}
	if cb.State == relay.StateAnswered && dueScore > 0 {
		cb.Delivery.NextAttemptAt = time.UnixMilli(int64(dueScore)).UTC()
	}
	return cb, rec, sealed
}

// author returns the name of the link that answered. by is the link's number, or
// [relay.ByExpiry], which is returned as it is.
func (s spec) author(by string) string {
	if by == relay.ByExpiry {
		return by
	}
	links := slices.Concat(s.Links, s.Added)
	if n, err := strconv.Atoi(by); err == nil && n >= 0 && n < len(links) {
		return links[n].Name
	}
	return by
}
