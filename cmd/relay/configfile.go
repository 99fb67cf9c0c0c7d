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
	"callback-relay/identity"
	"callback-relay/relay"
	"callback-relay/senders"
)

// compareEvery is how often the configuration file and the secrets that it refers to are
// compared with what was read. Comparing content works with every file system, and with
// the way in which Kubernetes replaces mounted files.
const compareEvery = 2 * time.Second

// configFile is the configuration file as it is now. It implements [relay.Senders] and
// [relay.Hooks].
type configFile struct {
	inUse atomic.Pointer[usedFile] // the last that had no mistake; empty if there is no file
	warn  func(check string, err error)
	log   *slog.Logger

	// Only watch uses these.
	read    *config.File  // what was read last; nil if there is no file
	waiting config.Digest // another content, seen once

	mu     sync.Mutex
	missed map[string]missedSender
}

// usedFile is what posts and registrations need of the file.
type usedFile struct {
	senders  map[string]*senders.Sender
	hooks    []relay.Hook       // sorted by name
	identity *identity.Verifier // nil if there is none
}

// missedSender is a sender, or the hook of one, that something came for and that is not
// in the file.
type missedSender struct {
	last time.Time
	hook bool // the sender itself was there
}

// newConfigFile returns the configuration file that was read at start; nil for none. It
// calls warn with the result of each check.
func newConfigFile(read *config.File, warn func(check string, err error), log *slog.Logger) *configFile {
	c := &configFile{read: read, warn: warn, log: log, missed: map[string]missedSender{}}
	if read == nil {
		c.inUse.Store(&usedFile{})
		return c
	}
	c.use(read)
	return c
}

// use replaces the file in use.
func (c *configFile) use(f *config.File) {
	used := &usedFile{senders: f.Senders, identity: f.Identity}
	var hooked []string
	all := slices.Collect(maps.Keys(f.Senders))
	for _, name := range slices.Sorted(maps.Keys(f.Hooks)) {
		hook := f.Hooks[name]
		used.hooks = append(used.hooks, relay.Hook{Name: name, Sender: hook.Sender, Rule: hook.Rule, Keep: hook.Keep})
		hooked = append(hooked, name)
		all = append(all, name) // it may have no proof
	}
	slices.Sort(all)
	c.inUse.Store(used)
	issuer := ""
	if f.Identity != nil {
		issuer = f.Identity.Issuer()
	}
	c.log.Info("configuration file read", "file", f.Path, "senders", slices.Compact(all), "hooks", hooked, "identity", issuer)
}

// Identity implements [relay.People].
func (c *configFile) Identity() *identity.Verifier { return c.inUse.Load().identity }

// Named implements [relay.Senders].
func (c *configFile) Named(name string) (*senders.Sender, bool) {
	sender, found := c.inUse.Load().senders[name]
	return sender, found
}

// Names implements [relay.Senders].
func (c *configFile) Names() []string {
	return slices.Sorted(maps.Keys(c.inUse.Load().senders))
}

// Hook implements [relay.Hooks].
func (c *configFile) Hook(sender string) (relay.Hook, bool) {
	hooks := c.Hooks()
	at, found := slices.BinarySearchFunc(hooks, sender, func(h relay.Hook, name string) int { return strings.Compare(h.Name, name) })
	if !found {
		return relay.Hook{}, false
	}
	return hooks[at], true
}

// Hooks implements [relay.Hooks].
func (c *configFile) Hooks() []relay.Hook { return c.inUse.Load().hooks }

// Bounds of what is remembered of senders and hooks that are not in the file.
const (
	missedFor  = 24 * time.Hour
	mostMissed = 100
)

// Missed implements [relay.Senders]. What is missed of a sender that is in the file can
// only be its hook.
func (c *configFile) Missed(name string) {
	_, there := c.Named(name)
	c.mu.Lock()
	before, known := c.missed[name]
	if known || len(c.missed) < mostMissed {
		c.missed[name] = missedSender{last: time.Now(), hook: there}
	}
	c.mu.Unlock()
	if !known || before.hook != there {
		c.warnOfMissed()
	}
}

// warnOfMissed warns of the senders and hooks that something came for and that are not in
// the file.
func (c *configFile) warnOfMissed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.missed, func(name string, missed missedSender) bool {
		_, back := c.Hook(name)
		if !back && !missed.hook {
			_, back = c.Named(name)
		}
		return back || time.Since(missed.last) > missedFor
	})
	var without, unhooked []string
	for _, name := range slices.Sorted(maps.Keys(c.missed)) {
		if c.missed[name].hook {
			unhooked = append(unhooked, name)
		} else {
			without = append(without, name)
		}
	}
	var problems []string
	if len(without) > 0 {
		problems = append(problems, "posts get 503 or events wait, since their senders are not in the configuration file: "+strings.Join(without, ", "))
	}
	if len(unhooked) > 0 {
		problems = append(problems, "posts get 503 or events wait, since these senders have no hook in the configuration file: "+strings.Join(unhooked, ", "))
	}
	if len(problems) == 0 {
		c.warn(checkSenders, nil)
		return
	}
	c.warn(checkSenders, fmt.Errorf("%s. Add them again until the callbacks that use them are over", strings.Join(problems, "; ")))
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
