package bodies

import "io"

// Room is memory that is shared with others, such as that for all requests of a
// listener.
type Room interface {
	// Take sets n more bytes aside. Its error says that there are not enough left;
	// then it sets nothing aside.
	Take(n int) error
}

// Buffer is bytes in memory that is taken from a room before it is used. Room is
// required.
type Buffer struct {
	Room Room
	Max  int // how long it may become; 0 is no bound of its own

	bytes []byte
}

// writeStep is the smallest piece of memory that Write takes.
const writeStep = 16 << 10

// Bytes returns what was written or filled in.
func (b *Buffer) Bytes() []byte { return b.bytes }

// grow takes memory for at least n more bytes. As a rule it doubles what there
// is, so that a sender has sent half of what is held for it.
func (b *Buffer) grow(n int) error {
	size := max(len(b.bytes)+n, 2*cap(b.bytes))
	if b.Max > 0 {
		size = min(size, b.Max)
	}
	if err := b.Room.Take(size - cap(b.bytes)); err != nil {
		return err
	}
	grown := make([]byte, len(b.bytes), size)
	copy(grown, b.bytes)
	b.bytes = grown
	return nil
}

// Write implements [io.Writer].
func (b *Buffer) Write(p []byte) (int, error) {
	if len(b.bytes)+len(p) > cap(b.bytes) {
		if err := b.grow(max(len(p), writeStep)); err != nil {
			return 0, err
		}
	}
	b.bytes = append(b.bytes, p...)
	return len(p), nil
}

// Fill reads until the end, and takes memory in pieces of at least step bytes. It
// reads one byte past Max to find out whether the end is there: if it is not, the
// error is [io.ErrShortBuffer].
func (b *Buffer) Fill(from io.Reader, step int) error {
	var past [1]byte
	for {
		if len(b.bytes) == cap(b.bytes) && cap(b.bytes) < b.Max {
			if err := b.grow(step); err != nil {
				return err
			}
		}
		into := b.bytes[len(b.bytes):cap(b.bytes)]
		if len(into) == 0 {
			into = past[:]
		}
		n, err := from.Read(into)
		if n > 0 && len(b.bytes) == cap(b.bytes) {
			return io.ErrShortBuffer
		}
		b.bytes = b.bytes[:len(b.bytes)+n]
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
