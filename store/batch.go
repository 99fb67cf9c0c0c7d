package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// The bounds of a lane. A batch is small enough that its first call does not wait long
// for its last, and that its memory does not matter.
const (
	batchCalls = 256
	batchBytes = 1 << 20 // of keys and arguments; a larger call goes alone
	maxQueued  = 4096    // calls that have not been sent; there are no more requests at a time
	// patience is how long a pipeline may take before the next one does not wait for it.
	// Most take a millisecond. A WAITAOF for a file that is synced once a second does not,
	// and neither does a connection that broke without a word.
	patience = 40 * time.Millisecond
)

// lane sends the calls of many callers to one primary in shared pipelines. What arrives
// while a pipeline is under way goes out with the next one, so the more there is to do,
// the less each call costs. Only calls share pipelines, not results: each script is
// atomic by itself, has its own reply, and may fail alone.
type lane struct {
	send   func(ctx context.Context, batch []*queuedCall)
	shared *quota

	// Behind the lock of shared:
	queued  []*queuedCall // not sent yet, in the order of arrival
	sending int           // pipelines under way
	latest  *queuedCall   // the first call of the last of them; nil when that has come back
	began   time.Time     // when it was sent
	watched bool          // somebody will look whether patience has ended
}

// quota is what the lanes of one primary share: a bound of pipelines under way.
type quota struct {
	mu    sync.Mutex
	most  int
	inUse int
	lanes []*lane
}

// share gives lanes a common bound. The last pipeline below it is kept for a lane that has
// none under way, so that a slow lane cannot keep the other.
func share(most int, lanes ...*lane) {
	shared := &quota{most: most, lanes: lanes}
	for _, l := range lanes {
		l.shared = shared
	}
}

// queuedCall is a call that waits for its reply.
type queuedCall struct {
	call
	script *script
	text   bool            // send the script's text, because the server has not got it
	ctx    context.Context //nolint:containedctx // of the caller, who may have left before the call is sent
	done   *countdown

	got    *redis.Cmd // nil if it was not sent
	failed error      // why it was not sent, or is not known to be durable
}

// countdown is closed when all calls that a caller waits for are done.
type countdown struct {
	left atomic.Int64
	zero chan struct{}
}

func newCountdown(calls int) *countdown {
	c := &countdown{zero: make(chan struct{})}
	c.left.Store(int64(calls))
	return c
}

func (c *countdown) finish() {
	if c.left.Add(-1) == 0 {
		close(c.zero)
	}
}

// enqueue adds calls. Each is done when it has its reply or an error.
func (l *lane) enqueue(calls []*queuedCall) {
	l.shared.mu.Lock()
	defer l.shared.mu.Unlock()
	if len(l.queued)+len(calls) > maxQueued {
		for _, c := range calls {
			c.fail(errLaneFull)
		}
		return
	}
	l.queued = append(l.queued, calls...)
	l.start()
}

// leave drops the calls of one caller that have not been sent.
func (l *lane) leave(done *countdown, why error) {
	l.shared.mu.Lock()
	defer l.shared.mu.Unlock()
	l.queued = slices.DeleteFunc(l.queued, func(c *queuedCall) bool {
		if c.done != done {
			return false
		}
		c.fail(why)
		return true
	})
}

// start sends what must be sent now. The caller holds the lock.
func (l *lane) start() {
	if batch := l.next(); batch != nil {
		go l.drain(batch)
	}
}

// watch sees to it that calls do not wait for a pipeline that takes long, even if no
// other call arrives. The caller holds the lock.
func (l *lane) watch() {
	if l.watched || len(l.queued) == 0 || !l.young() {
		return
	}
	l.watched = true
	time.AfterFunc(time.Until(l.began.Add(patience)), func() {
		l.shared.mu.Lock()
		defer l.shared.mu.Unlock()
		l.watched = false
		l.start()
	})
}

// young returns whether the last pipeline will come back soon, as most do. All others that
// are under way are older. The caller holds the lock.
func (l *lane) young() bool { return l.latest != nil && time.Since(l.began) < patience }

var errLaneFull = errors.New("too many calls wait for redis already")

// drain sends a batch, and then what has arrived meanwhile, until nothing has.
func (l *lane) drain(batch []*queuedCall) {
	for batch != nil {
		l.sendRecovered(batch)
		for _, c := range batch {
			c.done.finish()
		}
		batch = l.returned(batch)
	}
}

// returned gives up the place of a batch that has come back, to another lane that has
// waited for it or to the next batch, which it returns.
func (l *lane) returned(batch []*queuedCall) []*queuedCall {
	l.shared.mu.Lock()
	defer l.shared.mu.Unlock()
	l.sending--
	l.shared.inUse--
	if l.latest == batch[0] {
		l.latest = nil
	}
	for _, other := range l.shared.lanes {
		if other != l {
			other.start()
		}
	}
	return l.next()
}

// sendRecovered sends a batch. A panic of the client becomes an error of its calls, as it
// does where requests are handled: in this goroutine it would end the process.
func (l *lane) sendRecovered(batch []*queuedCall) {
	defer func() {
		if p := recover(); p != nil {
			for _, c := range batch {
				c.failed = fmt.Errorf("the client of redis has panicked (%T)", p)
			}
		}
	}()
	// A caller that leaves must not end the calls of others.
	l.send(context.WithoutCancel(batch[0].ctx), batch)
}

// next takes the calls that must be sent now, or returns nil if there are none or a
// pipeline under way will fetch them. The caller holds the lock.
func (l *lane) next() (batch []*queuedCall) {
	defer l.watch()
	free := l.shared.most - l.shared.inUse
	if l.sending > 0 {
		free -= len(l.shared.lanes) - 1
	}
	if free <= 0 || l.young() {
		return nil
	}
	bytes := 0
	for len(l.queued) > 0 && len(batch) < batchCalls {
		c := l.queued[0]
		size := c.size()
		if len(batch) > 0 && bytes+size > batchBytes {
			break
		}
		l.queued[0], l.queued = nil, l.queued[1:]
		if err := c.ctx.Err(); err != nil {
			c.fail(err)
			continue
		}
		batch, bytes = append(batch, c), bytes+size
	}
	if batch != nil {
		l.sending++
		l.shared.inUse++
		l.latest, l.began = batch[0], time.Now()
	}
	return batch
}

// size is about how many bytes the call has on the wire.
func (c *queuedCall) size() int {
	bytes := 0
	for _, key := range c.keys {
		bytes += len(key)
	}
	for _, arg := range c.args {
		switch arg := arg.(type) {
		case string:
			bytes += len(arg)
		case []byte:
			bytes += len(arg)
		default: // a number
			bytes += 8
		}
	}
	return bytes
}

// eval sends the call, or adds it to a pipeline. What became of an earlier try is forgotten.
func (c *queuedCall) eval(ctx context.Context, to redis.Scripter) {
	c.failed = nil
	if c.text {
		c.got = c.script.Eval(ctx, to, c.keys, c.args...)
	} else {
		c.got = c.script.EvalSha(ctx, to, c.keys, c.args...)
	}
}

// fail ends a call that is not sent.
func (c *queuedCall) fail(err error) {
	c.failed = err
	c.done.finish()
}

// err returns why there is no reply that counts, or nil.
func (c *queuedCall) err() error {
	if c.got == nil {
		return c.failed
	}
	return errors.Join(c.got.Err(), c.failed)
}
