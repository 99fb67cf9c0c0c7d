package migrations

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/redis/go-redis/v9"
)

// ignoreApply leaves the functions out: they cannot be compared.
var ignoreApply = cmpopts.IgnoreFields(Migration{}, "Apply")

func TestNumbersHaveNoGaps(t *testing.T) {
	for i, m := range All {
		if m.Number != i+1 || m.Name == "" {
			t.Errorf("All[%d] is number %d, called %q", i, m.Number, m.Name)
		}
	}
}

func TestUp(t *testing.T) {
	onEachServer(t, func(t *testing.T, client redis.UniversalClient) {
		ctx := t.Context()
		before, err := Status(ctx, client)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(State{Latest: len(All), Pending: All}, before, ignoreApply); diff != "" {
			t.Errorf("Status before (-want +got):\n%s", diff)
		}

		var told []Migration
		completed, err := Up(ctx, client, func(m Migration) { told = append(told, m) })
		if err != nil || completed != len(All) {
			t.Fatalf("Up = %d, %v; want %d", completed, err, len(All))
		}
		if diff := cmp.Diff(All, told, ignoreApply); diff != "" {
			t.Errorf("progress (-want +got):\n%s", diff)
		}
		if schema := client.Get(ctx, "relay:schema").Val(); schema != "1" {
			t.Errorf("relay:schema = %q, want 1", schema)
		}
		if ttl := client.TTL(ctx, "relay:schema").Val(); ttl != -1 {
			t.Errorf("relay:schema expires in %v", ttl)
		}

		after, err := Status(ctx, client)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(State{Current: len(All), Latest: len(All)}, after, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("Status after (-want +got):\n%s", diff)
		}
		if completed, err := Up(ctx, client, nil); err != nil || completed != 0 {
			t.Errorf("Up again = %d, %v; want 0", completed, err)
		}
	})
}

// TestUpGoesOn starts where an earlier run was cut off.
func TestUpGoesOn(t *testing.T) {
	onEachServer(t, func(t *testing.T, client redis.UniversalClient) {
		ctx := t.Context()
		errCutOff := errors.New("cut off")
		var ran []int
		fail := true
		all := make([]Migration, 3)
		for i := range all {
			all[i] = Migration{Number: i + 1, Name: "step", Apply: func(context.Context, redis.UniversalClient) error {
				ran = append(ran, i+1)
				if fail && i == 1 {
					return errCutOff
				}
				return nil
			}}
		}

		completed, err := up(ctx, client, all, nil)
		if completed != 1 || !errors.Is(err, errCutOff) {
			t.Fatalf("up = %d, %v; want 1, %v", completed, err, errCutOff)
		}
		fail = false
		if completed, err := up(ctx, client, all, nil); completed != 2 || err != nil {
			t.Fatalf("up again = %d, %v; want 2", completed, err)
		}
		if diff := cmp.Diff([]int{1, 2, 2, 3}, ran); diff != "" {
			t.Errorf("migrations run (-want +got):\n%s", diff)
		}
	})
}

// TestUpAtOnce lets several processes find the same step pending, and counts
// it as completed by one of them.
func TestUpAtOnce(t *testing.T) {
	onEachServer(t, func(t *testing.T, client redis.UniversalClient) {
		const processes = 8
		var started, done sync.WaitGroup
		started.Add(processes)
		all := []Migration{{Number: 1, Name: "meet", Apply: func(context.Context, redis.UniversalClient) error {
			started.Done()
			started.Wait() // until all are in it
			return nil
		}}}

		completed := make([]int, processes)
		errs := make([]error, processes)
		for i := range processes {
			done.Go(func() { completed[i], errs[i] = up(t.Context(), client, all, nil) })
		}
		done.Wait()

		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		total := 0
		for _, n := range completed {
			total += n
		}
		if total != 1 {
			t.Errorf("completed %v, want 1 in all", completed)
		}
	})
}

// TestVersionNeverFalls: a relay that comes late with a lower number changes
// nothing.
func TestVersionNeverFalls(t *testing.T) {
	onEachServer(t, func(t *testing.T, client redis.UniversalClient) {
		ctx := t.Context()
		late := Migration{Number: 1, Name: "late", Apply: func(ctx context.Context, client redis.UniversalClient) error {
			return client.Set(ctx, schemaKey, "10", 0).Err() // a newer relay overtakes
		}}
		if completed, err := up(ctx, client, []Migration{late}, nil); err != nil || completed != 0 {
			t.Errorf("up = %d, %v; want 0", completed, err)
		}
		if schema := client.Get(ctx, schemaKey).Val(); schema != "10" {
			t.Errorf("relay:schema = %q, want 10", schema)
		}
	})
}

func TestNewerKeyspace(t *testing.T) {
	onEachServer(t, func(t *testing.T, client redis.UniversalClient) {
		ctx := t.Context()
		if err := client.Set(ctx, schemaKey, "99", 0).Err(); err != nil {
			t.Fatal(err)
		}
		state, err := Status(ctx, client)
		if !errors.Is(err, ErrNewer) {
			t.Errorf("Status: %v, want %v", err, ErrNewer)
		}
		if diff := cmp.Diff(State{Current: 99, Latest: len(All)}, state); diff != "" {
			t.Errorf("Status (-want +got):\n%s", diff)
		}
		if completed, err := Up(ctx, client, nil); completed != 0 || !errors.Is(err, ErrNewer) {
			t.Errorf("Up = %d, %v; want 0, %v", completed, err, ErrNewer)
		}
	})
}

func TestNoVersion(t *testing.T) {
	onEachServer(t, func(t *testing.T, client redis.UniversalClient) {
		ctx := t.Context()
		for _, value := range []string{"", "one", "1.5", "-1"} {
			if err := client.Set(ctx, schemaKey, value, 0).Err(); err != nil {
				t.Fatal(err)
			}
			if state, err := Status(ctx, client); err == nil || errors.Is(err, ErrNewer) {
				t.Errorf("%q: Status = %+v, %v; want another error", value, state, err)
			}
			if completed, err := Up(ctx, client, nil); err == nil {
				t.Errorf("%q: Up = %d, want an error", value, completed)
			}
			if got := client.Get(ctx, schemaKey).Val(); got != value {
				t.Errorf("%q: changed to %q", value, got)
			}
		}
	})
}

// TestNoVersionInTheScript: the value can go wrong after it was read.
func TestNoVersionInTheScript(t *testing.T) {
	onEachServer(t, func(t *testing.T, client redis.UniversalClient) {
		spoil := Migration{Number: 1, Name: "spoil", Apply: func(ctx context.Context, client redis.UniversalClient) error {
			return client.Set(ctx, schemaKey, "one", 0).Err()
		}}
		completed, err := up(t.Context(), client, []Migration{spoil}, nil)
		if err == nil || !strings.Contains(err.Error(), "the schema key holds no number") {
			t.Errorf("up = %d, %v; want the script's own error", completed, err)
		}
	})
}

// TestUnknownMaster: Sentinel's word for a master that it does not know holds
// the one for a key that is not there.
func TestUnknownMaster(t *testing.T) {
	unknown := func(context.Context, string, string) (net.Conn, error) {
		return nil, fmt.Errorf("redis: all sentinels specified in configuration are unreachable: %w", redis.Nil)
	}
	client := connect(t, &redis.Options{Addr: "sentinel", MaxRetries: -1, Dialer: unknown})
	if state, err := Status(t.Context(), client); err == nil {
		t.Errorf("Status = %+v, want an error", state)
	}
}

func TestRedisAway(t *testing.T) {
	client := connect(t, &redis.Options{Addr: "closed", MaxRetries: -1, Dialer: noServer})
	if _, err := Status(t.Context(), client); !errors.Is(err, errAway) {
		t.Errorf("Status: %v, want %v", err, errAway)
	}
}
