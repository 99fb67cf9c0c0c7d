package api

import "time"

// SenderList is what the relay's configuration file has under senders.
type SenderList struct {
	Senders []ConfiguredSender `json:"senders"` // sorted by name; never null
}

// ConfiguredSender is one sender of the configuration file, without its secrets.
type ConfiguredSender struct {
	Name string `json:"name"`
	// Preset is "" for a sender with a proof of its own, or without one.
	Preset string `json:"preset,omitempty"`
	Hook   *Hook  `json:"hook,omitempty"`
}

// Hook is the one URL to which a sender posts all its events.
type Hook struct {
	URL string `json:"url"`
	// Keep is how long an event waits for a callback, as a Go duration.
	Keep string `json:"keep"`
	// Proof is false if everybody who has the URL may post.
	Proof bool `json:"proof"`
}

// KeptEvents are events of a hook that nobody has used.
type KeptEvents struct {
	Events []KeptEvent `json:"events"` // the one that ends next first; never null
	Total  int         `json:"total"`  // how many there are
}

// KeptEvent is an event of a hook that nobody has used, without its body.
type KeptEvent struct {
	// Key is a digest of what the event is about.
	Key string `json:"key"`
	// Event is the relay's name for the event.
	Event string `json:"event"`
	// ID and Type are the sender's; ID is made of a digest of the body if the event has none.
	ID     string    `json:"id,omitempty"`
	Type   string    `json:"type,omitempty"`
	At     time.Time `json:"at"`     // when it came
	EndsAt time.Time `json:"endsAt"` // when it is dropped, if nobody uses it until then
	Bytes  int       `json:"bytes"`  // as stored, with headers and sealed
}

// DroppedEvents is the result of dropping events.
type DroppedEvents struct {
	Dropped int `json:"dropped"`
	// Left is how many there still are. Drop again until none is.
	Left int `json:"left"`
}
