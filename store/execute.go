package store

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// primary is a server that takes writes, and the calls that are on their way to it.
type primary struct {
	calls   lane
	durable lane          // of calls that wait for copies
	patient *redis.Client // the same server, with a timeout that leaves time for a WAIT
}

// execute runs a script many times. A failed call has a nil reply. The error is that of
// the first failed call. When ctx ends, calls that have not been sent fail, and it returns
// when the others have come back, which the timeouts of the client bound.
func (s *Store) execute(ctx context.Context, durable bool, script *script, calls []call) ([]reply, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	began := time.Now()
	replies, err := s.executeNow(ctx, durable, script, calls)
	if s.metrics != nil && !left(err) {
		s.metrics.RedisCalled(script.name, err != nil, time.Since(began))
	}
	return replies, err
}

func (s *Store) executeNow(ctx context.Context, durable bool, script *script, calls []call) ([]reply, error) {
	done := newCountdown(len(calls))
	all := make([]*queuedCall, len(calls))
	for i, c := range calls {
		all[i] = &queuedCall{call: c, script: script, ctx: ctx, done: done}
	}
	lanes := s.enqueue(ctx, durable, all)
	select {
	case <-done.zero:
	case <-ctx.Done():
		for l := range lanes {
			l.leave(done, ctx.Err())
		}
		<-done.zero
	}
	s.repeatRefused(ctx, durable, all)
	replies := make([]reply, len(calls))
	var failed error
	for i, c := range all {
		r, err := c.reply()
		if failed == nil { // the other errors are mostly the same
			failed = err
		}
		replies[i] = r
	}
	return replies, failed
}

// enqueue adds calls to the lanes of their primaries, which it returns.
func (s *Store) enqueue(ctx context.Context, durable bool, all []*queuedCall) map[*lane][]*queuedCall {
	lanes := map[*lane][]*queuedCall{}
	for on, calls := range s.byPrimary(ctx, all) {
		l := &on.calls
		if durable {
			l = &on.durable
		}
		lanes[l] = calls
	}
	for _, c := range all {
		if c.failed != nil { // it has no primary
			c.done.finish()
		}
	}
	for l, calls := range lanes {
		l.enqueue(calls)
	}
	return lanes
}

// byPrimary divides calls among the servers that have their keys. It fails those whose
// server is not known.
func (s *Store) byPrimary(ctx context.Context, all []*queuedCall) map[*primary][]*queuedCall {
	calls := map[*primary][]*queuedCall{}
	for _, c := range all {
		on, err := s.primaryOf(ctx, c.keys[0])
		if err != nil {
			c.failed = err
			continue
		}
		calls[on] = append(calls[on], c)
	}
	return calls
}

// The tries of a call that a server refuses for the moment.
const (
	tries    = 4
	tryPause = 50 * time.Millisecond // before the second try; each further one waits twice as long
)

// repeatRefused sends the calls again that the server refused for a reason that concerns
// only them or this connection, all in one pipeline for each try. There the client does
// what it does for any command, since the first reply is one of theirs: it follows a slot
// that has moved, and leaves a server that is no primary any more.
func (s *Store) repeatRefused(ctx context.Context, durable bool, all []*queuedCall) {
	pause := tryPause
	for try := 1; try < tries; try++ {
		var unknown, refused []*queuedCall
		elsewhere := false
		for _, c := range all {
			err := c.err()
			switch {
			case redis.HasErrorPrefix(err, "NOSCRIPT"):
				unknown = append(unknown, c)
			case again(err, try):
				refused = append(refused, c)
			}
			elsewhere = elsewhere || moved(err)
		}
		// The text comes first, with a call whose slot is here.
		refused = append(unknown, refused...)
		if len(refused) == 0 {
			return
		}
		if elsewhere {
			s.awaitMove(ctx, pause)
			pause *= 2
		}
		if err := ctx.Err(); err != nil {
			for _, c := range refused {
				c.failed = err
			}
			return
		}
		s.sendAgain(context.WithoutCancel(ctx), durable, refused)
	}
}

// awaitMove gives the nodes of a cluster time to move a slot. A pipeline on one node does
// not follow redirections, so the client must reload its map of the slots.
func (s *Store) awaitMove(ctx context.Context, pause time.Duration) {
	if cluster, ok := s.redis.(*redis.ClusterClient); ok {
		cluster.ReloadState(ctx)
	}
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}

// sendAgain sends calls that were refused. Each server gets the text of a script that it
// has not got once, with the first call.
func (s *Store) sendAgain(ctx context.Context, durable bool, refused []*queuedCall) {
	var known []*queuedCall // those whose primary is known
	for on, calls := range s.byPrimary(ctx, refused) {
		for i, c := range calls {
			c.text = i == 0 && redis.HasErrorPrefix(c.err(), "NOSCRIPT")
		}
		if durable {
			s.sendDurably(ctx, on, calls)
		}
		known = append(known, calls...)
	}
	if !durable && len(known) > 0 {
		s.send(ctx, known)
	}
}

// reply returns the reply of a call that is done.
func (c *queuedCall) reply() (reply, error) {
	if c.failed != nil {
		return nil, unavailable(c.err())
	}
	return readReply(c.got)
}

// again returns whether a call that failed in this try should be sent again, with the
// same digest. The client has repeated the others itself.
func again(err error, try int) bool { return moved(err) || try == 1 && passing(err) }

// moved returns whether a node of a cluster replied that another node has the
// key, or soon will.
func moved(err error) bool { return hasPrefix(err, "MOVED ", "ASK ", "TRYAGAIN") }

// passing returns whether a server replied that it cannot serve now. The client looks at
// the first reply of a pipeline only.
func passing(err error) bool {
	return hasPrefix(err, "READONLY ", "LOADING ", "MASTERDOWN ", "CLUSTERDOWN ", "NOREPLICAS ")
}

func hasPrefix(err error, prefixes ...string) bool {
	for _, prefix := range prefixes {
		if redis.HasErrorPrefix(err, prefix) {
			return true
		}
	}
	return false
}

// primaryOf returns the one server that has the key.
func (s *Store) primaryOf(ctx context.Context, key string) (*primary, error) {
	server, single := s.redis.(*redis.Client)
	if !single {
		var err error
		if server, err = s.redis.(*redis.ClusterClient).MasterForKey(ctx, key); err != nil {
			return nil, err
		}
	}
	if made, ok := s.primaries.Load(server); ok {
		return made.(*primary), nil
	}
	made, _ := s.primaries.LoadOrStore(server, s.newPrimary(server))
	return made.(*primary), nil
}

func (s *Store) newPrimary(server *redis.Client) *primary {
	p := &primary{patient: server.WithTimeout(commandTimeout + waitTimeout)}
	s.measure(p.patient) // WithTimeout does not copy hooks
	p.calls.send, p.durable.send = s.send, func(ctx context.Context, batch []*queuedCall) { s.sendDurably(ctx, p, batch) }
	// Half of the connections, at least, are for other commands.
	most := max(1, server.Options().PoolSize/2)
	if s.durability.waits() {
		share(most, &p.calls, &p.durable)
	} else {
		share(most, &p.calls)
	}
	return p
}

// send sends calls in one pipeline. It goes through the client of the whole cluster,
// which sends again what a node has redirected.
func (s *Store) send(ctx context.Context, batch []*queuedCall) {
	if len(batch) == 1 {
		batch[0].eval(ctx, s.redis)
		return
	}
	// The pipeline's error is dropped: each command has its own.
	_, _ = s.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, c := range batch {
			c.eval(ctx, p)
		}
		return nil
	})
}

// forgetPrimaries drops nodes that are no longer primaries of the cluster. It does not
// close their clients: these share their connections with clients that the cluster's
// client closes.
func (s *Store) forgetPrimaries(primaries map[*redis.Client]bool) {
	s.primaries.Range(func(server, _ any) bool {
		if !primaries[server.(*redis.Client)] {
			s.primaries.Delete(server)
		}
		return true
	})
}
