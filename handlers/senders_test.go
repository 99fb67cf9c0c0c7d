package handlers_test

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"callback-relay/relay"
)

const formContent = "application/x-www-form-urlencoded"

// Rows 89 to 94: the bodies of real senders, which often do not match their headers.
func TestBodiesOfRealSenders(t *testing.T) {
	n := start(t)
	long := strings.Repeat("x", 100_000)
	for _, c := range []struct{ name, contentType, body, want string }{
		{"row 89: JSON as a form, escaped", formContent, "%7B%22a%22%3A%22x+y%22%7D", `{"a":"x y"}`},
		{"row 89: JSON as a form, with an equals sign behind", formContent, `{"a":"b=c&d"}=`, `{"a":"b=c&d"}`},
		{"row 89: JSON as a form, both", formContent, "%5B1%2C2%5D=", `[1,2]`},
		{"row 89: JSON as a form, in quotes", formContent, `"{\"a\":1}"`, `"{\"a\":1}"`},
		{"row 89: a bracket that is not the first", formContent, "a[]=1&a[]=2&b={", `{"a[]":["1","2"],"b":"{"}`},
		{"row 89: JSON as a form, in UTF-16", formContent, "\xff\xfe{\x00\"\x00a\x00\"\x00:\x00\"\x00\xf6\x00\"\x00}\x00", `{"a":"ö"}`},
		{"row 89: JSON as a form, in Latin-1", formContent + "; charset=ISO-8859-1", "{\"a\":\"J\xf6rg\"}", `{"a":"Jörg"}`},
		{"row 89: JSON as a form, behind what nobody sees", formContent, "\u00a0\u200b{\"a\":1}\u00a0", `{"a":1}`},
		{"row 89: a number as a form", formContent, "42", `42`},
		{"row 89: a text in quotes as a form", formContent, `"approved"`, `"approved"`},
		{"row 89: a word as a form", formContent, "approved", `{"approved":""}`},
		{"row 89: XML as a form", formContent, `<?xml version="1.0"?><a b="c&d"/>`, `"<?xml version=\"1.0\"?><a b=\"c&d\"/>"`},
		{"row 90: three times as long as it says", formContent, "a=" + strings.Repeat("%22", 100_000), `{"a":"` + strings.Repeat(`\"`, 100_000) + `"}`},
		{"row 90: a push of GitHub", formContent, "payload=" + url.QueryEscape(`{"a":"`+strings.Repeat("/ ", 40_000)+`"}`), `{"payload":"{\"a\":\"` + strings.Repeat("/ ", 40_000) + `\"}"}`},
		{"row 90: a multipart form longer than what it says", multipartType, part(`name="f"; filename="x"`, strings.Repeat("y", 300_000)) + "--XX--", `{"f":{"filename":"x","size":300000}}`},
		{"row 91: bare percent signs", formContent, "msg=CPU+load+95% a+host&p=%&q=100%25&r=%4", `{"msg":"CPU load 95% a host","p":"%","q":"100%","r":"%4"}`},
		{"row 91: %u", formContent, "a=%u00e9%zz%C3%A9", `{"a":"%u00e9%zzé"}`},
		{"row 91: in a name", formContent, "50%=1", `{"50%":"1"}`},
		{"row 92: latin-1 JSON", "application/json; charset=ISO-8859-1", "{\"a\":\"\xe9\"}", `{"a":"é"}`},
		{"row 92: UTF-8 that is called latin-1", "application/json; charset=latin1", `{"a":"é"}`, `{"a":"é"}`},
		{"row 92: ASCII that is called anything", "application/json; charset=klingon", `{"a":1}`, `{"a":1}`},
		{"row 92: UTF-16", "application/json; charset=utf-16", "{\x00\"\x00a\x00\"\x00:\x001\x00}\x00", `{"a":1}`},
		{"row 92: UTF-16, big-endian by its mark alone", "application/json", "\xfe\xff\x00[\x001\x00]", `[1]`},
		{"row 92: UTF-16 that is ASCII", "application/json; charset=utf-16", `{"a":1}`, `{"a":1}`},
		{"row 92: UTF-16 as long as may be", "text/plain; charset=utf-16le", strings.Repeat("x\x00", relay.MaxOutputBytes-2), `"` + strings.Repeat("x", relay.MaxOutputBytes-2) + `"`},
		{"row 92: Shift_JIS text", "text/plain; charset=Shift_JIS", "\x93\xfa\x96\x7b", `"日本"`},
		{"row 92: ISO-2022-JP, which looks like ASCII", "text/plain; charset=iso-2022-jp", "\x1b$BF|K\\\x1b(B", `"日本"`},
		{"row 92: windows-1252 named by its form", formContent, "name=J%F6rg&euro=%80&charset=windows-1252", `{"name":"Jörg","euro":"€","charset":"windows-1252"}`},
		{"row 92: named as browsers do", formContent, "_charset_=koi8-r&a=%C4%C1", `{"_charset_":"koi8-r","a":"да"}`},
		{"row 92: named by the type of a form", formContent + "; charset=gb18030", "a=%C4%E3", `{"a":"你"}`},
		{"row 92: a field that is called charset", formContent, "charset=none&a=1", `{"charset":"none","a":"1"}`},
		{"row 92: a name in another charset", formContent + "; charset=latin1", "%E9=1", `{"é":"1"}`},
		{"row 92: an e-mail by SendGrid", multipartType,
			part(`name="charsets"`, `{"to":"UTF-8","text":"iso-8859-1"}`) + part(`name="text"`, "caf\xe9") + part(`name="to"`, "é") + "--XX--",
			`{"charsets":"{\"to\":\"UTF-8\",\"text\":\"iso-8859-1\"}","text":"café","to":"é"}`},
		{"row 92: named by a part", multipartType, part("name=\"a\"\r\nContent-Type: text/plain; charset=windows-1251", "\xe4\xe0") + "--XX--", `{"a":"да"}`},
		{"row 92: XML that declares it", "application/xml", "<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>", `"<?xml version='1.0' encoding='ISO-8859-1'?><a>é</a>"`},
		{"row 92: windows-1252 named by its form, UTF-8 by its library", formContent + "; charset=utf-8", "name=J%F6rg&charset=windows-1252", `{"name":"Jörg","charset":"windows-1252"}`},
		{"row 92: XML that declares it, called UTF-8", "application/soap+xml; charset=utf-8", "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><a>\xe9</a>", `"<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><a>é</a>"`},
		{"row 92: XML that declares it, called bytes", "application/octet-stream", "<?xml version='1.0' encoding='windows-1251'?><a>\xe4</a>", `"<?xml version='1.0' encoding='windows-1251'?><a>д</a>"`},
		{"row 92: XML in UTF-16 without a mark", "application/xml", "<\x00a\x00/\x00>\x00", `"<a/>"`},
		{"row 92: JSON in UTF-16 without a mark, big-endian", "application/json", "\x00[\x001\x00]\x00 ", `[1] `},
		{"row 92: a part called UTF-8, against the form", multipartType,
			part(`name="charsets"`, `{"text":"iso-8859-1"}`) + part("name=\"text\"\r\nContent-Type: text/plain; charset=utf-8", "caf\xe9") + "--XX--",
			`{"charsets":"{\"text\":\"iso-8859-1\"}","text":"café"}`},
		{"row 93: a file without a name", multipartType, part("name=\"f\"\r\nContent-Type: image/png", "\x89PNG") + part(`name="a"`, "1") + "--XX--", `{"f":{"contentType":"image/png","size":4},"a":"1"}`},
		{"row 93: bytes without a name", multipartType, part("name=\"f\"\r\nContent-Type: application/octet-stream", "\xff\xfe\x00") + "--XX--", `{"f":{"contentType":"application/octet-stream","size":3}}`},
		{"row 93: blanks around the slash", "application / json", `{"a":1}`, `{"a":1}`},
		{"row 93: a parameter without a value", "application/json; charset", `{"a":1}`, `{"a":1}`},
		{"row 93: twice in one", "application/json, application/json", `{"a":1}`, `{"a":1}`},
		{"row 93: twice, with parameters", "application/json; charset=utf-8, application/json", `{"a":1}`, `{"a":1}`},
		{"row 93: JSON by another name", "text/json", `{"a":1}`, `{"a":1}`},
		{"row 93: JSON by an old name", "application/x-json", `{"a":1}`, `{"a":1}`},
		{"row 93: JSON as bytes", "application/octet-stream", `{"a":1}`, `{"a":1}`},
		{"row 93: text as bytes", "application/octet-stream", `hello`, `"hello"`},
		{"row 93: of no known type", "image/png", `[1]`, `[1]`},
		{"row 93: not a type", "json;;=", `{"a":1}`, `{"a":1}`},
		{"row 93: half a type", "application/", `{"a":1}`, `{"a":1}`},
		{"row 93: nothing but a semicolon", "; charset=utf-8", `{"a":1}`, `{"a":1}`},
		{"row 93: a boundary that nothing allows", `multipart/form-data; boundary=a:b=c/d`, "--a:b=c/d\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n--a:b=c/d--", `{"x":"1"}`},
		{"row 93: a boundary in quotes", `Multipart/Form-Data; foo; boundary="X X"`, "--X X\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n--X X--", `{"x":"1"}`},
		{"row 93: a boundary given twice", `multipart/form-data; boundary=XX, multipart/form-data; boundary=XX`, part(`name="x"`, "1") + "--XX--", `{"x":"1"}`},
		{"row 94: empty as bytes", "application/octet-stream", "", `{}`},
		{"row 94: empty of an unknown charset", "text/plain; charset=klingon", "", `{}`},
		{"row 94: empty multipart", "multipart/form-data", "", `{}`},
		{"row 23: long text of an unknown type", "application/pdf", long, `"` + long + `"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := n.on(t).register()
			k.post(c.contentType, c.body).is(http.StatusOK)
			k.gets(c.want)
		})
	}
}

// Row 94: values of Content-Encoding that are not a compression, and deflate, which most
// senders use differently from its definition.
func TestContentEncodings(t *testing.T) {
	n := start(t)
	const text = `{"a":1}`
	framed, bare := compressed(t, text, func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }), compressed(t, text, func(w io.Writer) io.WriteCloser {
		raw, err := flate.NewWriter(w, flate.BestSpeed)
		must(t, err)
		return raw
	})
	for _, c := range []struct{ name, encoding, body, want string }{
		{"row 94: none", "none", text, text},
		{"row 94: a charset", "UTF-8", text, text},
		{"row 94: another charset", "ISO-8859-1", "\"\xe9\"", `"é"`},
		{"row 94: plain and packed", "identity, gzip", packed(t, text), text},
		{"row 94: deflate", "deflate", framed, text},
		{"row 94: deflate without its frame", "Deflate", bare, text},
		{"row 94: empty, and packed in a way nobody knows", "br", "", "{}"},
		{"row 94: empty, and gzip", "gzip", "", "{}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := n.on(t).register()
			n.on(t).post(k.path("default"), "application/json", c.body, "Content-Encoding", c.encoding).is(http.StatusOK)
			k.gets(c.want)
		})
	}
	bomb := compressed(t, strings.Repeat(" ", 8<<20), func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) })
	for _, c := range []struct {
		name, body string
		status     int
	}{
		{"row 94: a bomb", bomb, http.StatusRequestEntityTooLarge},
		{"row 94: cut short", framed[:len(framed)-3], http.StatusBadRequest},
		{"row 94: cut short without its frame", bare[:len(bare)-3], http.StatusBadRequest},
		{"row 94: something behind", framed + "x", http.StatusBadRequest},
		{"row 94: no deflate", text, http.StatusBadRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := n.on(t).register()
			n.on(t).post(k.path("default"), "application/json", c.body, "Content-Encoding", "deflate").is(c.status)
			k.unharmed()
		})
	}
}

// compressed writes a text through a compressor.
func compressed(t *testing.T, text string, to func(io.Writer) io.WriteCloser) string {
	t.Helper()
	var b bytes.Buffer
	w := to(&b)
	_, err := io.WriteString(w, text)
	must(t, err)
	must(t, w.Close())
	return b.String()
}

// Rows 89, 90, 92 and 93: bodies that are refused with a reason, after which the link
// still works.
func TestBodiesOfRealSendersRefused(t *testing.T) {
	n := start(t)
	for _, c := range []struct {
		name, contentType, body string
		status                  int
		offset                  int64 // -1: none is told
	}{
		{"row 89: a comma too many", formContent, `{"a":1,}`, 400, 7},
		{"row 89: cut short", formContent, `[{"a":1}`, 400, 7},
		{"row 89: behind white space", formContent, "\n {\"a\":1,}", 400, 9},
		{"row 89: escaped", formContent, "%7B%22a%22%3A1%2C%7D", 400, 0},
		{"row 89: single quotes, as a shell of Windows leaves them", formContent, `'{"a":1}'`, 400, 0},
		{"row 89: typographic quotes", formContent, `“{"a":1}”`, 400, 0},
		{"row 89: unquoted names", formContent, `{a:1}`, 400, 1},
		{"row 89: and a field behind", formContent, `{"a":1}&b=2`, 400, 7},
		{"row 89: a bracket", formContent, `[a]=1`, 400, 1},
		{"row 89: bad UTF-8 in it", formContent, "{\"a\":\"\xff\"}", 400, 6},
		{"row 90: over the limit of what it becomes", formContent, "a=" + strings.Repeat("x", relay.MaxOutputBytes), 413, -1},
		{"row 90: over the limit of the wire", formContent, "a=" + strings.Repeat("%20", relay.MaxOutputBytes), 413, -1},
		{"row 92: no charset named", "application/json", "{\"a\":\"\xe9\"}", 400, 6},
		{"row 92: called UTF-8", "text/plain; charset=utf-8", "caf\xe9", 400, 3},
		{"row 92: no charset that anybody knows", "text/plain; charset=klingon", "caf\xe9", 415, -1},
		{"row 92: a charset that the standard forbids", "text/plain; charset=hz-gb-2312", "caf\xe9", 415, -1},
		{"row 92: not valid in it", "text/plain; charset=euc-jp", "ab\x8f\xff", 400, 2},
		{"row 92: UTF-16 cut short", "text/plain; charset=utf-16", "a\x00\xe9", 400, 2},
		{"row 92: a form of no charset", formContent, "a=1&b=%E9", 400, 4},
		{"row 93: bytes", "application/octet-stream", "\x89PNG\x00\xff", 415, -1},
		{"row 93: broken JSON by another name", "text/json", `{"a":1,}`, 400, 7},
		{"row 93: broken JSON, a semicolon forgotten", "application/json charset=utf-8", `{"a":1,}`, 400, 7},
		{"row 93: broken JSON, in quotes", `"application/json"`, `{"a":1,}`, 400, 7},
		{"row 93: broken JSON, with a version", "application/x-amz-json-1.1", `{"a":1,}`, 400, 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := n.on(t).register()
			got := k.post(c.contentType, c.body)
			code := map[int]string{400: "invalid-body", 413: "too-large", 415: "unsupported-media-type"}[c.status]
			if p := got.isProblem(c.status, code); number(p.Offset) != c.offset {
				t.Errorf("offset %d, want %d", number(p.Offset), c.offset)
			}
			k.unharmed()
		})
	}
}

// Row 93: two headers where there should be one.
func TestContentTypeTwice(t *testing.T) {
	n := start(t)
	k := n.register()
	body := `{"a":1}`
	w := n.open(k.path("default"), body, "Content-Type: application/json", "Content-Type: text/plain", fmt.Sprintf("Content-Length: %d", len(body)))
	w.answer().is(http.StatusOK)
	k.gets(body)
}
