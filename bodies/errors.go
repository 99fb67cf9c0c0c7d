package bodies

import "fmt"

// TooLargeError reports an output or a body over its limit. Actual is 0 when the
// size is not known, since reading stopped at the limit.
type TooLargeError struct {
	Limit, Actual int // bytes
}

func (e *TooLargeError) Error() string {
	if e.Actual == 0 {
		return fmt.Sprintf("more than %d bytes", e.Limit)
	}
	return fmt.Sprintf("%d bytes where at most %d are taken", e.Actual, e.Limit)
}

// InvalidError reports bytes that cannot be an output. Nothing of them is in
// the error.
type InvalidError struct {
	Offset  int    // of the first bad byte, from 0, in the body without compression
	Problem string // ends the sentence "the body is ..."
}

func (e *InvalidError) Error() string {
	return fmt.Sprintf("the body is %s (at byte %d)", e.Problem, e.Offset)
}

// UnsupportedError reports a body of a kind that is not taken.
type UnsupportedError struct {
	Problem string // what is wrong, and what would be right
}

func (e *UnsupportedError) Error() string { return e.Problem }
