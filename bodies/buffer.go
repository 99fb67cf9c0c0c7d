package bodies

import "io"

// Room is shared memory, such as the memory for all requests of a listener.
type Room interface {
	// Take reserves n more bytes. If not enough are left, it reserves nothing and
	// returns an error.
	Take(n int) error
	// Give returns n bytes that were taken and are not needed any more. Whatever is not
	// given is kept until the request is over.
	Give(n int)
}

// Buffer is a byte buffer that takes memory from a room before it uses the memory.
// Room is required.
type Buffer struct {
	Room Room
	Max  int // the maximum length; 0 for no limit except the room

	bytes []byte
}

// writeStep is the least memory, in bytes, that Write takes at a time.
const writeStep = 16 << 10

// Bytes returns the contents.
func (b *Buffer) Bytes() []byte { return b.bytes }

// grow takes memory for at least n more bytes. Usually it doubles the memory, so that a
// sender has sent at least half of the memory that is held for it.
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

// Fill reads until the end, and takes memory in pieces of at least step bytes. It reads
// one byte past Max to find out whether there is more: then the error is
// [io.ErrShortBuffer].
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
