package config

// Mistake is one wrong setting.
//
// A caller that makes further checks after [Settings.Parse] joins its mistakes to
// the others with [errors.Join].
type Mistake struct {
	Setting string // name in the environment, such as RELAY_KEYS
	Problem string // what is wrong and what would be right; never a secret
}

// Error implements error.
func (m *Mistake) Error() string { return m.Setting + ": " + m.Problem }
