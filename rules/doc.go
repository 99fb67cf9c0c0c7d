// Package rules decides what an event means to a task: which of a link's outcomes it
// is, and what the task is told. Conditions are CEL expressions, and
// outputs are cut from the bytes that were sent.
package rules
