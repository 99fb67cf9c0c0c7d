package bodies

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	"net/textproto"
	"strings"
	"unicode/utf8"
)

// multipartJSON converts a multipart form into an object. It keeps the name, type and
// size of a file but not its bytes, for which an output has no room.
func (k Kind) multipartJSON(body []byte, limit int) ([]byte, error) {
	if len(body) == 0 {
		return []byte(emptyObject), nil
	}
	boundary := k.boundary
	if first, _, several := strings.Cut(boundary, ","); several && !bytes.Contains(body, []byte("--"+boundary)) {
		boundary = first // the header was sent twice
	}
	if boundary == "" {
		return nil, &UnsupportedError{"the Content-Type of a multipart form needs a boundary"}
	}
	// To the reader, a form that is cut off between two parts looks complete.
	if !bytes.Contains(body, []byte("--"+boundary+"--")) {
		return nil, &InvalidError{Offset: len(body), Problem: "a multipart form without its end"}
	}
	source := bytes.NewReader(body)
	parts := multipart.NewReader(source, boundary)
	var fields Form
	for {
		part, err := parts.NextRawPart()
		at := len(body) - source.Len()
		if err == io.EOF { //nolint:errorlint // a wrapped EOF means that the form was cut off
			return fields.object(k.charset, limit)
		}
		if err != nil {
			return nil, &InvalidError{Offset: at, Problem: "not a valid multipart form"}
		}
		if len(fields) == MaxFields {
			return nil, tooManyFields(at)
		}
		field, err := readPart(part)
		if err != nil {
			return nil, &InvalidError{Offset: len(body) - source.Len(), Problem: "not a valid multipart form"}
		}
		field.at = at
		fields = append(fields, field)
	}
}

// readPart reads one part of a multipart form.
func readPart(part *multipart.Part) (Field, error) {
	kind := KindOf(http.Header(textproto.MIMEHeader{"Content-Type": part.Header.Values("Content-Type")}))
	field := Field{Name: part.FormName(), charset: kind.charset}
	if part.FileName() != "" {
		size, err := io.Copy(io.Discard, part)
		field.json = aboutFile(part.FileName(), kind.mediaType, size)
		return field, err
	}
	var source io.Reader = part
	switch strings.ToLower(part.Header.Get("Content-Transfer-Encoding")) { // obsolete, but still sent
	case "base64":
		source = base64.NewDecoder(base64.StdEncoding, part)
	case "quoted-printable":
		source = quotedprintable.NewReader(part)
	}
	value, err := io.ReadAll(source)
	if kind.family() == unknown && kind.charset == "" && !utf8.Valid(value) {
		field.json = aboutFile("", kind.mediaType, int64(len(value))) // a file without a name
		return field, err
	}
	field.Value = string(value)
	return field, err
}

// aboutFile returns the JSON that replaces a file. The file's name may be in any
// charset; characters that cannot be read are replaced.
func aboutFile(name, mediaType string, size int64) []byte {
	return Encode(struct {
		Filename    string `json:"filename,omitempty"`
		ContentType string `json:"contentType,omitempty"`
		Size        int64  `json:"size"` // bytes
	}{strings.ToValidUTF8(name, "\ufffd"), strings.ToValidUTF8(mediaType, "\ufffd"), size})
}
