package store

import (
	"slices"
	"time"

	"callback-relay/relay"
)

// decision is what is kept of a [relay.Decision], and remark is what its person
// wrote. Remarks go as soon as an outcome has them; decisions stay, to be shown.
type decision struct {
	relay.Decision
	Number *int  `json:"number,omitempty"` // of the link; earlier releases wrote its name alone
	At     int64 `json:"at"`               // milliseconds
}

type remark struct {
	Comment string `json:"comment,omitempty"`
	Fields  string `json:"fields"`
}

func encodeDecisions(all []relay.Decision) (decisions, remarks string) {
	ds, rs := make([]decision, len(all)), make([]remark, len(all))
	for i, d := range all {
		number := int(d.Number)
		ds[i] = decision{d, &number, d.At.UnixMilli()}
		rs[i] = remark{string(d.Comment), string(d.Fields)}
	}
	return encoded(ds), encoded(rs)
}

// relay returns the decision. One without a number was made through a registered
// link.
func (d decision) relay(registered spec) relay.Decision {
	number := slices.IndexFunc(registered.Links, func(link specLink) bool { return link.Name == d.Link })
	if d.Number != nil {
		number = *d.Number
	}
	d.Decision.Number = byte(number) //nolint:gosec // links have no other numbers
	d.Decision.At = time.UnixMilli(d.At).UTC()
	return d.Decision
}
