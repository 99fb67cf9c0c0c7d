package store

import (
	"errors"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"callback-relay/relay"
)

// The marker counts for a few seconds after it was read. Then it must be read
// again, even if the rest of Redis answers, because a migration may have begun.
func TestMarkerCountsForSeconds(t *testing.T) {
	server := miniredis.RunT(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(server.Set(schemaKey, "1"))
	client, err := Open(ModeStandalone, "redis://"+server.Addr())
	must(err)
	defer client.Close()
	s := New(client, Options{})
	ctx := t.Context()
	must(s.usable(ctx))
	must(server.Set(schemaKey, "2>3"))
	must(s.usable(ctx)) // it was read a moment ago

	pass := func() { s.marker.Store(&markerReading{at: time.Now().Add(-markerGoodFor)}) }
	pass()
	if err := s.usable(ctx); !errors.Is(err, errSchema) {
		t.Errorf("with a marker that has moved: %v", err)
	}
	server.SetError("LOADING")
	pass()
	if err := s.usable(ctx); !errors.Is(err, relay.ErrUnavailable) || errors.Is(err, errSchema) {
		t.Errorf("with a marker that cannot be read: %v", err)
	}
	server.SetError("")
	must(server.Set(schemaKey, "1"))
	must(s.usable(ctx))
}
