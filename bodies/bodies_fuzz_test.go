package bodies_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"callback-relay/bodies"
)

// Rows 89 to 94: with any headers, any body becomes one JSON value, or the error has an
// offset and one of our own problems.
func FuzzJSON(f *testing.F) {
	for _, contentType := range []string{
		"", "application/json", "text/plain; charset=utf-16", "application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=gb18030",
		"multipart/form-data; boundary=X", "application/xml", "application/octet-stream", `text/plain; a="b;c"; charset="iso-2022-jp"`, "a=b;c,d;=",
	} {
		for _, body := range []string{
			"", `{"a":1}`, `{"a":1,}`, "a=1&b=%zz&a=%E9", "charset=windows-1252&a=%80", "%7B%22a%22%3A1%7D=", `'{"a":1}'`, "\xff\xfe{\x00", "\xfe\xff", "\x1b$BF|K\\",
			"--X\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n\xff\r\n--X--", "--X\r\nContent-Disposition: form-data; name=charsets\r\n\r\n{\"\":\"x\"}\r\n--X--",
			"<?xml version='1.0' encoding='euc-kr'?><a>\xb0\xa1</a>", "_charset_=hz-gb-2312&a=\xff", "charsets={&x=%ff",
		} {
			f.Add(contentType, "", []byte(body))
			f.Add(contentType, "deflate", []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, contentType, encoding string, body []byte) {
		const limit = 5000
		kind := bodies.KindOf(http.Header{"Content-Type": {contentType}, "Content-Encoding": {encoding}})
		most := kind.MaxBytes(limit)
		if most < limit || most > 3*limit {
			t.Errorf("a body of %q may have %d bytes where its output may have %d", contentType, most, limit)
		}
		memory := &room{left: 1 << 20}
		output, err := kind.Convert(body[:min(len(body), most)], limit, memory)
		if memory.taken > 20*limit {
			t.Errorf("%d bytes of memory for an output of at most %d", memory.taken, limit)
		}
		if large := (*bodies.TooLargeError)(nil); errors.As(err, &large) && (large.Limit != limit && large.Limit != most || large.Actual != 0 && large.Actual <= limit) {
			t.Errorf("%d bytes are too many for %d", large.Actual, large.Limit)
		}
		isJSON := strings.Contains(kind.MediaType(), "json")
		if len(output) > limit && !isJSON {
			t.Errorf("the output has %d bytes", len(output))
		}
		if err != nil {
			invalid := (*bodies.InvalidError)(nil)
			if errors.As(err, &invalid) && (invalid.Offset < 0 || invalid.Offset > max(len(body), most)) {
				t.Errorf("a fault at byte %d of %d", invalid.Offset, len(body))
			}
			return
		}
		if !isJSON && (!utf8.Valid(output) || !json.Valid(output)) {
			t.Errorf("%q is not JSON in UTF-8", output)
		}
	})
}
