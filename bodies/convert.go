package bodies

import (
	"errors"
	"io"
)

// unpackStep is the smallest piece of memory, in bytes, in which a body is
// unpacked.
const unpackStep = 512

// Convert returns what a body becomes that arrived whole: it undoes the
// compression and converts the rest as [Kind.JSON] does, with the same errors.
// The result has at most limit bytes. What it takes of memory is taken from room
// first, whose error it returns as it is.
func (k Kind) Convert(body []byte, limit int, room Room) ([]byte, error) {
	body, err := k.unpack(body, k.MaxBytes(limit), room)
	if err != nil {
		return nil, err
	}
	if err := room.Take(k.growth(len(body), limit)); err != nil {
		return nil, err
	}
	return k.JSON(body, limit)
}

// unpack undoes the compression of a body. It stops one byte past the limit,
// however much more there is to unpack.
func (k Kind) unpack(body []byte, limit int, room Room) ([]byte, error) {
	if !k.Packed() || len(body) == 0 {
		return body, nil
	}
	unpacker, err := k.unpacker(body)
	if err != nil {
		return nil, err
	}
	plain := Buffer{Room: room, Max: limit}
	err = plain.Fill(unpacker, len(body)+unpackStep)
	if errors.Is(err, io.ErrShortBuffer) {
		return nil, &TooLargeError{Limit: limit}
	}
	return plain.Bytes(), err
}
