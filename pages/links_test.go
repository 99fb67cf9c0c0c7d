package pages

import (
	"strings"
	"testing"
)

// TestDetailLinks checks which details become links, and where they lead.
func TestDetailLinks(t *testing.T) {
	type want struct{ text, to string }
	for _, test := range []struct {
		detail Detail
		want   want
	}{
		{Detail{Value: "plain"}, want{"plain", ""}},
		{Detail{Value: "https://example.com/a?b=c"}, want{"https://example.com/a?b=c", "https://example.com/a?b=c"}},
		{Detail{Value: "dana@example.com"}, want{"dana@example.com", "mailto:dana@example.com"}},
		{Detail{Value: "Dana <dana@example.com>"}, want{"Dana <dana@example.com>", ""}},
		{Detail{Value: "ask dana@example.com"}, want{"ask dana@example.com", ""}},
		{Detail{Value: "mailto:dana@example.com"}, want{"mailto:dana@example.com", "mailto:dana@example.com"}},
		{Detail{Value: "tel:+49-30-1234"}, want{"tel:+49-30-1234", "tel:+49-30-1234"}},
		{Detail{Value: "Order", URL: "https://shop.example.com/1"}, want{"Order (shop.example.com)", "https://shop.example.com/1"}},
		{Detail{URL: "https://shop.example.com/1"}, want{"https://shop.example.com/1", "https://shop.example.com/1"}},
		{Detail{Value: "bank.example", URL: "https://evil.example/"}, want{"bank.example (evil.example)", "https://evil.example/"}},
		{Detail{Value: "Write", URL: "mailto:a@example.com?subject=Order%201"}, want{"Write (a@example.com)", "mailto:a@example.com?subject=Order%201"}},
		{Detail{Value: "Call", URL: "tel:+4930123;ext=7"}, want{"Call (+4930123;ext=7)", "tel:+4930123;ext=7"}},
		{Detail{Value: "Call", URL: "TEL:112"}, want{"Call (112)", "TEL:112"}},
		{Detail{Value: "https://bank.example/pay?evil.example", URL: "https://evil.example/login"},
			want{"https://bank.example/pay?evil.example (evil.example)", "https://evil.example/login"}},
		{Detail{Value: "See data.co.example.com", URL: "https://co.example/x"}, want{"See data.co.example.com (co.example)", "https://co.example/x"}},
		{Detail{Value: "Shop.example.com", URL: "https://shop.example.com/1"}, want{"Shop.example.com", "https://shop.example.com/1"}},
		{Detail{Value: "pay@example.com", URL: "mailto:other@evil.example"}, want{"pay@example.com (other@evil.example)", "mailto:other@evil.example"}},
		{Detail{Value: "pay@example.com", URL: "mailto:pay@example.com"}, want{"pay@example.com", "mailto:pay@example.com"}},
		{Detail{Value: "+49 30 1234", URL: "tel:+4990011"}, want{"+49 30 1234 (+4990011)", "tel:+4990011"}},
		{Detail{Value: "+49 (30) 12-34", URL: "tel:+49301234"}, want{"+49 (30) 12-34", "tel:+49301234"}},
		{Detail{Value: "Call", URL: "tel:863-1234;phone-context=example.com"}, want{"Call (863-1234;phone-context=example.com)", "tel:863-1234;phone-context=example.com"}},
		{Detail{Value: "Kim", URL: "mailto:kim%40example.com"}, want{"Kim (kim@example.com)", "mailto:kim%40example.com"}},
		{Detail{Value: "Kim", URL: "mailto:kim!x@example.com"}, want{"Kim (kim!x@example.com)", "mailto:kim!x@example.com"}},
		{Detail{Value: "Kim", URL: "mailto:kim@localhost"}, want{"Kim (kim@localhost)", "mailto:kim@localhost"}},
		{Detail{Value: "50%25@example.com"}, want{"50%25@example.com", "mailto:50%2525@example.com"}},
		{Detail{Value: "tel:*21*1234#"}, want{"tel:*21*1234#", ""}},
		{Detail{Value: "x", URL: "javascript:alert(1)"}, want{"x javascript:alert(1)", ""}},
		{Detail{Value: "x", URL: "http://example.com"}, want{"x http://example.com", ""}},
		{Detail{Value: "x", URL: "https://a:b@evil.example"}, want{"x https://a:b@evil.example", ""}},
		{Detail{Value: "x", URL: "tel:javascript"}, want{"x tel:javascript", ""}},
		{Detail{Value: "x", URL: "mailto:nobody"}, want{"x mailto:nobody", ""}},
		{Detail{Value: "x", URL: "mailto:a@example.com?subject=a b"}, want{"x mailto:a@example.com?subject=a b", ""}},
	} {
		test.detail.Name = "Where"
		root := one(t, parse(t, render(t, pagesOf(t, Brand{}), "en", Page{State: Decided, Details: []Detail{test.detail}})), "dd")
		got := want{text: prose(root)}
		for _, a := range find(root, "a") {
			got.to = value(a, "href")
			same(t, "rel", value(a, "rel"), rel)
		}
		same(t, test.detail.Value+" "+test.detail.URL, got, test.want)
	}
}

// TestRequester holds that mail addresses of whoever asks are links, and nothing else is.
func TestRequester(t *testing.T) {
	for requester, links := range map[string]string{
		"Jordan Vale":                          "",
		"Jordan Vale <jordan@example.com>":     "mailto:jordan@example.com",
		"jordan@example.com, or kim@x.example": "mailto:jordan@example.com mailto:kim@x.example",
		"(jordan@example.com).":                "mailto:jordan@example.com",
		"jürgen@exämple.com":                   "mailto:jürgen@exämple.com",
		"a@b, @b.c, x@, https://x.example":     "",
		`"><b>@example.com`:                    "",
	} {
		root := class(parse(t, render(t, pagesOf(t, Brand{}), "en", Page{State: Decided, Requester: requester})), "from")[0]
		same(t, "text", prose(root), "Requested by "+requester)
		var got []string
		for _, a := range find(root, "a") {
			got = append(got, value(a, "href"))
		}
		same(t, requester, strings.Join(got, " "), links)
	}
}
