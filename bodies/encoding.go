package bodies

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"unicode/utf8"
)

// plainEncodings are the names of no compression at all. Only the first two are
// right.
var plainEncodings = []string{"", "identity", "none", "plain", "text", "binary", "7bit", "8bit", "amz-1.0"}

// Packed tells whether a body of the kind has to be unpacked.
func (k Kind) Packed() bool { return len(k.encodings) > 0 }

var gzipMagic = []byte("\x1f\x8b")

// unpacker returns a reader of what is packed in a body, which is not empty. Its
// errors are [*InvalidError], with the offset in the packed body. A kind of
// compression that is not known is an [*UnsupportedError].
func (k Kind) unpacker(body []byte) (io.Reader, error) {
	if len(k.encodings) == 1 {
		packed := bytes.NewReader(body)
		switch k.encodings[0] {
		case "gzip", "x-gzip":
			if !bytes.HasPrefix(body, gzipMagic) && utf8.Valid(body) {
				return packed, nil // a proxy has unpacked it, and left the header
			}
			unpacker, err := gzip.NewReader(packed)
			if err != nil {
				return nil, &InvalidError{Problem: "not valid gzip"}
			}
			return &unpacking{unpacker, packed, "not valid gzip"}, nil
		case "deflate":
			// RFC 9110 means zlib by it, and some senders leave its frame out.
			if unpacker, err := zlib.NewReader(packed); err == nil {
				return &unpacking{unpacker, packed, "not valid deflate"}, nil
			}
			packed.Reset(body)
			return &unpacking{flate.NewReader(packed), packed, "not valid deflate"}, nil
		}
	}
	return nil, &UnsupportedError{"the content encoding is not supported: send the body as it is, or with gzip"}
}

// unpacking names the place of a fault.
type unpacking struct {
	io.Reader
	packed  *bytes.Reader
	problem string
}

// Read implements [io.Reader].
func (u *unpacking) Read(into []byte) (int, error) {
	n, err := u.Reader.Read(into)
	// zlib and flate stop at their end, whatever comes behind.
	if err != nil && (err != io.EOF || u.packed.Len() > 0) {
		err = &InvalidError{Offset: int(u.packed.Size()) - u.packed.Len(), Problem: u.problem}
	}
	return n, err
}
