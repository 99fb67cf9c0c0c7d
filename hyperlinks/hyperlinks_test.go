package hyperlinks

import "testing"

// TestParse checks where URLs lead, and which are refused.
func TestParse(t *testing.T) {
	for text, want := range map[string]Target{
		"https://example.com":                     {"https", "example.com"},
		"HTTPS://Example.com:8443/a%20b?c=d#e":    {"https", "Example.com:8443"},
		"https://例え.jp/ä":                         {"https", "例え.jp"},
		"mailto:kim@example.com":                  {"mailto", "kim@example.com"},
		"MAILTO:kim%2Btag%40example.com":          {"mailto", "kim+tag@example.com"},
		"mailto:kim!x@localhost?Subject=a&body=b": {"mailto", "kim!x@localhost"},
		"tel:+49-30-(123).4567":                   {"tel", "+49-30-(123).4567"},
		"Tel:863-1234;phone-context=example.com":  {"tel", "863-1234;phone-context=example.com"},
	} {
		if got, ok := Parse(text); got != want || !ok {
			t.Errorf("%s: %+v, %v", text, got, ok)
		}
	}
	for _, text := range []string{
		"", "example.com", "//example.com", "http://example.com", "https:example.com", "https://", "https:///evil.example", `https://evil.example\@bank.example/`,
		"https://bank.example@evil.example", "https://:80", "javascript:alert(1)", "data:text/html,x", "https://example.com/a b", "https://example.com/\u202egnp", "\nhttps://example.com",
		"mailto:", "mailto:kim", "mailto:/kim@example.com", "mailto:a@example.com,b@example.com", "mailto:Kim%20%3Ckim@example.com%3E", "mailto:kim%E2%80%AE@example.com",
		"mailto:kim@example.com?bcc=lee@example.com", "mailto:kim@example.com?TO=lee@example.com", "mailto:kim@example.com?%63c=lee@example.com",
		"mailto:kim@example.com?subject=%zz", "mailto:kim@example.com?subject=a;bcc=b", "mailto:kim@example.com#?bcc=lee@example.com",
		"tel:", "tel:+", "tel://112", "tel:*21*1234#", "tel:112#", "tel:112?x=1", "tel:%2B49", "sms:112",
	} {
		if got, ok := Parse(text); ok {
			t.Errorf("%q leads to %+v", text, got)
		}
	}
}

// TestSays holds that a text says where a URL leads only if it names nothing else.
func TestSays(t *testing.T) {
	for _, test := range []struct {
		text, url string
		want      bool
	}{
		{"https://example.com/1", "https://example.com/1", true},
		{"Example.com", "https://example.com/1", true},
		{"example.com:8443", "https://example.com:8443", true},
		{"example.com", "https://example.com:8443", false},
		{"https://bank.example/pay?evil.com", "https://evil.com/login", false},
		{"See data.co", "https://data.co/x", false},
		{"data.company.com", "https://a.co/x", false},
		{"", "https://example.com", false},
		{"kim@example.com", "mailto:KIM%40example.com", true},
		{"mailto:kim@example.com", "mailto:kim@example.com?subject=x", true},
		{"pay@example.com", "mailto:other@evil.com", false},
		{"+49 (30) 12-34/5", "tel:+49.30.12345", true},
		{"tel:112", "tel:112", true},
		{"+49 30 1234", "tel:+4990011", false},
		{"0301234", "tel:+49301234", false},
		{"+4930123", "tel:+4930123;ext=7", false},
		{"https://112", "tel:112", false},
	} {
		to, ok := Parse(test.url)
		if got := to.Says(test.text); !ok || got != test.want {
			t.Errorf("%q says where %s leads: %v", test.text, test.url, got)
		}
	}
}

// TestMailto holds that the URL of an address leads to this address.
func TestMailto(t *testing.T) {
	for _, address := range []string{"kim@example.com", "50%25@example.com", "jürgen+x@exämple.com"} {
		if to, ok := Parse(Mailto(address)); !ok || to.Place != address {
			t.Errorf("%s leads to %+v, %v", address, to, ok)
		}
	}
}
