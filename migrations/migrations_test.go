package migrations

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/redis/go-redis/v9"
)

// onlyNumbers drops the parts that cannot be compared.
var onlyNumbers = cmpopts.IgnoreFields(Migration{}, "Rewrite", "Check", "CleanUp")

func TestNumbersHaveNoGaps(t *testing.T) {
	for i, m := range All {
		if m.Number != i+1 || m.Name == "" || m.Check == nil {
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
		if diff := cmp.Diff(State{Latest: len(All), Pending: All}, before, onlyNumbers); diff != "" {
			t.Errorf("Status before (-want +got):\n%s", diff)
		}
		if n, err := Verify(ctx, client, nil); err == nil {
			t.Errorf("Verify = %d, want an error", n)
		}
		plans, err := Preview(ctx, client, nil)
		if err != nil || len(plans) != len(All) {
			t.Errorf("Preview = %v, %v", plans, err)
		}

		var told []int
		completed, err := Up(ctx, client, func(p Progress) { told = append(told, p.Number) })
		if err != nil || completed != len(All) {
			t.Fatalf("Up = %d, %v; want %d", completed, err, len(All))
		}
		if diff := cmp.Diff([]int{1, 2}, told); diff != "" {
			t.Errorf("progress (-want +got):\n%s", diff)
		}
		if ttl := client.TTL(ctx, schemaKey).Val(); ttl != -1 {
			t.Errorf("%s expires in %v", schemaKey, ttl)
		}
		wantKeys(t, client, "2")

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
		if n, err := Verify(ctx, client, nil); err != nil || n != 0 {
			t.Errorf("Verify = %d, %v", n, err)
		}
	})
}

// wantKeys checks that migrations left no key except the marker.
func wantKeys(t *testing.T, client redis.UniversalClient, marker string) {
	t.Helper()
	if got := client.Get(t.Context(), schemaKey).Val(); got != marker {
		t.Errorf("%s = %q, want %q", schemaKey, got, marker)
	}
	if n := client.Exists(t.Context(), progressKey, migratorKey).Val(); n != 0 {
		t.Error("progress or lock were left behind")
	}
}

func TestNewerKeyspace(t *testing.T) {
	onEachServer(t, func(t *testing.T, client redis.UniversalClient) {
		ctx := t.Context()
		for value, current := range map[string]int{"99": 99, "2>3": 2} {
			if err := client.Set(ctx, schemaKey, value, 0).Err(); err != nil {
				t.Fatal(err)
			}
			state, err := Status(ctx, client)
			if !errors.Is(err, ErrNewer) || state.Current != current {
				t.Errorf("%s: Status = %+v, %v, want %v", value, state, err, ErrNewer)
			}
			if completed, err := Up(ctx, client, nil); completed != 0 || !errors.Is(err, ErrNewer) {
				t.Errorf("%s: Up = %d, %v; want 0, %v", value, completed, err, ErrNewer)
			}
		}
	})
}

func TestNoVersion(t *testing.T) {
	onEachServer(t, func(t *testing.T, client redis.UniversalClient) {
		ctx := t.Context()
		for _, value := range []string{"", "one", "1.5", "-1", "1>", ">2", "1>3", "2>1", "1>2>3"} {
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

// TestUnknownMaster: a Sentinel's error for an unknown master wraps the error for
// an absent key, and must not be taken for it.
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
