package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"callback-relay/relay"
)

// Claim leases up to limit deliveries that are due, the oldest first, and records
// an attempt for each. With an error it still returns what it claimed: part of
// Redis may be unavailable, or an entry that cannot be read was set aside.
func (s *Store) Claim(ctx context.Context, limit int) ([]relay.Delivery, error) {
	var told error
	for range asideRounds {
		claimed, strays, err := s.claimOnce(ctx, limit)
		if aside := s.setAside(ctx, strays); aside != nil {
			told = aside
		}
		if err = cmp.Or(err, told); err != nil && !errors.Is(err, errAside) || len(claimed) > 0 || len(strays) == 0 {
			return claimed, err
		}
	}
	return nil, told
}

func (s *Store) claimOnce(ctx context.Context, limit int) ([]relay.Delivery, []stray, error) {
	due, err := s.ripe(ctx, dueSet, limit)
	calls, leases := make([]call, len(due)), make([]string, len(due))
	for i, m := range due {
		leases[i] = rand.Text()
		calls[i] = call{
			keys: []string{callbackKey(m.id), dueKey(m.id.Partition())},
			args: []any{string(m.id), string(relay.StateAnswered), s.lease.Milliseconds(), leases[i]},
		}
	}
	replies, claimErr := s.runAll(ctx, claimScript, calls)
	var claimed []relay.Delivery
	var strays []stray
	for i, got := range replies {
		switch got.verdict() {
		case "claimed":
			d := s.readClaim(due[i].id, got)
			d.Lease = leases[i]
			claimed = append(claimed, d)
		case "malformed":
			strays = append(strays, due[i].stray(dueSet))
		}
	}
	return claimed, strays, cmp.Or(claimErr, err)
}

// readClaim reads what claim.lua returned.
func (s *Store) readClaim(id relay.CallbackID, got reply) relay.Delivery {
	d := relay.Delivery{ID: id}
	s.readLease(&d, got)
	payload, err := s.keys.Open(id, outcomeField, []byte(got.text(outcomeField)))
	d.Outcome = relay.NewOutcome(relay.OutcomeType(got.text("type")), got.text("error"), payload)
	d.Unreadable = errors.Join(d.Unreadable, err)
	d.Trace = got.text("trace")
	return d
}

// readLease reads what both answer.lua and claim.lua return of a lease.
func (s *Store) readLease(d *relay.Delivery, got reply) {
	d.Attempt = int(got.number("attempts"))
	d.EarlierUnclear = int(got.number("unclear"))
	d.CreatedAt, d.AnsweredAt, d.LeasedAt = got.time("created"), got.time("answered"), got.time("now")
	task, err := s.keys.Open(d.ID, taskTokenField, []byte(got.text(taskTokenField)))
	d.TaskToken, d.Unreadable = relay.TaskToken(task), err
}

// Settle records how an attempt ended. It changes nothing, and reports false,
// when the lease was lost: another process may have made the next attempt.
func (s *Store) Settle(ctx context.Context, d relay.Delivery, end relay.Settlement) (held bool, err error) {
	got, err := s.run(ctx, settleScript, []string{callbackKey(d.ID), dueKey(d.ID.Partition())},
		string(d.ID), d.Lease, string(relay.StateAnswered), string(end.State), end.Reason,
		flag(end.Confirmed), end.RetryIn.Milliseconds(),
		flag(end.NoEffect || end.NotMade), flag(end.NotMade), s.retention.Milliseconds())
	if err != nil {
		return false, err
	}
	switch got.verdict() {
	case "settled":
		return true, nil
	case "lease lost":
		return false, nil
	}
	return false, unexpected("settle", d.ID, got)
}

// Expire ends up to limit pending callbacks whose deadline has passed, and
// tells how many it found. Those that ask for it get [relay.Expiry] as their
// outcome, due at once. What cannot be read is set aside, and counts.
func (s *Store) Expire(ctx context.Context, limit int) (int, error) {
	overdue, err := s.ripe(ctx, deadlineSet, limit)
	fail, lapse := relay.TransitionOf(relay.EventExpire), relay.TransitionOf(relay.EventLapse)
	calls := make([]call, len(overdue))
	for i, m := range overdue {
		o := relay.Expiry(time.UnixMilli(int64(m.score)))
		calls[i] = call{
			keys: []string{callbackKey(m.id), deadlineKey(m.id.Partition()), dueKey(m.id.Partition())},
			args: []any{
				string(m.id), string(fail.From), string(fail.To), string(lapse.To),
				string(o.Type), o.Error, s.keys.Seal(m.id, outcomeField, o.Payload()),
				relay.ByExpiry, s.retention.Milliseconds(),
			},
		}
	}
	replies, expireErr := s.runAll(ctx, expireScript, calls)
	ended := 0
	var strays []stray
	for i, got := range replies {
		switch got.verdict() {
		case "failed", "ignored":
			ended++
		case "malformed":
			strays = append(strays, overdue[i].stray(deadlineSet))
		}
	}
	aside := s.setAside(ctx, strays)
	return ended, cmp.Or(expireErr, aside, err)
}

// member is one element of a partition's sorted set.
type member struct {
	id    relay.CallbackID
	score float64
}

func (m member) stray(set sortedSet) stray { return stray{set, m.id.Partition(), string(m.id)} }

// ripe returns up to limit members whose time has come, the oldest first, of
// the sorted sets of all partitions. What is no id is set aside, and looked
// behind: the error then is errAside.
func (s *Store) ripe(ctx context.Context, set sortedSet, limit int) ([]member, error) {
	// Ids spread evenly, so a few of each partition fill the limit. Where they
	// do not, the next call, which follows at once, takes the next few.
	each := 1 + limit/relay.Partitions*2
	var told error
	for round := 0; ; round++ {
		members, strays, err := s.ripeOnce(ctx, set, limit, each)
		if err != nil || len(strays) == 0 || round == asideRounds {
			return members, cmp.Or(err, told)
		}
		if told = s.setAside(ctx, strays); told != nil && !errors.Is(told, errAside) {
			return members, told
		}
		each = asideBatch
	}
}

// ripeOnce asks all partitions in one round trip.
func (s *Store) ripeOnce(ctx context.Context, set sortedSet, limit, each int) ([]member, []stray, error) {
	calls := make([]call, relay.Partitions)
	for p := range calls {
		calls[p] = call{keys: []string{set.key(p)}, args: []any{each}}
	}
	replies, err := s.runAll(ctx, ripeScript, calls)
	var members []member
	var strays []stray
	for p, got := range replies {
		for i := 0; i+1 < len(got); i += 2 {
			id, ours := idIn(p, got[i])
			score, scoreErr := strconv.ParseFloat(got[i+1], 64)
			if !ours || scoreErr != nil {
				strays = append(strays, stray{set, p, got[i]})
				continue
			}
			members = append(members, member{id, score})
		}
	}
	slices.SortFunc(members, func(a, b member) int {
		return cmp.Or(cmp.Compare(a.score, b.score), cmp.Compare(a.id, b.id))
	})
	return members[:min(limit, len(members))], strays, err
}

// Beat gives a sign of life of the named replica and returns how many replicas
// gave one within the last ttl, itself included.
func (s *Store) Beat(ctx context.Context, replica string, ttl time.Duration) (int, error) {
	got, err := s.run(ctx, beatScript, []string{replicasKey}, replica+knowsGenerations, ttl.Milliseconds(), knowsGenerations)
	if err != nil {
		return 0, err
	}
	if n := int(got.number("replicas")); got.verdict() == "live" && n > 0 {
		s.noteGenerations(int(got.number("know")) == n)
		return n, nil
	}
	return 0, unavailable(fmt.Errorf("beat: unexpected verdict %.20q", got.verdict()))
}

// Leave takes the named replica out, so that the others get its share at once.
func (s *Store) Leave(ctx context.Context, replica string) error {
	if err := s.redis.ZRem(ctx, replicasKey, replica+knowsGenerations).Err(); err != nil {
		return unavailable(err)
	}
	return nil
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
