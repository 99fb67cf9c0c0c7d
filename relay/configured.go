package relay

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"callback-relay/senders"
)

// ConfiguredSender is a sender of the relay's configuration file.
type ConfiguredSender struct {
	Name   string
	Sender *senders.Sender // nil if everybody may post to its hook
	Hook   *Hook           // nil if it has none
}

// ConfiguredSenders returns the senders of the configuration file, sorted by name.
func (s *Service) ConfiguredSenders() []ConfiguredSender {
	all := map[string]ConfiguredSender{}
	for _, name := range s.senders.Names() {
		if sender, found := s.senders.Named(name); found { // or the file has just changed
			all[name] = ConfiguredSender{Name: name, Sender: sender}
		}
	}
	for _, hook := range s.hooks.Hooks() {
		all[hook.Name] = ConfiguredSender{Name: hook.Name, Sender: hook.Sender, Hook: &hook}
	}
	return slices.SortedFunc(maps.Values(all), func(a, b ConfiguredSender) int { return strings.Compare(a.Name, b.Name) })
}

// checkHook reports [ErrNotFound] for a name that the configuration file does not have, and
// [ErrNoHook] for that of a sender without a hook.
func (s *Service) checkHook(name string) error {
	if _, found := s.hooks.Hook(name); found {
		return nil
	}
	if _, found := s.senders.Named(name); found {
		return ErrNoHook
	}
	return fmt.Errorf("sender: %w", ErrNotFound)
}

// MaxFreeListed is how many free events are listed, or dropped, at once.
const MaxFreeListed = 100

// FreeEvents returns up to limit events of a sender's hook that nobody has used, the one
// that ends next first, and how many there are. Their bodies are not shown. 0 stands for a
// limit of 20, and [MaxFreeListed] is the highest. An unknown sender is [ErrNotFound], and
// one without a hook [ErrNoHook].
func (s *Service) FreeEvents(ctx context.Context, sender string, limit int) ([]FreeEvent, int, error) {
	if limit == 0 {
		limit = defaultPage
	}
	if limit < 1 || limit > MaxFreeListed {
		return nil, 0, &InvalidFieldError{"limit", fmt.Sprintf("must be a number from 1 to %d", MaxFreeListed)}
	}
	if err := s.checkHook(sender); err != nil {
		return nil, 0, err
	}
	return s.store.FreeEvents(ctx, sender, limit)
}

// DropEvent removes an event that nobody has used, or reports [ErrNotFound], or
// [ErrNoHook].
func (s *Service) DropEvent(ctx context.Context, sender string, d AwaitDigest, event string) error {
	if err := s.checkHook(sender); err != nil {
		return err
	}
	dropped, err := s.store.DropEvents(ctx, sender, []FreeEvent{{Digest: d, Event: event}})
	if err == nil && dropped == 0 {
		return ErrNotFound
	}
	return err
}

// DropEvents removes up to [MaxFreeListed] events of a sender's hook that nobody has used,
// those that end next, and returns about how many are left: others may come and go
// meanwhile. The errors are those of [Service.FreeEvents].
func (s *Service) DropEvents(ctx context.Context, sender string) (dropped, left int, err error) {
	events, total, err := s.FreeEvents(ctx, sender, MaxFreeListed)
	if err != nil {
		return 0, 0, err
	}
	dropped, err = s.store.DropEvents(ctx, sender, events)
	return dropped, total - len(events), err
}
