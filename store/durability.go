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

// durableTries is how often a write is tried while a cluster moves its slots.
const (
	durableTries = 4
	durablePause = 50 * time.Millisecond // before the second try; each further one waits twice as long
)

// runDurably runs a script whose result a caller relies on. When it returns,
// everything that the script wrote or found is as durable as the settings ask
// for. With fewer copies it returns [relay.ErrUnavailable]; the write stays, and
// a repeated call finds it.
func (s *Store) runDurably(ctx context.Context, script *redis.Script, keys []string, args ...any) (reply, error) {
	if !s.durability.waits() {
		return s.run(ctx, script, keys, args...)
	}
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	pause := durablePause
	for try := 1; ; try++ {
		got, err := s.runDurablyOnce(ctx, script, keys, args)
		if try == durableTries || !moved(err) {
			return got, err
		}
		// A pipeline on one node does not follow redirections, so the client
		// must reload its map of the slots.
		s.redis.(*redis.ClusterClient).ReloadState(ctx)
		select {
		case <-ctx.Done():
			return got, err
		case <-time.After(pause):
			pause *= 2
		}
	}
}

// runDurablyOnce sends the script and the WAIT together on one connection, since
// a WAIT counts the copies of its own connection's writes. Between them it sends
// a write that changes nothing. Without it the WAIT would prove nothing if the
// script had nothing left to write.
func (s *Store) runDurablyOnce(ctx context.Context, script *redis.Script, keys []string, args []any) (reply, error) {
	server, err := s.primaryOf(ctx, keys[0])
	if err != nil {
		return nil, unavailable(err)
	}
	var got *redis.Cmd
	var copies func() error
	began := time.Now()
	send := func(eval func(*redis.Script, context.Context, redis.Scripter, []string, ...any) *redis.Cmd) {
		// The pipeline's error is dropped: each command has its own.
		_, _ = server.Pipelined(ctx, func(p redis.Pipeliner) error {
			got = eval(script, ctx, p, keys, args...)
			touched := eval(touchScript, ctx, p, keys[:1])
			waited := s.wait(ctx, p, waitTimeout-time.Since(began))
			copies = func() error { return errors.Join(touched.Err(), waited()) }
			return nil
		})
	}
	send((*redis.Script).EvalSha)
	if redis.HasErrorPrefix(errors.Join(got.Err(), copies()), "NOSCRIPT") {
		send((*redis.Script).Eval)
	}
	r, err := readReply(got)
	if err != nil {
		return nil, err
	}
	if err := copies(); err != nil {
		return nil, unavailable(err)
	}
	return r, nil
}

// wait adds a WAIT with a time limit to a pipeline. After the pipeline has run,
// the returned function returns an error if there are too few copies.
func (s *Store) wait(ctx context.Context, p redis.Pipeliner, atMost time.Duration) func() error {
	d, limit := s.durability, max(atMost.Milliseconds(), 1) // 0 would wait for ever
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

// primaryOf returns a client for the one server that has the key. The client's
// timeout leaves time for a WAIT.
func (s *Store) primaryOf(ctx context.Context, key string) (*redis.Client, error) {
	server, single := s.redis.(*redis.Client)
	if !single {
		var err error
		if server, err = s.redis.(*redis.ClusterClient).MasterForKey(ctx, key); err != nil {
			return nil, err
		}
	}
	if made, ok := s.waitClients.Load(server); ok {
		return made.(*redis.Client), nil
	}
	client := server.WithTimeout(commandTimeout + waitTimeout)
	s.measure(client) // WithTimeout does not copy hooks
	made, _ := s.waitClients.LoadOrStore(server, client)
	return made.(*redis.Client), nil
}

// forgetWaitClients drops the clients of nodes that are no longer primaries of
// the cluster. It does not close them: they share their connections with clients
// that the cluster's client closes.
func (s *Store) forgetWaitClients(primaries map[*redis.Client]bool) {
	s.waitClients.Range(func(server, _ any) bool {
		if !primaries[server.(*redis.Client)] {
			s.waitClients.Delete(server)
		}
		return true
	})
}

// moved returns whether a node of a cluster replied that another node has the
// key, or soon will.
func moved(err error) bool {
	for _, prefix := range []string{"MOVED ", "ASK ", "TRYAGAIN"} {
		if redis.HasErrorPrefix(err, prefix) {
			return true
		}
	}
	return false
}
