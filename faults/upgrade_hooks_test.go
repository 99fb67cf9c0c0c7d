package faults

import (
	"net/http"
	"slices"

	"callback-relay/api"
	"callback-relay/stepfunctions/standin"
)

// hooked starts a replica of this release with a hook, beside those of the fleet.
func (f *fleet) hooked() *replica {
	f.Helper()
	r := newReplica(f.TB, relayBinary, f.env(hookSettings(f.TB)...))
	f.untilReady(r)
	return r
}

// awaitsWait checks that nothing is awaited while a release is live that would not take
// over events. Events themselves are kept.
func (f *fleet) awaitsWait(event []byte) {
	f.Helper()
	r := f.hooked()
	defer r.kill()
	if _, _, err := f.tryRegister(r, awaitsEvent); !isStatus(err, http.StatusServiceUnavailable) {
		f.Errorf("an await beside the previous release: %v", err)
	}
	told, err := f.post(f.Context(), r, f.hookURL(r), event)
	if must(f, err); told.word != api.EventKept {
		f.Errorf("an event beside the previous release: %+v", told)
	}
}

// awaitsAfterwards checks that the event of awaitsWait is given once every replica has
// this release.
func (f *fleet) awaitsAfterwards(event []byte) {
	f.Helper()
	r := f.hooked()
	defer r.kill()
	var task string
	eventually(f, "awaits can be registered", func() bool {
		var err error
		task, _, err = f.tryRegister(r, awaitsEvent)
		return err == nil
	})
	eventually(f, "its task has the event", func() bool {
		return slices.ContainsFunc(f.steps.Effects(), func(e standin.Effect) bool {
			return e.TaskToken == task && string(e.Output) == string(event)
		})
	})
}

func awaitsEvent(r *api.CreateRequest) {
	r.Awaits = (&caller{history: &history{key: "pi_upgrade"}}).await()
}
