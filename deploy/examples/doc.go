// Package examples has no code of its own. Its tests hold the examples of this
// folder to what the relay and Step Functions do, as far as that can be told
// without AWS: state machines are read and validated, and the functions are run
// with what the state machines hand them, against a relay and an imitation of
// Amazon SES.
package examples
