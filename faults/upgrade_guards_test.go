package faults

import (
	"context"
	"encoding/json"
	"net/http"

	"callback-relay/api"
)

// guardedBy gives the link of a registration an outcome.
func guardedBy(o api.EventOutcome) func(*api.CreateRequest) {
	return func(r *api.CreateRequest) {
		r.Links = map[string]api.LinkRequest{"done": {Type: api.LinkWebhook, Outcomes: []api.EventOutcome{o}}}
	}
}

var withSchema = guardedBy(api.EventOutcome{Schema: json.RawMessage(`{"required":["paid"]}`), Do: api.DoSucceed})

// guardedMeanwhile uses guarded links of each release at the other. This release does not
// register schemas if the previous one would overlook them.
func (f *fleet) guardedMeanwhile(old, fresh *replica, schemas bool) {
	f.Helper()
	for _, c := range []struct {
		what         string
		maker, taker *replica
	}{{"made by the previous release", old, fresh}, {"made by this release", fresh, old}} {
		_, cb := f.registerAt(c.maker, guardedBy(api.EventOutcome{When: "body.n == 1", Do: api.DoSucceed}))
		for _, event := range []struct{ body, word string }{{`{"n":2}`, api.StatusIgnored}, {`{"n":1}`, api.StatusDelivered}} {
			told, err := f.post(context.Background(), c.taker, cb.Links["done"].URL, []byte(event.body))
			if err != nil || told.word != event.word {
				f.Errorf("%s, %s at the other: %+v, %v, want %s", c.what, event.body, told, err, event.word)
			}
		}
	}
	_, _, err := f.tryRegister(fresh, withSchema)
	switch {
	case schemas:
		must(f, err)
	case !isStatus(err, http.StatusServiceUnavailable):
		f.Errorf("a schema, beside the previous release: %v, want 503", err)
	}
}

// guardedAfterwards registers what the previous release would have overlooked.
func (f *fleet) guardedAfterwards(fresh *replica) {
	f.Helper()
	eventually(f, "a link with a schema is registered", func() bool {
		_, _, err := f.tryRegister(fresh, withSchema)
		return err == nil
	})
}
