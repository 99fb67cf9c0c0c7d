package bodies

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"unicode/utf8"
)

// plainEncodings are names for no compression. Only the first two are correct.
var plainEncodings = []string{"", "identity", "none", "plain", "text", "binary", "7bit", "8bit", "amz-1.0"}

// Packed tells whether a body of the kind is compressed.
func (k Kind) Packed() bool { return len(k.encodings) > 0 }

var gzipMagic = []byte("\x1f\x8b")

// unpacker returns a reader of the uncompressed contents of a body, which must not be
// empty. The reader's errors are [*InvalidError], with the offset in the compressed
// body. An unknown compression is an [*UnsupportedError].
func (k Kind) unpacker(body []byte) (io.Reader, error) {
	if len(k.encodings) == 1 {
		packed := bytes.NewReader(body)
		switch k.encodings[0] {
		case "gzip", "x-gzip":
			if !bytes.HasPrefix(body, gzipMagic) && utf8.Valid(body) {
				return packed, nil // a proxy has uncompressed the body but left the header
			}
			unpacker, err := gzip.NewReader(packed)
			if err != nil {
				return nil, &InvalidError{Problem: "not valid gzip"}
			}
			return &unpacking{unpacker, packed, "not valid gzip"}, nil
		case "deflate":
			// In RFC 9110, deflate means zlib, but some senders leave out its frame.
			if unpacker, err := zlib.NewReader(packed); err == nil {
				return &unpacking{unpacker, packed, "not valid deflate"}, nil
			}
			packed.Reset(body)
			return &unpacking{flate.NewReader(packed), packed, "not valid deflate"}, nil
		}
	}
	return nil, &UnsupportedError{"the content encoding is not supported: send the body as it is, or with gzip"}
}

// unpacking adds the offset to errors.
type unpacking struct {
	io.Reader
	packed  *bytes.Reader
	problem string
}

// Read implements [io.Reader].
func (u *unpacking) Read(into []byte) (int, error) {
	n, err := u.Reader.Read(into)
	// zlib and flate stop at the end of their data, even if more bytes follow.
	if err != nil && (err != io.EOF || u.packed.Len() > 0) {
		err = &InvalidError{Offset: int(u.packed.Size()) - u.packed.Len(), Problem: u.problem}
	}
	return n, err
}
