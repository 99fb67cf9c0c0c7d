package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"callback-relay/config"
	"callback-relay/senders"
)

// compareEvery is how often the configuration file and the secrets that it refers to are
// compared with what was read. Comparing content works with every file system, and with
// the way in which Kubernetes replaces mounted files.
const compareEvery = 2 * time.Second

// configFile is the configuration file as it is now. It implements [relay.Senders].
type configFile struct {
	inUse atomic.Pointer[config.File] // the last that had no mistake; without senders if there is no file
	warn  func(check string, err error)
	log   *slog.Logger

	// Only watch uses these.
	read    *config.File  // what was read last; nil if there is no file
	waiting config.Digest // another content, seen once

	mu     sync.Mutex
	missed map[string]time.Time // when a post last came for a sender that is not in the file
}

// newConfigFile returns the configuration file that was read at start; nil for none. It
// calls warn with the result of each check.
func newConfigFile(read *config.File, warn func(check string, err error), log *slog.Logger) *configFile {
	c := &configFile{read: read, warn: warn, log: log, missed: map[string]time.Time{}}
	if read == nil {
		c.inUse.Store(&config.File{})
		return c
	}
	c.use(read)
	return c
}

// use replaces the file in use.
func (c *configFile) use(f *config.File) {
	c.inUse.Store(f)
	c.log.Info("configuration file read", "file", f.Path, "senders", c.Names())
}

// Named implements [relay.Senders].
func (c *configFile) Named(name string) (*senders.Sender, bool) {
	sender, found := c.inUse.Load().Senders[name]
	return sender, found
}

// Names implements [relay.Senders].
func (c *configFile) Names() []string {
	return slices.Sorted(maps.Keys(c.inUse.Load().Senders))
}

// Bounds of what is remembered of posts for senders that are not in the file.
const (
	missedFor  = 24 * time.Hour
	mostMissed = 100
)

// Missed implements [relay.Senders].
func (c *configFile) Missed(name string) {
	c.mu.Lock()
	_, known := c.missed[name]
	if known || len(c.missed) < mostMissed {
		c.missed[name] = time.Now()
	}
	c.mu.Unlock()
	if !known {
		c.warnOfMissed()
	}
}

// warnOfMissed warns of the senders that posts came for and that are not in the file.
func (c *configFile) warnOfMissed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.missed, func(name string, last time.Time) bool {
		_, back := c.Named(name)
		return back || time.Since(last) > missedFor
	})
	if len(c.missed) == 0 {
		c.warn(checkSenders, nil)
		return
	}
	c.warn(checkSenders, fmt.Errorf("posts get 503, since their senders are not in the configuration file: %s. "+
		"Add them again until the callbacks that use them are over", strings.Join(slices.Sorted(maps.Keys(c.missed)), ", ")))
}

// watch reads the file again when its content or that of a secret has changed, and when a
// signal asks for it, until ctx ends.
func (c *configFile) watch(ctx context.Context, signals <-chan os.Signal) {
	tick := time.NewTicker(compareEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
			c.reload()
		case <-tick.C:
			c.compare()
		}
		c.warnOfMissed()
	}
}

// compare reads the file again if it has another content than before, and the same one as
// at the last comparison: it may be in the middle of being written.
func (c *configFile) compare() {
	if c.read == nil {
		return
	}
	switch now := c.read.DigestNow(); now {
	case c.read.Digest:
		c.waiting = config.Digest{}
	case c.waiting:
		c.reload()
	default:
		c.waiting = now
	}
}

// reload reads the file again. If it has a mistake, nothing changes.
func (c *configFile) reload() {
	if c.read == nil { // only a signal can ask for it
		c.log.Info("SIGHUP changes nothing: there is no configuration file")
		return
	}
	before := c.read.Digest
	f, err := config.ReadFile(c.read.Path)
	c.read, c.waiting = f, config.Digest{}
	c.warn(checkConfigFile, firstOf(err))
	switch {
	case f.Digest == before && err == nil: // a signal came, and nothing has changed
		c.log.Info("configuration file unchanged", "file", f.Path)
	case f.Digest == before:
		c.log.Warn("configuration file unchanged, and it still has mistakes", "file", f.Path)
	case err == nil:
		c.use(f)
	default:
		c.log.Error("configuration file has mistakes; the senders stay as they were", "file", f.Path, "mistakes", texts(err))
	}
}

// texts returns the texts of errors that were joined into one.
func texts(err error) []string {
	var all []string
	for _, one := range parts(err) {
		all = append(all, one.Error())
	}
	return all
}

// firstOf returns the first of several errors, and how many more there are.
func firstOf(err error) error {
	all := texts(err)
	if len(all) < 2 {
		return err
	}
	return fmt.Errorf("%s (and %d more: run relay config check)", all[0], len(all)-1)
}
