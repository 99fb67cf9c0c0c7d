package bodies

import "fmt"

// TooLargeError reports an output or a body over its limit. Actual is 0 if the size is
// unknown because reading stopped at the limit.
type TooLargeError struct {
	Limit, Actual int // bytes
}

func (e *TooLargeError) Error() string {
	if e.Actual == 0 {
		return fmt.Sprintf("more than %d bytes", e.Limit)
	}
	return fmt.Sprintf("%d bytes, but at most %d are allowed", e.Actual, e.Limit)
}

// InvalidError reports a body that cannot become an output. It does not quote the
// body.
type InvalidError struct {
	Offset  int    // of the first bad byte in the uncompressed body, counted from 0
	Problem string // ends the sentence "the body is ..."
}

func (e *InvalidError) Error() string {
	return fmt.Sprintf("the body is %s (at byte %d)", e.Problem, e.Offset)
}

// UnsupportedError reports a body of an unsupported kind.
type UnsupportedError struct {
	Problem string // what is wrong, and what would be right
}

func (e *UnsupportedError) Error() string { return e.Problem }
