package store

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"callback-relay/relay"
)

// historyField holds the history of a callback. The ids of events in it, and what people
// wrote, are sealed, each under the field's name.
const historyField = "history"

// nothing stands in a line of a history for what there is not.
const nothing = "-"

// Note implements [relay.Store].
func (s *Store) Note(ctx context.Context, link relay.LinkRef, n relay.Note) error {
	reason, event := nothing, nothing
	if n.Reason != "" {
		reason = n.Reason
	}
	if n.EventID != "" {
		event = base64.RawStdEncoding.EncodeToString(s.seal(link.ID, historyField, n.EventID))
	}
	rule := nothing
	if n.Rule >= 0 {
		rule = strconv.Itoa(n.Rule)
	}
	got, err := s.run(ctx, noteScript, []string{callbackKey(link.ID)},
		strconv.Itoa(int(link.Number)), n.Verdict, reason, n.Bytes, event, rule)
	if err != nil {
		return fmt.Errorf("note %s: %w", link.ID, err)
	}
	if got.verdict() == "missing" {
		return fmt.Errorf("note %s: %w", link.ID, relay.ErrNotFound)
	}
	return nil
}

// History implements [relay.Store].
func (s *Store) History(ctx context.Context, id relay.CallbackID) ([]relay.HistoryEntry, error) {
	cb, rec, err := s.read(ctx, id)
	if err != nil {
		return nil, err
	}
	values, err := s.redis.HMGet(ctx, callbackKey(cb.ID), historyField).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	var entries []relay.HistoryEntry
	for line := range strings.Lines(texts(values)[0]) {
		if entry, ok := s.historyEntry(cb.ID, rec.spec, strings.Fields(line)); ok {
			entries = append(entries, entry)
		}
	}
	return entries, nil
}

// historyEntry reads the fields of one line. A line that cannot be read is left out.
func (s *Store) historyEntry(id relay.CallbackID, asked spec, fields []string) (relay.HistoryEntry, bool) {
	const columns = 9
	if len(fields) == columns-1 { // there is no rule
		fields = append(fields, nothing)
	}
	if len(fields) != columns {
		return relay.HistoryEntry{}, false
	}
	for i, field := range fields {
		if field == nothing {
			fields[i] = ""
		}
	}
	entry := relay.HistoryEntry{
		Note: relay.Note{Verdict: fields[4], Reason: fields[5], Bytes: int(number(fields[6])), Rule: -1},
		At:   millis(fields[0]), Last: millis(fields[1]), Count: int(number(fields[2])),
	}
	if fields[8] != "" {
		entry.Rule = int(number(fields[8]))
	}
	if fields[3] != "" {
		entry.Link = asked.author(fields[3])
	}
	if fields[7] != "" {
		// Its master key may have left the ring; the rest of the entry stays readable.
		sealed, _ := base64.RawStdEncoding.DecodeString(fields[7])
		text, _ := s.keys.Open(id, historyField, sealed)
		if entry.Verdict == relay.NoteNotForMe {
			entry.Text = relay.Payload(text)
		} else {
			entry.EventID = string(text)
		}
	}
	return entry, true
}
