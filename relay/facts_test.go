package relay_test

import (
	"errors"
	"testing"

	"callback-relay/relay"
)

// If a callback refuses an answer for several reasons, only one is reported: an unknown
// link reveals nothing, a closed link only that it is closed, and final reasons come
// before temporary ones.
func TestRefusal(t *testing.T) {
	for name, c := range map[string]struct {
		facts relay.Facts
		want  error
	}{
		"in time":                     {relay.Facts{State: relay.StatePending}, nil},
		"overdue":                     {relay.Facts{State: relay.StatePending, Overdue: true}, relay.ErrExpired},
		"overdue, somebody faster":    {relay.Facts{State: relay.StatePending, Overdue: true, Meanwhile: true}, relay.ErrExpired},
		"somebody faster":             {relay.Facts{State: relay.StatePending, Meanwhile: true}, relay.ErrMeanwhile},
		"answered":                    {relay.Facts{State: relay.StateAnswered, Overdue: true}, relay.ErrAlreadyAnswered},
		"answered, somebody faster":   {relay.Facts{State: relay.StateAnswered, Meanwhile: true}, relay.ErrAlreadyAnswered},
		"delivered":                   {relay.Facts{State: relay.StateDelivered, Overdue: true}, relay.ErrAlreadyAnswered},
		"answered by expiry":          {relay.Facts{State: relay.StateAnswered, ByExpiry: true, Overdue: true}, relay.ErrExpired},
		"refused by expiry":           {relay.Facts{State: relay.StateRefused, ByExpiry: true, Reason: "TaskTimedOut"}, relay.ErrExpired},
		"expired":                     {relay.Facts{State: relay.StateExpired, Overdue: true}, relay.ErrExpired},
		"cancelled":                   {relay.Facts{State: relay.StateCancelled, Overdue: true}, relay.ErrCancelled},
		"task closed":                 {relay.Facts{State: relay.StateRefused, Reason: "TaskTimedOut"}, relay.ErrTaskClosed},
		"refused":                     {relay.Facts{State: relay.StateRefused, Reason: "InvalidOutput"}, relay.ErrRefused},
		"closed":                      {relay.Facts{State: relay.StatePending, LinkClosed: true, Overdue: true}, relay.ErrLinkClosed},
		"closed, cancelled":           {relay.Facts{State: relay.StateCancelled, LinkClosed: true}, relay.ErrLinkClosed},
		"closed, somebody faster":     {relay.Facts{State: relay.StatePending, LinkClosed: true, Meanwhile: true}, relay.ErrMeanwhile},
		"closed, its own was refused": {relay.Facts{State: relay.StateRefused, Reason: "InvalidOutput", LinkClosed: true, ByThisLink: true, SameAnswer: true}, relay.ErrRefused},
		"closed, its own, but other":  {relay.Facts{State: relay.StateRefused, Reason: "InvalidOutput", LinkClosed: true, ByThisLink: true}, relay.ErrLinkClosed},
		"closed, another's was same":  {relay.Facts{State: relay.StateRefused, Reason: "InvalidOutput", LinkClosed: true, SameAnswer: true}, relay.ErrLinkClosed},
		"unknown, closed":             {relay.Facts{State: relay.StatePending, LinkUnknown: true, LinkClosed: true, Meanwhile: true}, relay.ErrNotFound},
		"unknown, cancelled":          {relay.Facts{State: relay.StateCancelled, LinkUnknown: true}, relay.ErrNotFound},
		"guarded":                     {relay.Facts{State: relay.StatePending, LinkGuarded: true}, relay.ErrUnavailable},
		"guarded, answered, closed":   {relay.Facts{State: relay.StateDelivered, LinkGuarded: true, LinkClosed: true, ByThisLink: true}, relay.ErrUnavailable},
		"unknown, guarded":            {relay.Facts{State: relay.StatePending, LinkUnknown: true, LinkGuarded: true}, relay.ErrNotFound},
		"decided":                     {relay.Facts{State: relay.StatePending, Decided: true}, relay.ErrAlreadyAnswered},
		"decided, overdue":            {relay.Facts{State: relay.StatePending, Decided: true, Overdue: true}, relay.ErrExpired},
		"a state of a later release":  {relay.Facts{State: "paused", Overdue: true}, relay.ErrUnavailable},
		"no state, somebody faster":   {relay.Facts{Meanwhile: true}, relay.ErrUnavailable},
		"no state, and a link closed": {relay.Facts{LinkClosed: true}, relay.ErrLinkClosed},
	} {
		if got := c.facts.Refusal(); !errors.Is(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// A repeated answer gets the result of the first one, even if its link has been closed
// since, provided that this link gave the first answer.
func TestRepeated(t *testing.T) {
	same := relay.Facts{State: relay.StateAnswered, SameAnswer: true}
	for name, c := range map[string]struct {
		change func(*relay.Facts)
		want   bool
	}{
		"answered":                    {func(*relay.Facts) {}, true},
		"delivered":                   {func(f *relay.Facts) { f.State = relay.StateDelivered }, true},
		"decided, waiting for others": {func(f *relay.Facts) { f.State, f.Decided = relay.StatePending, true }, true},
		"nothing recorded yet":        {func(f *relay.Facts) { f.State = relay.StatePending }, false},
		"decided, overdue":            {func(f *relay.Facts) { f.State, f.Decided, f.Overdue = relay.StatePending, true, true }, false},
		"through a guarded link":      {func(f *relay.Facts) { f.LinkGuarded, f.ByThisLink = true, true }, false},
		"another answer":              {func(f *relay.Facts) { f.SameAnswer = false }, false},
		"refused":                     {func(f *relay.Facts) { f.State = relay.StateRefused }, false},
		"by expiry":                   {func(f *relay.Facts) { f.ByExpiry = true }, false},
		"through another's link":      {func(f *relay.Facts) { f.LinkClosed = true }, false},
		"through a link now closed":   {func(f *relay.Facts) { f.LinkClosed, f.ByThisLink = true, true }, true},
		"through no link of it":       {func(f *relay.Facts) { f.LinkUnknown, f.ByThisLink = true, true }, false},
	} {
		f := same
		c.change(&f)
		if got := f.Repeated(); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
