package config

import "fmt"

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

// FileMistake is one mistake in the configuration file.
type FileMistake struct {
	Path         string
	Line, Column int    // from 1; 0 if it is the file as a whole
	Field        string // such as senders.stripe.secrets[0]; "" for the file as a whole
	Problem      string // what is wrong and what would be right; never a secret
}

// Error implements error.
func (m *FileMistake) Error() string {
	where := m.Path
	if m.Line > 0 {
		where = fmt.Sprintf("%s:%d:%d", m.Path, m.Line, m.Column)
	}
	if m.Field != "" {
		where += ": " + m.Field
	}
	return where + ": " + m.Problem
}
