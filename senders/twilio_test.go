package senders_test

import (
	"encoding/base64"
	"encoding/hex"
	"testing"

	"callback-relay/programs"
	"callback-relay/senders"
)

// Row 99: Twilio signs the URL that it was given, with or without its port, and with the
// user name and password in it. Nothing else of the URL may differ.
func TestTwilioURLs(t *testing.T) {
	programs.Need(t, "openssl")
	const token = "12345"
	login := "Basic " + base64.StdEncoding.EncodeToString([]byte("dana:pass word"))
	for name, c := range map[string]struct {
		signed, url string
		headers     map[string]string
		want        senders.Reason
	}{
		"the same":                {"https://r.example/c/1?a=%20b&c=1", "https://r.example/c/1?a=%20b&c=1", nil, ""},
		"signed with a port":      {"https://r.example:443/c/1", "https://r.example/c/1", nil, ""},
		"signed without the port": {"https://r.example/c/1", "https://r.example:443/c/1", nil, ""},
		"the port of HTTP":        {"http://r.example:80/c/1", "http://r.example/c/1", nil, ""},
		"another port":            {"https://r.example:1234/c/1", "https://r.example:1234/c/1", nil, ""},
		"another port, left out":  {"https://r.example/c/1", "https://r.example:1234/c/1", nil, ""},
		"an address of IPv6":      {"https://[2001:db8::1]:443/c/1", "https://[2001:db8::1]/c/1", nil, ""},
		"no path":                 {"https://r.example:443?a=1", "https://r.example?a=1", nil, ""},
		"a user in the URL":       {"https://dana:pass@r.example/c/1", "https://dana:pass@r.example/c/1", nil, ""},
		"a user and a port":       {"https://dana:pass@r.example:443/c/1", "https://dana:pass@r.example/c/1", nil, ""},
		"a user as a header":      {"https://dana:pass%20word@r.example/c/1", "https://r.example/c/1", map[string]string{"Authorization": login}, ""},
		"both as a header":        {"https://dana:pass%20word@r.example:443/c/1", "https://r.example/c/1", map[string]string{"Authorization": login}, ""},
		"another user":            {"https://lee:pass%20word@r.example/c/1", "https://r.example/c/1", map[string]string{"Authorization": login}, senders.Signature},
		"a wrong port":            {"https://r.example:8443/c/1", "https://r.example/c/1", nil, senders.Signature},
		"without TLS":             {"http://r.example/c/1", "https://r.example/c/1", nil, senders.Signature},
		"another path":            {"https://r.example/c/1/", "https://r.example/c/1", nil, senders.Signature},
		"another spelling":        {"https://r.example/c/1?a= b", "https://r.example/c/1?a=%20b", nil, senders.Signature},
		"another order":           {"https://r.example/c/1?a=1&b=2", "https://r.example/c/1?b=2&a=1", nil, senders.Signature},
		"another algorithm": {
			"https://r.example/c/1", "https://r.example/c/1",
			map[string]string{"X-Twilio-Webhooks-Signature-Settings": "key=SK1,algorithm=HMAC_SHA256"}, senders.Version,
		},
		"the usual algorithm": {
			"https://r.example/c/1", "https://r.example/c/1", map[string]string{"X-Twilio-Webhooks-Signature-Settings": "algorithm=HMAC_SHA1"}, "",
		},
	} {
		signature := opensslHMAC(t, "sha1", hex.EncodeToString([]byte(token)), c.signed+"MessageStatussent")
		v := vector{Sender: "twilio", Secret: token, Body: "MessageStatus=sent", URL: c.url, ContentType: formType, Headers: map[string]string{}}
		for name, value := range c.headers {
			v.Headers[name] = value
		}
		v.Headers["X-Twilio-Signature"] = base64.StdEncoding.EncodeToString(signature)
		if got := reasonOf(t, v.check(t)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// Row 99: JSON of Twilio is covered by a digest in the signed URL, and only there.
func TestTwilioJSON(t *testing.T) {
	programs.Need(t, "openssl")
	const token = "12345"
	digest := hex.EncodeToString(openssl(t, anyBody, "dgst", "-sha256", "-binary"))
	for name, c := range map[string]struct {
		query, body string
		contentType string
		want        senders.Reason
	}{
		"its digest":          {"?bodySHA256=" + digest, anyBody, "application/json", ""},
		"of another body":     {"?bodySHA256=" + digest, anyBody + " ", "application/json", senders.Digest},
		"no digest":           {"?a=1", anyBody, "application/json", senders.Digest},
		"two digests":         {"?bodySHA256=" + digest + "&bodySHA256=" + digest, anyBody, "application/json", senders.Digest},
		"an empty digest":     {"?bodySHA256=", anyBody, "application/json", senders.Digest},
		"JSON called a form":  {"?a=1", `{"MessageStatus":"delivered"}`, formType, senders.Signature},
		"a form called JSON":  {"?a=1", "MessageStatus=delivered", "application/json", senders.Digest},
		"a form of bad signs": {"?a=1", "MessageStatus=%zz", formType, senders.Malformed},
	} {
		url := "https://r.example/c/1" + c.query
		v := vector{Sender: "twilio", Secret: token, Body: c.body, URL: url, ContentType: c.contentType, Headers: map[string]string{
			"X-Twilio-Signature": base64.StdEncoding.EncodeToString(opensslHMAC(t, "sha1", hex.EncodeToString([]byte(token)), url)),
		}}
		if got := reasonOf(t, v.check(t)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
