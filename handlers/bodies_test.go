package handlers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"callback-relay/relay"
)

const multipartType = "multipart/form-data; boundary=XX"

// part is one part of a multipart form with the boundary XX.
func part(header, value string) string {
	return "--XX\r\nContent-Disposition: form-data; " + header + "\r\n\r\n" + value + "\r\n"
}

// deep nests n arrays.
func deep(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func TestBodiesTaken(t *testing.T) {
	n := start(t)
	for _, c := range []struct{ name, contentType, body, want string }{
		{"row 26: empty", "application/json", "", `{}`},
		{"row 26: empty form", "application/x-www-form-urlencoded", "", `{}`},
		{"row 26: empty of no type", "", "", `{}`},
		{"row 27: as deep as allowed", "application/json", deep(512), deep(512)},
		{"row 28: BOM before JSON", "application/json", "\ufeff{\"a\":1}", `{"a":1}`},
		{"row 28: BOM before text", "text/plain", "\ufeffhello", `"hello"`},
		{"row 28: BOM alone", "application/json", "\ufeff", `{}`},
		{"row 29: big number", "application/json", `{"n": 12345678901234567890123, "e":1e999}`, `{"n": 12345678901234567890123, "e":1e999}`},
		{"row 29: duplicate keys", "application/json", `{"a":1,"a":2}`, `{"a":1,"a":2}`},
		{"row 29: lone surrogate", "application/json", `"\ud800"`, `"\ud800"`},
		{"row 29: white space and order", "application/json; charset=utf-8", " [ 2,\n\t1 ] ", " [ 2,\n\t1 ] "},
		{"row 29: +json", "application/cloudevents+json", `{"z":1, "a":"<>"}`, `{"z":1, "a":"<>"}`},
		{"row 30: JSON as text", "text/plain; charset=UTF-8", `{"Type" : "Notification"}`, `{"Type" : "Notification"}`},
		{"row 30: a number as text", "text/plain", `1.0`, `1.0`},
		{"row 30: text", "text/plain", "he said \"no\" <b>&amp;", `"he said \"no\" <b>&amp;"`},
		{"row 30: almost JSON as text", "text/plain", `{"a":1`, `"{\"a\":1"`},
		{"row 30: JSON of no type", "", `[1]`, `[1]`},
		{"row 30: text of no type", "", `approved`, `"approved"`},
		{"row 31: form in order", "application/x-www-form-urlencoded", "b=2&a=1&c=3", `{"b":"2","a":"1","c":"3"}`},
		{"row 31: repeated keys", "application/x-www-form-urlencoded", "b=2&a=x&b=1&b=", `{"b":["2","1",""],"a":"x"}`},
		{"row 31: escapes", "application/x-www-form-urlencoded", "full+name=A%26B%3d%C3%A9", `{"full name":"A&B=é"}`},
		{"row 31: bare and empty", "application/x-www-form-urlencoded", "&flag&&=v&", `{"flag":"","":"v"}`},
		{"row 31: JSON in a field", "application/x-www-form-urlencoded", "payload=%7B%22a%22%3A1%7D", `{"payload":"{\"a\":1}"}`},
		{"row 31: JSON sent as a form by curl -d", "application/x-www-form-urlencoded", `{"a":1}`, `{"a":1}`},
		{"row 31: JSON behind white space", "application/x-www-form-urlencoded", "\n {\"a\":1}", "\n {\"a\":1}"},
		{"row 32: fields", multipartType, part(`name="to"`, "a@b") + part(`name="n"`, "1") + part(`name="to"`, "c@d") + "--XX--\r\n",
			`{"to":["a@b","c@d"],"n":"1"}`},
		{"row 32: no line end at the end", multipartType, part(`name="a"`, "1") + "--XX--", `{"a":"1"}`},
		{"row 32: no file chosen", multipartType, part(`name="f"; filename=""`, "") + "--XX--", `{"f":""}`},
		{"row 32: no fields", multipartType, "--XX--\r\n", `{}`},
		{"row 32: a file, without its bytes", multipartType,
			part("name=\"doc\"; filename=\"a \u00e9.pdf\"\r\nContent-Type: application/pdf", "\xff\x00\xfe") + part(`name="n"`, "1") + "--XX--",
			`{"doc":{"filename":"a é.pdf","contentType":"application/pdf","size":3},"n":"1"}`},
		{"row 32: two files of one field", multipartType, part(`name="f"; filename="a"`, "1") + part(`name="f"; filename="b"`, "") + "--XX--",
			`{"f":[{"filename":"a","size":1},{"filename":"b","size":0}]}`},
		{"row 32: a part in base64", multipartType, part("name=\"a\"\r\nContent-Transfer-Encoding: base64", "aGVs\r\nbG8=") + "--XX--", `{"a":"hello"}`},
		{"row 32: a quoted-printable part", multipartType, part("name=\"a\"\r\nContent-Transfer-Encoding: quoted-printable", "J=C3=B6rg") + "--XX--", `{"a":"Jörg"}`},
		{"row 33: XML", "application/xml", `<?xml version="1.0"?><a b="c">&x;</a>`, `"<?xml version=\"1.0\"?><a b=\"c\">&x;</a>"`},
		{"row 33: XML that looks like JSON", "text/xml", `1`, `"1"`},
		{"row 33: +xml", "application/soap+xml", "<a/>", `"<a/>"`},
		{"row 34: __proto__", "application/json", `{"__proto__":{"admin":true}}`, `{"__proto__":{"admin":true}}`},
		{"row 34: __proto__ in a form", "application/x-www-form-urlencoded", "__proto__=1&constructor=2", `{"__proto__":"1","constructor":"2"}`},
		{"row 34: paths", "application/json", `{"a.$":"$.x","b":"$$.Task.Token","c":"States.Format('{}')"}`, `{"a.$":"$.x","b":"$$.Task.Token","c":"States.Format('{}')"}`},
		{"row 34: HTML", "application/x-www-form-urlencoded", "a=%3Cscript%3E&b=%26%27", `{"a":"<script>","b":"&'"}`},
		{"row 34: CRLF", "application/x-www-form-urlencoded", "a=x%0d%0aSet-Cookie:%20b=1", `{"a":"x\r\nSet-Cookie: b=1"}`},
		{"charset by its wrong name", "application/json; charset=UTF8", `"é"`, `"é"`},
		{"charset that UTF-8 includes", "text/plain; charset=us-ascii", `a`, `"a"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := n.on(t).register()
			got := k.post(c.contentType, c.body)
			got.is(http.StatusOK)
			if got.header.Get("Set-Cookie") != "" {
				t.Error("the body made a header")
			}
			k.gets(c.want)
		})
	}
}

func TestBodiesRefused(t *testing.T) {
	const canary = "CANARY"
	n := start(t)
	for _, c := range []struct {
		name, contentType, body string
		status                  int
		code                    string
		offset                  int64 // -1: none is told
	}{
		{"row 27: not JSON", "application/json", `{"` + canary + `":1,}`, 400, "invalid-body", 12},
		{"row 27: cut short", "application/json", `{"a":"` + canary, 400, "invalid-body", 11},
		{"row 27: two values", "application/json", `{} {}`, 400, "invalid-body", 3},
		{"row 27: NaN", "application/json", `[NaN]`, 400, "invalid-body", 1},
		{"row 27: white space only", "application/json", "  ", 400, "invalid-body", 1},
		{"row 27: invalid UTF-8", "application/json", "{\"" + canary + "\":\"\xff\"}", 400, "invalid-body", 11},
		{"row 27: overlong UTF-8", "application/json", "\"\xc0\xaf\"", 400, "invalid-body", 1},
		{"row 27: too deep", "application/json", deep(513), 400, "invalid-body", 512},
		{"row 28: BOM twice", "application/json", "\ufeff\ufeff{}", 400, "invalid-body", 0},
		{"row 30: text that is not UTF-8", "text/plain", canary + "\xe9", 400, "invalid-body", 6},
		{"row 31: invalid UTF-8", "application/x-www-form-urlencoded", "a=1&" + canary + "=%ff", 400, "invalid-body", 4},
		{"row 32: no boundary", "multipart/form-data", "--XX--", 415, "unsupported-media-type", -1},
		{"row 32: not multipart", multipartType, canary, 400, "invalid-body", 6},
		{"row 32: cut between parts", multipartType, part(`name="a"`, "1") + "--XX\r\n", 400, "invalid-body", 59},
		{"row 32: boundary inside a line", multipartType, "x--XX--", 400, "invalid-body", 7},
		{"row 32: bad header of a part", multipartType, "--XX\r\n" + canary + "\r\n\r\n1\r\n--XX--", 400, "invalid-body", 25},
		{"row 32: cut in a part", multipartType, part(`name="a"`, canary), 400, "invalid-body", 58},
		{"row 32: invalid UTF-8", multipartType, part(`name="a"`, "\xff") + "--XX--", 400, "invalid-body", 59},
		{"row 33: XML that is not UTF-8", "application/xml", "<\xff>", 400, "invalid-body", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := n.on(t).register()
			got := k.post(c.contentType, c.body)
			if p := got.isProblem(c.status, c.code); number(p.Offset) != c.offset {
				t.Errorf("offset %d, want %d", number(p.Offset), c.offset)
			}
			if strings.Contains(string(got.body), canary) {
				t.Errorf("the answer quotes the body: %s", got.body)
			}
			k.unharmed()
		})
	}
}

// The number of fields in a form is bounded too: each takes memory, even if it is short.
func TestManyFields(t *testing.T) {
	n := start(t)
	forms := func(fields int) map[string]string {
		var form, parts strings.Builder
		for i := range fields {
			fmt.Fprintf(&form, "&f%d", i%900) // some come twice
			parts.WriteString(part(fmt.Sprintf(`name="f%d"`, i%900), ""))
		}
		return map[string]string{"application/x-www-form-urlencoded": form.String(), multipartType: parts.String() + "--XX--"}
	}
	for contentType, body := range forms(1000) {
		n.register().post(contentType, body).is(http.StatusOK)
	}
	for contentType, body := range forms(1001) {
		k := n.register()
		p := k.post(contentType, body).isProblem(http.StatusBadRequest, "invalid-body")
		if !strings.Contains(p.Detail, "more than 1000 fields") || number(p.Offset) <= 0 {
			t.Errorf("%s: the bound is not named: %+v", contentType, p)
		}
		k.unharmed()
	}
}

func TestLimit(t *testing.T) {
	n := start(t)
	const limit = relay.MaxOutputBytes
	exact := `"` + strings.Repeat("x", limit-2) + `"`
	quotes := strings.Repeat(`"`, 200_000)

	t.Run("row 22: exactly the limit", func(t *testing.T) {
		k := n.on(t).register()
		k.post("application/json", exact).is(http.StatusOK)
		k.gets(exact)
	})
	t.Run("row 22: text that fills the limit when wrapped", func(t *testing.T) {
		k := n.on(t).register()
		k.post("text/plain", exact[1:limit-1]).is(http.StatusOK)
		k.gets(exact)
	})
	for _, c := range []struct {
		name, contentType, body string
		actual                  int64
	}{
		{"row 22: one byte more", "application/json", exact + " ", limit + 1},
		{"row 21: over it when wrapped", "text/plain", quotes, 400_002},
		{"row 21: one byte over it when wrapped", "text/plain", exact[1:], limit + 2},
		{"row 21: a form over it when wrapped", "application/x-www-form-urlencoded", "a=" + quotes, 400_008},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := n.on(t).register()
			p := k.post(c.contentType, c.body).isProblem(http.StatusRequestEntityTooLarge, "too-large")
			if number(p.LimitBytes) != limit || number(p.ActualBytes) != c.actual {
				t.Errorf("limitBytes %d, actualBytes %d, want %d and %d", number(p.LimitBytes), number(p.ActualBytes), limit, c.actual)
			}
			k.unharmed()
		})
	}
}
