package handlers_test

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"callback-relay/bodies"
	"callback-relay/relay"
)

// refusals matches everything that the relay may say about a body: our own words and
// numbers, and nothing from the body.
var refusals = regexp.MustCompile(`^(At most \d+ bytes are allowed` +
	`|The body is (not valid UTF-8|nested deeper than 512 levels|not one JSON value|incomplete or badly framed` +
	`|not valid gzip|not valid deflate|not a valid multipart form|a multipart form without its end` +
	`|not one JSON value, although it begins with a brace or bracket|not valid in the charset that it names` +
	`|a form of more than 1000 fields) \(at byte \d+\)` +
	`|The content encoding is not supported: send the body as it is, or with gzip` +
	`|The Content-Type of a multipart form needs a boundary` +
	`|The Content-Type is not supported, and the body is not text in UTF-8: send JSON, text, a form or XML` +
	`|The charset is unknown, and the body is not UTF-8: send UTF-8)\.$`)

// How a body of the fuzzer is sent.
const (
	declared  = iota // with its length
	chunked          // with no length
	compacted        // compressed, and whole
	cutShort         // the connection breaks after it
	ways
)

const fuzzLimit = 2000 // bytes of an output

// Rows 19 to 34: for any posted body, there are two results. Either an output is recorded
// that Step Functions accepts, with the same bytes if the body is JSON; or nothing is
// recorded, and the sender learns why without a quote from the body. In both cases no
// more is read and uncompressed than the limit allows.
func FuzzBody(f *testing.F) {
	for _, body := range []string{
		``, `{}`, `{"n": 12345678901234567890123, "e":1e999, "a":"\ud800"}`, `{"a":1,"a":2}`, "\ufeff{\"a\":1}", "\ufeff", "\ufeff\ufeff1",
		`{"a":1,}`, `[NaN]`, "  ", "\"\xff\"", deep(512), deep(513), "he said \"no\" <b>&amp;", "caf\xe9", "a=1&b=2&a=%zz", "b=2&a=x&b=1&&c",
		"%C3%A9=a%26b", " {\"a\":1}", "[a]=1", "a=%ff", `"` + strings.Repeat("x", fuzzLimit-2) + `"`, strings.Repeat("x", fuzzLimit-2),
		strings.Repeat("x", fuzzLimit+1), strings.Repeat(`"`, fuzzLimit-2), strings.Repeat("&", fuzzLimit), strings.Repeat("\x00", 100_000), strings.Repeat("\x00", 1<<20),
		part(`name="to"`, "a@b") + part(`name="to"`, "\u00e9") + "--XX--\r\n", part(`name="a"; filename="x"`, "1") + "--XX--",
		part(`name="a"`, "\xff") + "--XX--", "--XX--", "--XX\r\n", "<?xml version=\"1.0\"?><a b=\"c\">&x;</a>",
	} {
		for _, contentType := range []string{"application/json", "text/plain; charset=utf-8", "application/x-www-form-urlencoded", multipartType, "application/soap+xml", ""} {
			for how := range uint8(ways) {
				f.Add(contentType, "", how, []byte(body))
			}
		}
	}
	f.Add("application/", "", uint8(declared), []byte("{}"))
	f.Add("application/json; charset=utf-16", "", uint8(declared), []byte("{}"))
	f.Add("multipart/form-data; boundary=\"", "", uint8(declared), []byte("--"))
	f.Add("multipart/form-data", "", uint8(declared), []byte("--"))
	f.Add("multipart/form-data; boundary=XX; boundary=YY", "", uint8(declared), []byte("--"))
	f.Add("application/vnd.x+json;a=b", "identity", uint8(chunked), []byte("1"))
	f.Add("application/octet-stream", "br", uint8(chunked), []byte("1"))
	whole := packed(f, `{"a":"b"}`)
	for _, body := range []string{whole, whole[:len(whole)-3], whole[:10], whole + "x", whole + whole, "\x1f\x8b", "{}", packed(f, whole)} {
		f.Add("application/json", "gzip", uint8(declared), []byte(body))
		f.Add("text/plain", "X-Gzip", uint8(chunked), []byte(body))
	}
	kept, public, _ := recorded(f, fuzzLimit)
	id := kept.keys.Identify("task")[0].ID
	path := "/c/" + kept.keys.LinkKey(id, relay.Link{LinkKind: relay.LinkKind{Type: relay.LinkWebhook}}, "k1").Reveal()

	f.Fuzz(func(t *testing.T, contentType, encoding string, how uint8, body []byte) {
		how %= ways
		sent := body
		if how == compacted {
			sent, encoding = []byte(packed(t, string(body))), "gzip"
		}
		source := &counting{source: bytes.NewReader(sent), end: io.EOF}
		if how == cutShort {
			source.end = io.ErrUnexpectedEOF
		}
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, source)
		req.ContentLength = int64(len(sent))
		if how == chunked {
			req.ContentLength = -1
		}
		for name, value := range map[string]string{"Content-Type": contentType, "Content-Encoding": encoding} {
			if value != "" {
				req.Header.Set(name, value)
			}
		}
		kept.outcomes = nil
		got := httptest.NewRecorder()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		public.ServeHTTP(got, req)
		runtime.ReadMemStats(&after)

		if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
			t.Errorf("it took %d bytes of memory", took)
		}
		// One more byte shows whether a body is over the limit. Up to three times as much is
		// read of forms, and of bodies that claim to be UTF-16.
		limit := fuzzLimit
		if mediaType := strings.ToLower(contentType); strings.Contains(mediaType, "form") || mediaType != "" && strings.Contains(mediaType, "charset") {
			limit *= 3
		}
		if source.read > limit+1 || how != chunked && len(sent) > limit && source.read > 0 {
			t.Errorf("%d bytes were read of %d", source.read, len(sent))
		}
		if got.Header().Get("Set-Cookie") != "" || got.Header().Get("Location") != "" {
			t.Errorf("headers made of a body: %v", got.Header())
		}
		if got.Code != http.StatusOK {
			if len(kept.outcomes) > 0 {
				t.Error("recorded, and yet refused")
			}
			p := problem(t, got)
			if !slices.Contains([]int{400, 413, 415}, p.Status) || !refusals.MatchString(p.Detail) {
				t.Errorf("%d %q", p.Status, p.Detail)
			}
			if n := number(p.Offset); n > int64(max(len(body), len(sent))) {
				t.Errorf("offset %d of %d", n, len(sent))
			}
		} else {
			if len(kept.outcomes) != 1 || how == cutShort {
				t.Fatalf("taken, and recorded %d times", len(kept.outcomes))
			}
			output := kept.outcomes[0].Output
			if !json.Valid(output) || !utf8.Valid(output) || len(output) > fuzzLimit {
				t.Errorf("Step Functions would not take %q", []byte(output))
			}
		}
		if how == compacted || encoding == "" {
			judge(t, contentType, how, sent, body, got.Code, kept.outcomes)
		}
	})
}

// judge checks the result for a body whose encoding is known, without using the code that
// it checks.
func judge(t *testing.T, contentType string, how uint8, sent, body []byte, status int, outcomes []relay.Outcome) {
	t.Helper()
	want := 0
	plain := bytes.TrimPrefix(body, []byte("\ufeff"))
	isJSON := json.Valid(plain) && bodies.CheckJSON(plain) == nil
	mediaType, params, err := mime.ParseMediaType(contentType)
	if charset := strings.ToLower(params["charset"]); contentType != "" && (err != nil || charset != "" && charset != "utf-8") {
		return
	}
	if bytes.HasPrefix(body, []byte("\xff\xfe")) || bytes.HasPrefix(body, []byte("\xfe\xff")) { // UTF-16
		return
	}
	isForm, limit := mediaType == "application/x-www-form-urlencoded", fuzzLimit
	if isForm {
		limit *= 3
	}
	switch tooLong := len(sent) > limit || how != cutShort && len(body) > limit; {
	case !slices.Contains([]string{"", "application/json", "text/plain", "application/xml", "application/x-www-form-urlencoded"}, mediaType):
		return
	case tooLong:
		want = http.StatusRequestEntityTooLarge
	case how == cutShort:
		want = http.StatusBadRequest
	case len(plain) == 0, mediaType == "application/json" && isJSON:
		want = http.StatusOK
	case mediaType == "application/json":
		want = http.StatusBadRequest
	}
	if want != 0 && status != want {
		t.Fatalf("got %d, want %d", status, want)
	}
	if status != http.StatusOK {
		return
	}
	output := []byte(outcomes[0].Output)
	bracketed := beginsLikeJSON.Match(plain)
	var text string
	switch {
	case len(plain) == 0:
		if string(output) != "{}" {
			t.Errorf("of nothing came %q", output)
		}
	case isJSON && mediaType != "application/xml" && (!isForm || bracketed):
		if !bytes.Equal(output, plain) {
			t.Errorf("JSON was changed into %q", output)
		}
	case isForm && (bracketed || output[0] != '{'): // JSON that was escaped, a value of one word, or XML
	case isForm:
		sameForm(t, string(plain), output)
	default:
		if err := json.Unmarshal(output, &text); err != nil || text != string(plain) {
			t.Errorf("text became %q", output)
		}
	}
}

// beginsLikeJSON tells whether a form begins with a bracket, as no real form does, even
// if the bracket is escaped or follows a quote.
var (
	beginsLikeJSON = regexp.MustCompile(`^(\s|\+|%20|%09|%0[AaDd])*(["'` + "`" + `‘’“”„«]|%2[27]|%60|%E2%80%9[89CDEcde]|%C2%AB)?(\s|\+|%20|%09|%0[AaDd])*([{[]|%7[Bb]|%5[Bb])`)
	escapes        = regexp.MustCompile(`%[0-9A-Fa-f]{2}|%`)
)

// sameForm compares a form with the object that was made of it.
func sameForm(t *testing.T, plain string, output []byte) {
	t.Helper()
	// To the standard library, a semicolon is an error, and so is a percent sign that does
	// not begin an escape. To us, neither is.
	plain = escapes.ReplaceAllStringFunc(strings.ReplaceAll(plain, ";", "%3B"), func(found string) string {
		if len(found) == 3 {
			return found
		}
		return "%25"
	})
	want, err := url.ParseQuery(plain)
	must(t, err)
	for name, values := range want {
		if !utf8.ValidString(name + strings.Join(values, "")) {
			return // it is in a charset that it names
		}
	}
	var object map[string]any
	must(t, json.Unmarshal(output, &object))
	got := url.Values{}
	for name, value := range object {
		values, ok := value.([]any)
		if !ok {
			values = []any{value}
		}
		for _, v := range values {
			got.Add(name, v.(string))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("of %q (-want +got):\n%s", plain, diff)
	}
}
