package migrations

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// The keys of migrations themselves. The marker's name has no version, since the
// marker says which version it is. The other keys share its cluster slot, so that
// one script can check the lock and change the marker.
const (
	schemaKey   = "relay:schema"
	progressKey = "relay:migration:{relay:schema}"
	migratorKey = "relay:migrator:{relay:schema}"
)

// partitions is the number of partitions since version 1.
const partitions = 64

// partitionKey returns a key of version 1. Package store has such a function only
// for its own version; migrations must know all versions.
func partitionKey(partition int, rest string) string {
	return fmt.Sprintf("relay:v1:{%02d}:%s", partition, rest)
}

// marker is the value of the schema key: a version, and the next version while
// the keyspace is migrated to it.
type marker struct{ version, next int }

// String returns the marker as it is stored; "0" stands for none.
func (m marker) String() string {
	if m.next > 0 {
		return fmt.Sprintf("%d>%d", m.version, m.next)
	}
	return strconv.Itoa(m.version)
}

func parseMarker(s string) (m marker, ok bool) {
	from, to, moving := strings.Cut(s, ">")
	m.version, ok = natural(from)
	if !moving {
		return m, ok
	}
	next, good := natural(to)
	m.next = next
	return m, ok && good && next == m.version+1
}

func natural(s string) (n int, ok bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 0
}

func readMarker(ctx context.Context, client redis.UniversalClient) (marker, error) {
	value, err := get(ctx, client, schemaKey, "0")
	if err != nil {
		return marker{}, err
	}
	m, ok := parseMarker(value)
	if !ok {
		return marker{}, fmt.Errorf("%s is %q, which is not a version: does this Redis belong to another program?", schemaKey, value)
	}
	return m, nil
}

func readHolder(ctx context.Context, client redis.UniversalClient) (string, error) {
	return get(ctx, client, migratorKey, "")
}

func get(ctx context.Context, client redis.UniversalClient, key, absent string) (string, error) {
	value, err := client.Get(ctx, key).Result()
	switch {
	case err == redis.Nil: //nolint:errorlint // a wrapped Nil means that a Sentinel does not know the master
		return absent, nil
	case err != nil:
		return "", fmt.Errorf("read %s: %w", key, err)
	}
	return value, nil
}

// progress is how far a migration has come.
type progress struct {
	number   int // of the migration; 0 for none
	done, of int // callbacks visited, and how many there were at the start
	cursors  [partitions]string
}

// progressFields are the fields of the progress. The cursor of each partition is
// in the field named by its number.
var progressFields = func() []string {
	fields := []string{"number", "done", "of"}
	for partition := range partitions {
		fields = append(fields, cursorField(partition))
	}
	return fields
}()

func cursorField(partition int) string { return fmt.Sprintf("%02d", partition) }

func readProgress(ctx context.Context, client redis.UniversalClient) (p progress, err error) {
	values, err := client.HMGet(ctx, progressKey, progressFields...).Result()
	if err != nil {
		return p, fmt.Errorf("read %s: %w", progressKey, err)
	}
	text := func(i int) string { s, _ := values[i].(string); return s }
	for i, n := range []*int{&p.number, &p.done, &p.of} {
		*n, _ = natural(text(i)) // 0 where there is none
	}
	for partition := range partitions {
		p.cursors[partition] = text(3 + partition)
	}
	return p, nil
}
