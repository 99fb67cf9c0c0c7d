package migrations

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// pageSize is how many callbacks one round trip handles. A page does not hold up
// relays: their requests can run between two scripts of a page.
const pageSize = 200

// walk calls visit with every callback of a partition, oldest first and a page at
// a time, and with a cursor from which to continue. It misses callbacks that are
// registered in the millisecond it has just read; a second walk finds them.
//
// The cursor is a time of registration. A scan cursor of Redis would be useless
// after a failover or a restart, since it means nothing to another server.
func walk(ctx context.Context, client redis.UniversalClient, partition int, cursor string, visit func(ids []string, cursor string) error) error {
	key := partitionKey(partition, "created")
	if cursor == "" {
		cursor = "-inf"
	}
	for {
		page, err := client.ZRangeByScoreWithScores(ctx, key, &redis.ZRangeBy{Min: "(" + cursor, Max: "+inf", Count: pageSize}).Result()
		if err != nil {
			return fmt.Errorf("read %s: %w", key, err)
		}
		if len(page) == 0 {
			return nil
		}
		// The page may end within a millisecond, so read all of its last one.
		last := page[len(page)-1].Score
		cursor = strconv.FormatFloat(last, 'f', -1, 64)
		ids, err := client.ZRangeByScore(ctx, key, &redis.ZRangeBy{Min: cursor, Max: cursor}).Result()
		if err != nil {
			return fmt.Errorf("read %s: %w", key, err)
		}
		for _, z := range page {
			if z.Score < last {
				ids = append(ids, z.Member.(string)) // all members are strings
			}
		}
		if err := visit(ids, cursor); err != nil {
			return err
		}
	}
}

// runAll runs a script on callbacks of one partition, in one round trip, and
// returns its reply for each.
func runAll(ctx context.Context, client redis.UniversalClient, script *redis.Script, partition int, ids []string) ([][]string, error) {
	cmds := make([]*redis.Cmd, len(ids))
	// The pipeline's error is dropped: each command has its own below.
	_, _ = client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			cmds[i] = script.EvalSha(ctx, p, callbackKeys(partition, id), id)
		}
		return nil
	})
	replies := make([][]string, len(ids))
	for i, cmd := range cmds {
		if redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
			cmd = script.Eval(ctx, client, callbackKeys(partition, ids[i]), ids[i])
		}
		reply, err := cmd.StringSlice()
		if err == nil && len(reply) == 0 {
			err = errors.New("the script returned an empty reply")
		}
		if err != nil {
			return nil, fmt.Errorf("callback %s: %w", ids[i], err)
		}
		replies[i] = reply
	}
	return replies, nil
}

// callbackKeys are the keys that scripts of migrations get.
func callbackKeys(partition int, id string) []string {
	return []string{
		partitionKey(partition, "cb:"+id), partitionKey(partition, "deadline"),
		partitionKey(partition, "due"), partitionKey(partition, "created"),
		partitionKey(partition, "delivered"), partitionKey(partition, "refused"),
		partitionKey(partition, "expired"), partitionKey(partition, "cancelled"),
	}
}

// count returns how many callbacks there are.
func count(ctx context.Context, client redis.UniversalClient) (int, error) {
	sizes := make([]*redis.IntCmd, partitions)
	_, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for partition := range partitions {
			sizes[partition] = p.ZCard(ctx, partitionKey(partition, "created"))
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("count callbacks: %w", err)
	}
	total := 0
	for _, size := range sizes {
		total += int(size.Val())
	}
	return total, nil
}
