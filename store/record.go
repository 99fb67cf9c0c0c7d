package store

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"callback-relay/relay"
)

// spec is what a registration asked for. It is kept in one field, behind the
// times of creation and deadline, none of which ever change: a hash with few
// fields takes far less memory than one with many. Two registrations of a task
// token ask for the same when their specs are the same, key and generation aside.
type spec struct {
	Links    [][2]string       `json:"links"` // name and kind; the index is the number
	Tags     map[string]string `json:"tags,omitempty"`
	OnExpiry relay.OnExpiry    `json:"onExpiry"`
	Expires  string            `json:"expires"` // as asked: "in" or "at", and milliseconds; "" for the default
	Key      string            `json:"key"`     // the master key of id and links
	// Generation is that of the links; "" of a registration made for replicas
	// of a release that knew none.
	Generation relay.Generation `json:"generation,omitempty"`
}

func newSpec(r relay.Registration, key string) spec {
	s := spec{Tags: r.Tags, OnExpiry: r.OnExpiry, Key: key}
	if how, ms := expires(r.Expires); !r.Expires.Default {
		s.Expires = how + strconv.FormatInt(ms, 10)
	}
	for _, link := range r.NumberedLinks() {
		s.Links = append(s.Links, [2]string{link.Name, link.LinkKind.String()})
	}
	return s
}

// expires returns how a deadline was asked for: "in" and how long, or "at" and
// when, both in milliseconds.
func expires(e relay.Expires) (how string, ms int64) {
	if e.At.IsZero() {
		return "in", e.In.Milliseconds()
	}
	return "at", e.At.UnixMilli()
}

// encode returns the spec as it is stored. encoding/json sorts the tags, so
// equal specs have equal text.
func (s spec) encode() string {
	return encoded(s)
}

// asksTheSame tells whether a stored spec and a new registration agree.
func (s spec) asksTheSame(r relay.Registration) bool {
	other := newSpec(r, s.Key)
	other.Generation = s.Generation
	return s.encode() == other.encode()
}

// links returns the links with the names of their approvers, and which of them
// are closed.
func (s spec) links(approvers map[string]string, revoked string) []relay.Link {
	links := make([]relay.Link, len(s.Links))
	for i, l := range s.Links {
		number := byte(i)
		links[i] = relay.Link{
			Name: l[0], LinkKind: relay.ParseLinkKind(l[1]), Number: number, Generation: s.Generation,
			Approver: approvers[l[0]], Closed: closed(revoked, number),
		}
	}
	return links
}

// viewFields are the fields that make a [relay.Callback], in the order in which
// view.lua returns them too.
var viewFields = []string{
	"state", "registration",
	"type", "error", "by", "answered",
	"attempts", "reason", "lastError", "confirmed", "settled",
	"approvers", "revoked", "decisions",
}

// texts takes what HMGET returned for texts; what is absent is "".
func texts(values []any) []string {
	all := make([]string, len(values))
	for i, value := range values {
		all[i], _ = value.(string)
	}
	return all
}

// view reads the fields in the order of viewFields, and the delivery's score
// in the due set (0 when it is not in it). With [relay.ErrSealed] approvers or
// decisions are missing.
func (s *Store) view(id relay.CallbackID, values []string, dueScore float64) (relay.Callback, spec, error) {
	field := make(map[string]string, len(viewFields))
	for i, name := range viewFields {
		field[name] = values[i]
	}
	created, rest, _ := strings.Cut(field["registration"], " ")
	deadline, text, _ := strings.Cut(rest, " ")
	var sp spec
	if err := json.Unmarshal([]byte(text), &sp); err != nil {
		return relay.Callback{}, spec{}, unavailable(fmt.Errorf("callback %s: unreadable registration", id))
	}
	var approvers map[string]string
	var decisions []decision
	sealed := cmp.Or(
		s.open(id, approversField, field["approvers"], &approvers),
		s.open(id, decisionsField, field["decisions"], &decisions))
	cb := relay.Callback{
		ID:        id,
		State:     relay.State(field["state"]),
		CreatedAt: millis(created),
		ExpiresAt: millis(deadline),
		OnExpiry:  sp.OnExpiry,
		Tags:      sp.Tags,
		Links:     sp.links(approvers, field["revoked"]),
		Key:       sp.Key,
	}
	for _, d := range decisions {
		cb.Decisions = append(cb.Decisions, d.relay())
	}
	if field["type"] == "" {
		return cb, sp, sealed
	}
	cb.Outcome = &relay.OutcomeView{
		Type:  relay.OutcomeType(field["type"]),
		By:    sp.author(field["by"]),
		At:    millis(field["answered"]),
		Error: field["error"],
	}
	cb.Delivery = &relay.DeliveryView{
		Attempts:  int(number(field["attempts"])),
		LastError: field["lastError"],
		Confirmed: field["confirmed"] == "1",
	}
	if reason := field["reason"]; reason != "" {
		cb.Delivery.LastError = reason
	}
	if cb.State == relay.StateDelivered {
		cb.Delivery.DeliveredAt = millis(field["settled"])
	}
	if cb.State == relay.StateAnswered && dueScore > 0 {
		cb.Delivery.NextAttemptAt = time.UnixMilli(int64(dueScore)).UTC()
	}
	return cb, sp, sealed
}

// author turns the stored author, a link's number or [relay.ByExpiry], into
// what it is called.
func (s spec) author(by string) string {
	if by == relay.ByExpiry {
		return by
	}
	if n, err := strconv.Atoi(by); err == nil && n >= 0 && n < len(s.Links) {
		return s.Links[n][0]
	}
	return by
}
