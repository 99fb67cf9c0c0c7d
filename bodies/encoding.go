package bodies

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
)

// plainEncodings are the names of no compression at all. Only the first two are
// right.
var plainEncodings = []string{"", "identity", "none", "plain", "text", "binary", "7bit", "8bit"}

// Packed tells whether a body of the kind has to be unpacked.
func (k Kind) Packed() bool { return len(k.encodings) > 0 }

// Unpack undoes the compression of a body, as far as one byte past limit,
// however much more there would be: then the error is a [*TooLargeError]. An
// empty body is packed in no way. The other errors are [*InvalidError], with the
// offset in the packed body, and [*UnsupportedError].
func (k Kind) Unpack(body []byte, limit int) ([]byte, error) {
	if !k.Packed() || len(body) == 0 {
		return body, nil
	}
	packed := bytes.NewReader(body)
	unpacker, problem, err := k.unpacker(packed, body)
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(unpacker, int64(limit)+1))
	if len(plain) > limit {
		return nil, &TooLargeError{Limit: limit}
	}
	// zlib and flate stop at their end, whatever comes behind.
	if err != nil || packed.Len() > 0 {
		return nil, &InvalidError{Offset: len(body) - packed.Len(), Problem: problem}
	}
	return plain, nil
}

// unpacker returns a reader of what is packed, and what to call a fault in it.
func (k Kind) unpacker(packed *bytes.Reader, body []byte) (_ io.Reader, problem string, err error) {
	if len(k.encodings) == 1 {
		switch k.encodings[0] {
		case "gzip", "x-gzip":
			unpacker, err := gzip.NewReader(packed)
			if err != nil {
				return nil, "", &InvalidError{Problem: "not valid gzip"}
			}
			return unpacker, "not valid gzip", nil
		case "deflate":
			// RFC 9110 means zlib by it, and some senders leave its frame out.
			if unpacker, err := zlib.NewReader(packed); err == nil {
				return unpacker, "not valid deflate", nil
			}
			packed.Reset(body)
			return flate.NewReader(packed), "not valid deflate", nil
		}
	}
	return nil, "", &UnsupportedError{"the content encoding is not supported: send the body as it is, or with gzip"}
}
