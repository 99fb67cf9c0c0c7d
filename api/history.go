package api

import "time"

// History is what was not the straight way to the outcome of a callback, oldest first:
// at most 50 entries.
type History struct {
	// Entries is never null on the wire.
	Entries []HistoryEntry `json:"entries"`
}

// HistoryEntry is one thing that happened, or several equal ones without an event.
type HistoryEntry struct {
	At time.Time `json:"at"`
	// LastAt and Count are for equal entries: when the last was, and how many there were.
	// Count is at least 1.
	LastAt time.Time `json:"lastAt"`
	Count  int       `json:"count"`
	// Link is the name of the link; it is empty for an attempt of a delivery.
	Link string `json:"link,omitempty"`
	// Verdict is what was done, such as ignored or unproven, and Reason why.
	Verdict string `json:"verdict"`
	Reason  string `json:"reason,omitempty"`
	// Outcome is the number of the registration's outcome that matched the event or failed,
	// counted from 0; nil for none, and for an outcome of the sender's preset.
	Outcome *int `json:"outcome,omitempty"`
	// EventID is the sender's id of the event.
	EventID string `json:"eventId,omitempty"`
	// Note is what a person wrote who said that the link is not for them.
	Note string `json:"note,omitempty"`
	// Bytes is the size of the body as it was sent.
	Bytes int `json:"bytes,omitempty"`
}
