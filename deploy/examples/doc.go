// Package examples has no code of its own. Its tests check the examples in this
// folder against the relay and Step Functions, as far as possible without AWS: they
// validate the state machines, and run the functions with the input from the state
// machines, against a relay and an imitation of Amazon SES.
package examples
