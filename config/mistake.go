package config

// Mistake is one setting that cannot be used as it is.
//
// A caller that checks further than [Settings.Parse] does joins its own to the
// rest with [errors.Join].
type Mistake struct {
	Setting string // name in the environment, such as RELAY_KEYS
	Problem string // what is wrong and what would be right; never a secret
}

// Error implements error.
func (m *Mistake) Error() string { return m.Setting + ": " + m.Problem }
