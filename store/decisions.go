package store

import (
	"slices"
	"time"

	"callback-relay/relay"
)

// decision is [relay.Decision] without what its person wrote, and remark is
// that. Remarks go as soon as an outcome has them; decisions stay, to be shown.
type decision struct {
	Approved bool   `json:"approved"`
	Link     string `json:"link"`
	Number   *int   `json:"number,omitempty"` // of the link; the release before knows its name alone
	Approver string `json:"approver"`
	Typed    bool   `json:"typed,omitempty"`
	At       int64  `json:"at"` // milliseconds
}

type remark struct {
	Comment string `json:"comment,omitempty"`
	Fields  string `json:"fields"`
}

func encodeDecisions(all []relay.Decision) (decisions, remarks string) {
	ds, rs := make([]decision, len(all)), make([]remark, len(all))
	for i, d := range all {
		number := int(d.Number)
		ds[i] = decision{d.Approved, d.Link, &number, d.Approver, d.Typed, d.At.UnixMilli()}
		rs[i] = remark{string(d.Comment), string(d.Fields)}
	}
	return encoded(ds), encoded(rs)
}

// relay returns the decision; one without a number is of a registered link.
func (d decision) relay(registered spec) relay.Decision {
	number := slices.IndexFunc(registered.Links, func(link specLink) bool { return link.Name == d.Link })
	if d.Number != nil {
		number = *d.Number
	}
	return relay.Decision{
		Approved: d.Approved, Link: d.Link, Number: byte(number), //nolint:gosec // links have no other numbers
		Approver: d.Approver, Typed: d.Typed, At: time.UnixMilli(d.At).UTC(),
	}
}
