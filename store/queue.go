package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"time"

	"callback-relay/relay"
)

// Claim leases up to limit due deliveries, the oldest first, and records an
// attempt for each. With an error it still returns what it claimed: part of Redis
// may be unavailable, or an unreadable entry was set aside.
func (s *Store) Claim(ctx context.Context, limit int) ([]relay.Delivery, error) {
	var damaged error
	for range asideRounds {
		claimed, strays, err := s.claimOnce(ctx, limit)
		if aside := s.setAside(ctx, strays); aside != nil {
			damaged = aside
		}
		if err = cmp.Or(err, damaged); !onlyDamaged(err) || len(claimed) > 0 || len(strays) == 0 {
			return claimed, err
		}
	}
	return nil, damaged
}

func (s *Store) claimOnce(ctx context.Context, limit int) ([]relay.Delivery, []stray, error) {
	due, err := s.due(ctx, []sortedSet{dueSet}, limit)
	calls, leases := make([]call, len(due)), make([]string, len(due))
	for i, m := range due {
		leases[i] = rand.Text()
		calls[i] = call{
			keys: []string{callbackKey(m.id), dueKey(m.partition)},
			args: []any{string(m.id), string(relay.StateAnswered), s.lease.Milliseconds(), leases[i]},
		}
	}
	replies, claimErr := s.runAll(ctx, claimScript, calls)
	var claimed []relay.Delivery
	var strays []stray
	var gone []member
	for i, got := range replies {
		switch got.verdict() {
		case "claimed":
			d := s.readClaim(due[i].id, got)
			d.Lease = leases[i]
			claimed = append(claimed, d)
		case "malformed":
			strays = append(strays, due[i].stray())
		case "gone":
			gone = append(gone, due[i])
		}
	}
	_, trimErr := s.trim(ctx, gone)
	return claimed, strays, cmp.Or(claimErr, trimErr, err)
}

// readClaim reads a reply of claim.lua.
func (s *Store) readClaim(id relay.CallbackID, got reply) relay.Delivery {
	d := relay.Delivery{ID: id}
	s.readLease(&d, got)
	payload, err := s.keys.Open(id, outcomeField, []byte(got.text(outcomeField)))
	d.Outcome = relay.NewOutcome(relay.OutcomeType(got.text("type")), got.text("error"), payload)
	d.Unreadable = errors.Join(d.Unreadable, err)
	d.Trace = got.text("trace")
	return d
}

// readLease reads what answer.lua and claim.lua both return about a lease.
func (s *Store) readLease(d *relay.Delivery, got reply) {
	d.Attempt = int(got.number("attempts"))
	d.EarlierUnclear = int(got.number("unclear"))
	d.CreatedAt, d.AnsweredAt, d.LeasedAt = got.time("created"), got.time("answered"), got.time("now")
	task, err := s.keys.Open(d.ID, taskTokenField, []byte(got.text(taskTokenField)))
	d.TaskToken, d.Unreadable = relay.TaskToken(task), err
}

// Settle records how an attempt ended. If the lease was lost, it changes nothing
// and returns false, since another process may have made the next attempt.
func (s *Store) Settle(ctx context.Context, d relay.Delivery, end relay.Settlement) (held bool, err error) {
	p := d.ID.Partition()
	keys := []string{callbackKey(d.ID), dueKey(p)}
	if end.State.Final() {
		keys = append(keys, endedKey(p, end.State))
	}
	got, err := s.run(ctx, settleScript, keys,
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
// returns how many it ended. Those registered to fail on expiry get [relay.Expiry]
// as their outcome, due immediately. Unreadable entries are set aside.
func (s *Store) Expire(ctx context.Context, limit int) (int, error) {
	overdue, err := s.due(ctx, []sortedSet{deadlineSet}, limit)
	fail, lapse := relay.TransitionOf(relay.EventExpire), relay.TransitionOf(relay.EventLapse)
	calls := make([]call, len(overdue))
	for i, m := range overdue {
		o := relay.Expiry(time.UnixMilli(int64(m.score)))
		calls[i] = call{
			keys: []string{
				callbackKey(m.id), deadlineKey(m.partition), dueKey(m.partition), endedKey(m.partition, lapse.To),
			},
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
	var gone []member
	for i, got := range replies {
		switch got.verdict() {
		case "failed", "ignored":
			ended++
		case "malformed":
			strays = append(strays, overdue[i].stray())
		case "not pending":
			gone = append(gone, overdue[i])
		}
	}
	_, trimErr := s.trim(ctx, gone)
	aside := s.setAside(ctx, strays)
	return ended, cmp.Or(expireErr, aside, trimErr, err)
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
