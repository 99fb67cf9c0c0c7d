package bodies

import (
	"errors"
	"io"
)

// unpackStep is the least memory, in bytes, that unpack takes at a time.
const unpackStep = 512

// Convert uncompresses a complete body and converts it as [Kind.JSON] does, with the
// same errors. The result has at most limit bytes. Convert takes memory from room
// before it uses the memory, and returns the room's error unchanged.
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

// unpack uncompresses a body. It stops one byte past the limit, however much more
// follows.
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
