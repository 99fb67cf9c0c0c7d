package main

import (
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"callback-relay/api"
)

// Headers of a browser that sends a page's form, of a browser that opens a page,
// and of a program that wants no page.
var (
	asForm  = []string{"Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html,application/xml;q=0.9,*/*;q=0.8"}
	asPage  = asForm[2:]
	program = []string{"Accept", api.ProblemMediaType}
)

// submit sends the form of a page, with further headers besides a browser's.
func (c *contract) submit(t task, link, form string, want int, header ...string) exchange {
	return stranger(exchange{
		method: "POST", target: t.Links[link].URL, body: form, want: want,
		header: slices.Concat(asForm, header),
	})
}

// pageRequests are the exchanges with the pages of callbacks.
func (c *contract) pageRequests() []exchange {
	get := func(t task, link string, want int, header ...string) exchange {
		return stranger(exchange{method: "GET", target: t.Links[link].URL, header: slices.Concat(asPage, header), want: want})
	}
	nonce := "nonce=" + c.nonce(c.decided, "dana")
	ofLee := "nonce=" + c.nonce(c.asked, "lee") + "&decision=not-for-me&note="
	rows := []exchange{
		c.submit(c.asked, "lee", ofLee+"Ask+Ada.", 200),
		invalid(c.submit(c.asked, "lee", ofLee+strings.Repeat("x", 501), 400)),
		get(c.asked, "lee", 200),
		{method: "GET", target: "/v1/callbacks?declined=true&state=pending", want: 200},
		{method: "GET", target: "/v1/callbacks?declined=yes", want: 400, invalid: true},
		{method: "GET", target: "/v1/callbacks/" + c.asked.ID, want: 200},
		{method: "GET", target: "/v1/callbacks/" + c.asked.ID + "/history", want: 200},

		get(c.decided, "dana", 200),
		get(c.decided, "dana", 200, "Accept-Language", "de"),
		get(c.decided, "dana", 200, program...), // there is nothing but the page
		get(c.missed, "dana", 410),
		get(c.withdrawn, "dana", 410),
		get(c.asked, "kim", 410), // revoked
		get(c.asked, "kim", 410, program...),

		get(c.verified, "dana", 403),
		get(c.verified, "dana", 403, program...),
		stranger(exchange{method: "HEAD", target: c.verified.Links["dana"].URL, want: 403}),
		c.submit(c.verified, "dana", nonce+"&decision=approved", 403),
		c.submit(c.verified, "dana", nonce+"&decision=approved", 403, program...),

		c.submit(c.decided, "dana", nonce, 400),
		c.submit(c.decided, "dana", nonce, 400, program...),
		c.submit(c.decided, "dana", nonce+"&decision=rejected&comment=&field.window=%22now%22", 400),
		c.submit(c.decided, "dana", "nonce=x&decision=approved", 400),
		invalid(c.submit(c.decided, "dana", "decision=approved", 400)),
		invalid(c.submit(c.decided, "dana", nonce+"&decision=Perhaps", 400)),
		invalid(c.submit(c.decided, "dana", nonce+"&comment=%zz", 400)),
		c.submit(c.decided, "dana", nonce+"&decision=approved", 403, "Sec-Fetch-Site", "cross-site"),
		c.submit(c.decided, "dana", nonce+"&decision=approved", 403, "Origin", "https://example.com", "Accept", api.ProblemMediaType),
		c.submit(c.decided, "dana", nonce+"&comment="+strings.Repeat("x", 512<<10), 413),
		invalid(c.submit(c.decided, "dana", nonce, 415, asImage...)),
		c.submit(c.decided, "dana", nonce+"&decision=approved&field.window=%22now%22", 200),
		c.submit(c.decided, "dana", nonce+"&decision=approved&field.window=%22now%22", 200),
		c.submit(c.decided, "lee", nonce+"&decision=rejected", 409),
		c.submit(c.decided, "lee", nonce+"&decision=rejected", 409, program...),
		c.submit(c.decided, "skip", nonce+"&decision=confirmed", 409),
		c.submit(c.missed, "dana", nonce+"&decision=approved", 410),
		c.submit(c.withdrawn, "dana", nonce+"&decision=approved", 410),
		c.submit(c.asked, "kim", nonce+"&decision=approved", 410),
		get(c.decided, "dana", 200),
		get(c.decided, "lee", 200),
	}
	for _, target := range []string{forged(c.asked.Links["dana"].URL), publicURL + "/a/guessed", publicURL + "/a/" + linkKey(c.pending.URL)} {
		for _, row := range []exchange{
			{method: "GET", header: asPage}, {method: "GET", header: program}, {method: "GET"}, {method: "HEAD"},
			{method: "POST", header: asForm, body: nonce},
		} {
			row.target, row.want, row.invalid = target, http.StatusNotFound, strings.HasSuffix(target, "guessed")
			rows = append(rows, stranger(row))
		}
	}
	rows = append(rows,
		stranger(exchange{method: "HEAD", target: c.decided.Links["dana"].URL, want: 200}),
		stranger(exchange{method: "HEAD", target: c.missed.Links["dana"].URL, header: asPage, want: 410}),
	)
	for _, method := range []string{"OPTIONS", "PUT", "PATCH", "DELETE"} {
		for _, header := range [][]string{asPage, program} {
			rows = append(rows, stranger(exchange{
				method: method, target: c.asked.Links["dana"].URL, header: header, want: http.StatusMethodNotAllowed,
			}))
		}
	}
	return rows
}

// requestsInAFlood go to unknown links.
func (c *contract) requestsInAFlood() []exchange {
	nowhere := forged(c.asked.Links["dana"].URL)
	return []exchange{
		stranger(exchange{method: "POST", target: forged(c.pending.URL), header: asJSON, body: `{}`}),
		stranger(exchange{method: "POST", target: c.noHook(), header: asJSON, body: `{}`}),
		stranger(exchange{method: "GET", target: c.noHook()}),
		stranger(exchange{method: "HEAD", target: c.noHook()}),
		stranger(exchange{method: "OPTIONS", target: c.noHook()}),
		stranger(exchange{method: "POST", target: nowhere, header: asForm, body: "nonce=x"}),
		stranger(exchange{method: "GET", target: nowhere, header: asPage}),
		stranger(exchange{method: "HEAD", target: nowhere}),
	}
}

var nonceInput = regexp.MustCompile(`name="?nonce"? value="([^"]+)"`)

// nonce opens a page and returns the nonce of its form.
func (c *contract) nonce(t task, link string) string {
	c.Helper()
	path := strings.TrimPrefix(t.Links[link].URL, "https://relay.example.com")
	req, err := http.NewRequestWithContext(c.Context(), http.MethodGet, "http://"+c.next().ports.public.Addr().String()+path, nil)
	c.must(err)
	response, err := c.http.RoundTrip(req)
	c.must(err)
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	c.must(err)
	found := nonceInput.FindSubmatch(page)
	if found == nil {
		c.Fatalf("the page has no nonce: %s", page)
	}
	return string(found[1])
}
