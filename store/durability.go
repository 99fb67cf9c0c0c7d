package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
)

// Durability says how many copies of a write must exist before it is
// acknowledged. The zero value asks for none beyond the server's own memory.
type Durability struct {
	// AOF asks for copies in append-only files on disk (WAITAOF, since Redis
	// 7.2) instead of copies in the memory of replicas (WAIT).
	AOF bool
	// Local is 1 if the server's own append-only file must have the write.
	Local int
	// Replicas is how many replicas must have the write.
	Replicas int
}

func (d Durability) waits() bool { return d.Local+d.Replicas > 0 }

// waitTimeout is how long to wait for the copies. A file that is synced once a
// second takes up to a second.
const waitTimeout = 2 * time.Second

// sendDurably sends calls in one pipeline, with one WAIT for the copies of all that they
// wrote. A WAIT counts the copies of its own connection's writes. So before it comes a
// write that changes nothing: without that, the WAIT would prove nothing of a call that
// found what it wanted to write.
func (s *Store) sendDurably(ctx context.Context, on *primary, batch []*queuedCall) {
	touched := make([]func() error, len(batch)) // of the slot of each call
	var copies func() error
	// The pipeline's error is dropped: each command has its own.
	_, _ = on.patient.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, c := range batch {
			c.eval(ctx, p)
		}
		for _, group := range s.bySlot(batch) {
			touch := &queuedCall{script: touchScript, text: batch[group[0]].text}
			for _, i := range group {
				touch.keys = append(touch.keys, batch[i].keys[0])
				touched[i] = func() error { return touch.got.Err() }
			}
			touch.eval(ctx, p)
		}
		copies = s.wait(ctx, p)
		return nil
	})
	copiesErr := copies()
	for i, c := range batch {
		c.failed = errors.Join(touched[i](), copiesErr)
	}
}

// bySlot divides calls into those whose keys one script may have. In a cluster these are
// the keys in one slot.
func (s *Store) bySlot(batch []*queuedCall) (groups [][]int) {
	_, cluster := s.redis.(*redis.ClusterClient)
	of := map[string]int{} // the group of each hash tag
	for i, c := range batch {
		tag := ""
		if cluster {
			tag = hashTag(c.keys[0])
		}
		group, known := of[tag]
		if !known {
			group = len(groups)
			of[tag], groups = group, append(groups, nil)
		}
		groups[group] = append(groups[group], i)
	}
	return groups
}

// wait adds a WAIT with a time limit to a pipeline. After the pipeline has run,
// the returned function returns an error if there are too few copies.
func (s *Store) wait(ctx context.Context, p redis.Pipeliner) func() error {
	d, limit := s.durability, waitTimeout.Milliseconds()
	if !d.AOF {
		cmd := p.Do(ctx, "WAIT", d.Replicas, limit)
		return func() error {
			got, err := cmd.Int()
			if err == nil && got < d.Replicas {
				err = fmt.Errorf("durability: %d replicas have the write, want %d", got, d.Replicas)
			}
			return err
		}
	}
	cmd := p.Do(ctx, "WAITAOF", d.Local, d.Replicas, limit)
	return func() error {
		got, err := cmd.Int64Slice()
		if err == nil && (len(got) != 2 || got[0] < int64(d.Local) || got[1] < int64(d.Replicas)) {
			err = fmt.Errorf("durability: append-only files of the server and its replicas that have the write: %d, want %d and %d", got, d.Local, d.Replicas)
		}
		return err
	}
}

// ConfirmDurable implements [relay.Store].
func (s *Store) ConfirmDurable(ctx context.Context, id relay.CallbackID) error {
	if !s.durability.waits() {
		return nil
	}
	got, err := s.runDurably(ctx, touchScript, []string{callbackKey(id)})
	if err == nil && got.verdict() != "touched" {
		err = unavailable(errors.New("the callback that was just read is gone")) // lost in a failover
	}
	if err != nil {
		return fmt.Errorf("confirm that %s is durable: %w", id, err)
	}
	return nil
}
