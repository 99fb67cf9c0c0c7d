package bodies_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"callback-relay/bodies"
)

// room is memory with so many bytes left.
type room struct{ left, taken int }

var errNoRoom = errors.New("no room")

func (r *room) Take(n int) error {
	if n > r.left {
		return errNoRoom
	}
	r.left -= n
	r.taken += n
	return nil
}

func (r *room) Give(n int) { r.left += n }

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// Row 81: a sender that holds much room has sent at least half as many bytes.
func TestBufferGrowsWithWhatArrives(t *testing.T) {
	const step = 512
	memory := &room{left: 1 << 20}
	b := bodies.Buffer{Room: memory, Max: 256 << 10}
	sent := 0
	arriving := readerFunc(func(p []byte) (int, error) {
		if memory.taken > max(2*sent, step) {
			t.Fatalf("%d bytes are held, and %d have arrived", memory.taken, sent)
		}
		if sent == 200_000 {
			return 0, io.EOF
		}
		n := min(len(p), 700, 200_000-sent)
		sent += n
		return n, nil
	})
	if err := b.Fill(arriving, step); err != nil || len(b.Bytes()) != sent {
		t.Errorf("%d of %d bytes: %v", len(b.Bytes()), sent, err)
	}
	if memory.taken != cap(b.Bytes()) {
		t.Errorf("%d bytes are held for %d", memory.taken, cap(b.Bytes()))
	}
}

// Contents over the limit are refused, even if they are incomplete. Contents exactly at
// the limit are accepted.
func TestBufferHasBounds(t *testing.T) {
	for name, c := range map[string]struct {
		most, room, long int
		want             error
	}{
		"as long as it may be": {1000, 2000, 1000, nil},
		"one byte more":        {1000, 2000, 1001, io.ErrShortBuffer},
		"no room":              {1000, 900, 1000, errNoRoom},
		"empty":                {0, 0, 0, nil},
		"not empty":            {0, 0, 1, io.ErrShortBuffer},
	} {
		memory := &room{left: c.room}
		b := bodies.Buffer{Room: memory, Max: c.most}
		if err := b.Fill(strings.NewReader(strings.Repeat("x", c.long)), 64); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if memory.taken > c.room {
			t.Errorf("%s: %d bytes are held", name, memory.taken)
		}
	}
	page := bodies.Buffer{Room: &room{left: 50_000}}
	text := []byte(strings.Repeat("x", 1000))
	var err error
	for err == nil {
		_, err = page.Write(text)
	}
	if !errors.Is(err, errNoRoom) || cap(page.Bytes()) > 50_000 {
		t.Errorf("a page without end: %v after %d bytes", err, cap(page.Bytes()))
	}
}

// A small body can be uncompressed to a very long one: this stops at the limit, or when
// the room is used up.
func TestConvertIsBounded(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(make([]byte, 10<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	kind := bodies.KindOf(http.Header{"Content-Type": {"text/plain"}, "Content-Encoding": {"gzip"}})
	memory := &room{left: 1 << 20}
	_, err := kind.Convert(packed.Bytes(), 100_000, memory)
	if large := (*bodies.TooLargeError)(nil); !errors.As(err, &large) || memory.taken > 100_000 {
		t.Errorf("%v, with %d bytes of memory", err, memory.taken)
	}
	if _, err := kind.Convert(packed.Bytes(), 100_000, &room{left: 50_000}); !errors.Is(err, errNoRoom) {
		t.Errorf("without room to unpack: %v", err)
	}
	text := bodies.KindOf(http.Header{"Content-Type": {"text/plain"}})
	if _, err := text.Convert([]byte("hello"), 100, &room{left: 10}); !errors.Is(err, errNoRoom) {
		t.Errorf("without room to convert: %v", err)
	}
}
