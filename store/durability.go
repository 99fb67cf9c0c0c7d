package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
)

// Durability says where a write must have arrived before anyone is told that
// it was stored. The zero value asks for nothing beyond the server that took it.
type Durability struct {
	// AOF asks for append-only files that are on disk (WAITAOF, since Redis
	// 7.2), and not only for replicas that have the write in memory (WAIT).
	AOF bool
	// Local is 1 when the server's own append-only file counts too.
	Local int
	// Replicas is how many replicas must have the write.
	Replicas int
}

func (d Durability) waits() bool { return d.Local+d.Replicas > 0 }

// waitTimeout is how long a write may take to arrive there. A file that is
// synced once a second takes up to that.
const waitTimeout = 2 * time.Second

// keepTries is how often a write is tried while a cluster moves its slots.
const (
	keepTries = 4
	keepPause = 50 * time.Millisecond // before the second try; each further one waits twice as long
)

// keep runs a script whose result a caller relies on: when it returns, what the
// script wrote, or found written, is as durable as the settings ask for. With fewer
// copies it reports [relay.ErrUnavailable]; the write stays, and a repeated call
// finds it.
func (s *Store) keep(ctx context.Context, script *redis.Script, keys []string, args ...any) (reply, error) {
	if !s.durability.waits() {
		return s.run(ctx, script, keys, args...)
	}
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	pause := keepPause
	for try := 1; ; try++ {
		got, err := s.keepOnce(ctx, script, keys, args)
		if try == keepTries || !moved(err) {
			return got, err
		}
		// A pipeline on one node does not follow redirections. The client's
		// own map of the slots is read anew meanwhile.
		s.redis.(*redis.ClusterClient).ReloadState(ctx)
		select {
		case <-ctx.Done():
			return got, err
		case <-time.After(pause):
			pause *= 2
		}
	}
}

// keepOnce sends the script and the WAIT together on one connection, since a WAIT
// counts the copies of what its own connection wrote. Between them it sends a write
// that changes nothing: if the script finds that nothing is left to write, the WAIT
// would otherwise prove nothing.
func (s *Store) keepOnce(ctx context.Context, script *redis.Script, keys []string, args []any) (reply, error) {
	server, err := s.primaryOf(ctx, keys[0])
	if err != nil {
		return nil, unavailable(err)
	}
	var got *redis.Cmd
	var copies func() error
	began := time.Now()
	send := func(eval func(*redis.Script, context.Context, redis.Scripter, []string, ...any) *redis.Cmd) {
		// Its error is that of the first command that failed; each has its own.
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

// wait adds a WAIT with a time limit to a pipeline. Once the pipeline has run, the
// returned function says whether there are enough copies.
func (s *Store) wait(ctx context.Context, p redis.Pipeliner, atMost time.Duration) func() error {
	d, limit := s.durability, max(atMost.Milliseconds(), 1) // 0 would be for ever
	if !d.AOF {
		cmd := p.Do(ctx, "WAIT", d.Replicas, limit)
		return func() error {
			got, err := cmd.Int()
			if err == nil && got < d.Replicas {
				err = fmt.Errorf("durability: %d replicas have it, want %d", got, d.Replicas)
			}
			return err
		}
	}
	cmd := p.Do(ctx, "WAITAOF", d.Local, d.Replicas, limit)
	return func() error {
		got, err := cmd.Int64Slice()
		if err == nil && (len(got) != 2 || got[0] < int64(d.Local) || got[1] < int64(d.Replicas)) {
			err = fmt.Errorf("durability: append-only files that have it, own and replicas': %d, want %d and %d", got, d.Local, d.Replicas)
		}
		return err
	}
}

// ConfirmDurable implements [relay.Store].
func (s *Store) ConfirmDurable(ctx context.Context, id relay.CallbackID) error {
	if !s.durability.waits() {
		return nil
	}
	got, err := s.keep(ctx, touchScript, []string{callbackKey(id)})
	if err == nil && got.verdict() != "touched" {
		err = unavailable(errors.New("what was read is gone")) // lost in a failover just now
	}
	if err != nil {
		return fmt.Errorf("confirm that %s is durable: %w", id, err)
	}
	return nil
}

// primaryOf returns a client of the one server that holds the key, which gives
// a command time for the WAIT.
func (s *Store) primaryOf(ctx context.Context, key string) (*redis.Client, error) {
	server, single := s.redis.(*redis.Client)
	if !single {
		var err error
		if server, err = s.redis.(*redis.ClusterClient).MasterForKey(ctx, key); err != nil {
			return nil, err
		}
	}
	if made, ok := s.patient.Load(server); ok {
		return made.(*redis.Client), nil
	}
	patient := server.WithTimeout(commandTimeout + waitTimeout)
	s.timed(patient) // the copy has no hooks
	made, _ := s.patient.LoadOrStore(server, patient)
	return made.(*redis.Client), nil
}

// forgetPatient lets go of clients for nodes that are no primaries of the cluster
// any more. They share their connections with the clients that they were made
// of, which the cluster's client closes.
func (s *Store) forgetPatient(primaries map[*redis.Client]bool) {
	s.patient.Range(func(server, _ any) bool {
		if !primaries[server.(*redis.Client)] {
			s.patient.Delete(server)
		}
		return true
	})
}

// moved tells whether a node of a cluster said that another one has the key,
// or will have it in a moment.
func moved(err error) bool {
	for _, prefix := range []string{"MOVED ", "ASK ", "TRYAGAIN"} {
		if redis.HasErrorPrefix(err, prefix) {
			return true
		}
	}
	return false
}
