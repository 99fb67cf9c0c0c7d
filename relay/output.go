package relay

import "callback-relay/bodies"

// MaxOutputBytes is the most that SendTaskSuccess takes as output: 262,144
// bytes of UTF-8 (AWS service model, SensitiveData).
const MaxOutputBytes = 262_144

// CheckOutput tells whether bytes can be sent as an output exactly as they are:
// at most limit bytes, and JSON as [bodies.CheckJSON] wants it. Step Functions'
// client would silently replace bad UTF-8, so it is refused here. The errors are
// [*bodies.TooLargeError] and [*bodies.InvalidError].
func CheckOutput(output []byte, limit int) error {
	if len(output) > limit {
		return &bodies.TooLargeError{Limit: limit, Actual: len(output)}
	}
	return bodies.CheckJSON(output)
}
