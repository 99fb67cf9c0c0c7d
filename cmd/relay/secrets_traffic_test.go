package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"callback-relay/api"
	"callback-relay/config"
	"callback-relay/outbox"
	"callback-relay/relay"
	"callback-relay/stepfunctions/standin"
)

// mistakenSenders posts unacceptable requests, with secrets in every part.
func mistakenSenders(h *hunt) {
	c := h.register()
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, err := io.WriteString(zip, c.payload)
	h.must(err)
	h.must(zip.Close())
	secret := c.payload
	for _, bad := range []struct{ kind, encoding, body string }{
		{"application/json", "", secret[1:]},
		{"application/json", "", secret[:len(secret)-1]},
		{"application/json", "", secret + secret},
		{"application/json", "", strings.Trim(secret, "{}")},
		{"application/json", "", secret + "\xff"},
		{"application/json", "", strings.Repeat("[", 600) + secret},
		{"application/json", "", strings.Repeat(secret, 10_000)},
		{"application/json", "gzip", packed.String()[:packed.Len()-9]},
		{"application/json", "gzip", secret + "\xff"},
		{"application/json", secret, secret},
		{"application/x-www-form-urlencoded", "", secret + "=%zz"},
		{"application/x-www-form-urlencoded", "", strings.Repeat(secret+"&", 2_000)},
		{"multipart/form-data; boundary=x", "", "--x\r\nContent-Disposition: form-data; name=" + secret + "\r\n\r\n" + secret},
		{"text/plain; charset=klingon", "", secret + "\xff"},
		{"text/plain; charset=euc-kr", "", secret + "\xff"},
		{"text/plain", "", secret + "\xff"},
		{"image/png", "", secret + "\xff"},
		{secret, "", secret + "\xff"},
	} {
		got := h.note(h.request(c.URL, http.MethodPost, bad.body, "Content-Type", bad.kind, "Content-Encoding", bad.encoding))
		if got.status < 400 || got.status > 499 {
			h.Errorf("%q %q %.40q: %d %s", bad.kind, bad.encoding, bad.body, got.status, got.body)
		}
	}
	// Of unknown length, and shorter than declared.
	h.note(h.send(h.next(), call{link: c.URL, body: io.MultiReader(strings.NewReader(strings.Repeat(secret, 10_000)))}))
	h.raw("POST " + path(c.URL) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n" + secret)
	h.wantNothing(c.task)

	h.wantTaken(h.note(h.post(c.URL, secret)), c.task, api.StatusDelivered, false)
	h.wantTaken(h.note(h.post(c.URL, secret)), c.task, api.StatusDelivered, true)
	h.wantProblem(h.note(h.post(c.URL, `"other"`)), api.CodeAlreadyAnswered)
	h.note(h.post(c.Links["progress"].URL, secret))
	h.wantOutput(c.task, secret)

	expired := h.register(shortLived)
	h.untilState(expired.task, api.StateDelivered)
	h.wantProblem(h.note(h.post(expired.URL, expired.payload)), api.CodeExpired)
	if log := h.replicas[0].log.String() + h.replicas[1].log.String(); !strings.Contains(log, c.ID) {
		h.Error("the log does not name the callback")
	}
}

// linksInWrongPlaces sends real link keys, and other secrets, in the wrong places.
func linksInWrongPlaces(h *hunt) {
	c := h.register()
	key, link := linkKey(c.URL), c.URL
	for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", key} {
		h.note(h.request(link, method, ""))
		h.note(h.request(link+"?"+key, method, ""))
	}
	for _, path := range []string{
		link + "/", link + "/x", link + ";x", link + "%00", link + "%2f", link + "?" + key,
		strings.Replace(link, "/c/", "/c//", 1), strings.Replace(link, "/c/", "/a/", 1), strings.Replace(link, "/c/", "/c/../c/", 1),
		strings.Replace(link, "/c/", "/", 1), strings.Replace(link, "/base/c/", "/", 1),
		publicURL + "/robots.txt?" + key, publicURL + "/healthz/" + key, publicURL + "/c?" + key,
	} {
		h.note(h.request(path, http.MethodPost, c.payload))
		h.note(h.request(path, http.MethodGet, ""))
	}
	other := h.register()
	for _, header := range []string{
		"Referer", "User-Agent", "Cookie", "Authorization", "X-Forwarded-For", "X-Forwarded-Host", "Forwarded",
		"Origin", "Host", "Content-Type", "Expect", "X-Api-Key", "Traceparent", "X-Request-Id",
	} {
		h.note(h.request(other.URL, http.MethodGet, "", header, link))
		h.note(h.request(other.URL, http.MethodPost, "{", header, "Bearer "+link+" "+testAPIKey))
	}
	for _, line := range []string{
		"POST " + path(link) + " HTTP/9.9\r\nHost: x\r\n\r\n", "POST " + path(link) + "%zz HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST " + path(link) + " HTTP/1.1\r\n\r\n", path(link) + "\r\n\r\n",
		"POST " + path(link) + " HTTP/1.1\r\nHost: x\r\n" + key + "\r\n\r\n",
		"POST " + path(link) + " HTTP/1.1\r\nHost: " + link + "\r\n\r\n",
		"POST " + path(link) + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " + key + "\r\n\r\n",
		"POST " + path(link) + " HTTP/1.1\r\nHost: x\r\nContent-Length: " + key + "\r\n\r\n",
		"POST " + path(link) + " HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat(key, 1000) + "\r\n\r\n",
	} {
		h.raw(line)
	}

	for _, r := range h.replicas {
		base := "http://" + r.ports.private.Addr().String()
		for _, path := range []string{
			path(link), "/c/" + key, "/" + key, "/v1/" + key, "/v1/callbacks/" + key, "/v1/callbacks/" + c.ID + "/" + key,
			"/v1/callbacks?" + key, "/v1/callbacks?" + key + "&" + key, "/v1/callbacks?link=" + key, "/v1/callbacks?cursor=" + key, "/v1/callbacks?cursor=1-" + key,
			"/v1/callbacks?state=" + key, "/v1/callbacks?limit=" + key, "/v1/callbacks?tag=" + key, "/v1/callbacks?%zz" + key,
			"/readyz?" + key, "/metrics?" + key, "/healthz/" + key,
		} {
			for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete, http.MethodPut} {
				for _, authorization := range []string{"Bearer " + testAPIKey, testAPIKey, "Basic " + testAPIKey, "Bearer " + testAPIKey[1:], "Bearer " + key} {
					request, err := http.NewRequestWithContext(h.Context(), method, base+path, strings.NewReader(key))
					h.must(err)
					request.Header.Set("Authorization", authorization)
					response, err := h.http.RoundTrip(request)
					h.must(err)
					h.search("an answer to "+method+" "+strings.ReplaceAll(path, key, "KEY"), read(h, response))
				}
			}
		}
	}
}

// nearlyRightLinks changes every character of a link in turn. A log of such a link
// would reveal most of the real one.
func nearlyRightLinks(h *hunt) {
	c := h.register()
	key := linkKey(c.URL)
	for at := range key {
		near := key[:at] + string('a'+(key[at]-'a'+1)%26) + key[at+1:]
		if key[at] < 'a' {
			near = key[:at] + "a" + key[at+1:]
		}
		h.wantProblem(h.note(h.post(strings.Replace(c.URL, key, near, 1), c.payload)), api.CodeNotFound)
	}
	for _, near := range []string{key[1:], key[:51], key + "a", "-" + key, key[:26] + "-" + key[26:]} {
		h.wantProblem(h.note(h.post(strings.Replace(c.URL, key, near, 1), c.payload)), api.CodeNotFound)
	}
	h.wantNothing(c.task)
}

// mistakenRegistrations gives the private API secrets in fields of all kinds.
func mistakenRegistrations(h *hunt) {
	c := h.register()
	key, past := linkKey(c.URL), time.Unix(0, 0)
	for _, bad := range []api.CreateRequest{
		{TaskToken: c.token, OnExpiry: key},
		{TaskToken: c.token, OnExpiry: c.payload},
		{TaskToken: c.token, ExpiresIn: key},
		{TaskToken: c.token, ExpiresIn: "9000h"},
		{TaskToken: c.token, ExpiresAt: &past},
		{TaskToken: c.token, OnExpiry: api.OnExpiryIgnore}, // other settings than before
		{TaskToken: c.token + strings.Repeat("x", 2048)},
		{TaskToken: c.token, Tags: map[string]string{c.token: "x"}},
		{TaskToken: c.token, Tags: map[string]string{"long": strings.Repeat(c.token, 20)}},
		{TaskToken: c.token, Links: map[string]api.LinkRequest{key: {Type: api.LinkWebhook}}},
		{TaskToken: c.token, Links: map[string]api.LinkRequest{"x": {Type: key}}},
	} {
		for _, r := range h.replicas {
			if _, _, err := r.client.Create(h.Context(), bad); err == nil {
				h.Errorf("accepted: %+v", bad)
			} else {
				h.search("the client's error", fmt.Sprintf("%v %+v %#v", err, err, err))
			}
		}
	}
	base := "http://" + h.replicas[0].ports.private.Addr().String() + "/v1/callbacks"
	for _, body := range []string{
		`{"taskToken": ` + c.token + `}`, `{"taskToken": "` + c.token + `"`, `{"taskToken": ["` + c.token + `"]}`,
		`{"taskToken": {"x": "` + c.token + `"}}`, `{"expiresAt": "` + c.token + `"}`, `{"links": "` + key + `"}`,
		`{"tags": {"x": ["` + c.token + `"]}}`, `{"links": {"x": "` + key + `"}}`, `"` + c.token + `"`, c.token,
		`{"taskToken": "` + c.token + `", "taskToken": "` + c.token + `"}`, `{"onExpiry": 1, "taskToken": "` + c.token + "\xff\"}",
		`{"taskToken": "` + strings.Repeat(c.token, 10_000) + `"}`,
	} {
		request, err := http.NewRequestWithContext(h.Context(), http.MethodPost, base, strings.NewReader(body))
		h.must(err)
		request.Header.Set("Authorization", "Bearer "+testAPIKey)
		request.Header.Set("Content-Type", "application/json")
		response, err := h.http.RoundTrip(request)
		h.must(err)
		h.search("an answer", read(h, response))
		if response.StatusCode < 400 || response.StatusCode > 499 {
			h.Errorf("%.40q: %d", body, response.StatusCode)
		}
	}
	again, _, err := h.next().client.Create(h.Context(), api.CreateRequest{TaskToken: c.token, Links: links(c)})
	h.must(err)
	h.searchDocument(fmt.Sprintf("%+v", again))
	list, err := h.next().client.List(h.Context(), clientQuery)
	h.must(err)
	h.searchDocument(fmt.Sprintf("%+v", list))
	h.searchDocument(fmt.Sprintf("%+v", h.get(c.task)))
	cancelled, err := h.next().client.Cancel(h.Context(), c.ID)
	h.must(err)
	h.searchDocument(fmt.Sprintf("%+v", cancelled))
	h.wantProblem(h.note(h.post(c.URL, c.payload)), api.CodeCancelled)
}

// failingSteps lets Step Functions fail in every way, with reasons that quote the
// request, as AWS sometimes does.
func failingSteps(h *hunt) {
	h.replicas = []*replica{h.serve(nil, func(s *config.Settings) { s.AnswerWait = "2s" })}
	kinds := []standin.FaultKind{
		standin.CommitThenDrop, standin.CommitThenError, standin.CommitThenTruncate, standin.CommitThenGarble,
		standin.CommitThenHang, standin.Drop, standin.ServerError, standin.Unavailable, standin.Hang, standin.Throttle,
	}
	faults := make([]standin.Fault, len(kinds))
	for i, kind := range kinds {
		faults[i].Kind = kind
	}
	for _, code := range []string{
		"AccessDeniedException", "KmsAccessDeniedException", "InvalidSignatureException", "ValidationException",
		"InvalidOutput", "InvalidToken", "TaskTimedOut", "ExpiredTokenException", "Unheard.Of",
	} {
		for _, status := range []int{400, 500} {
			faults = append(faults, standin.Fault{Kind: standin.Refuse, Code: code, Status: status})
		}
	}
	faults = append(faults,
		standin.Fault{Kind: standin.Refuse, Code: "the code is the message"},
		standin.Fault{Kind: standin.Refuse, Code: "AccessDeniedException", Message: "only a part"},
		standin.Fault{Kind: standin.Refuse, Code: "AccessDeniedException", Message: "quoted"})
	for _, fault := range faults {
		c := h.register()
		fault.TaskToken = c.token
		if fault.Kind == standin.Refuse {
			switch fault.Message {
			case "only a part":
				fault.Action, fault.Message = standin.SendTaskSuccess, "not for "+c.payload[:len(c.payload)-2]+"…"
			case "quoted":
				fault.Action, fault.Message = standin.SendTaskSuccess, fmt.Sprintf("not for %q", c.payload)
			default:
				fault.Message = fmt.Sprintf("no: %s for %s, Value '%s' at 'taskToken', X-Amz-Security-Token:%s", c.token, c.payload, c.token, canarySession)
			}
			if strings.Contains(fault.Code, " ") {
				fault.Code = fault.Message
			}
		}
		h.steps.Inject(fault)
		h.note(h.post(c.Links["progress"].URL, c.payload))
		h.steps.Inject(fault)
		h.note(h.post(c.URL, c.payload))
		cb := h.get(c.task)
		if cb.Delivery == nil || cb.Delivery.LastError == "" {
			h.Errorf("%s %s: state %s, delivery %+v: nothing failed", fault.Kind, fault.Code, cb.State, cb.Delivery)
		}
		h.searchDocument(fmt.Sprintf("%+v %+v %+v", cb, cb.Outcome, cb.Delivery))
	}
}

// panics lets the parts under a handler and under a delivery panic with all their
// data.
func panics(h *hunt) {
	r := h.serve(func(o *nodeOptions) { o.AroundStore = func(s relay.Store) relay.Store { return panicking{s} } })
	c := h.register()
	h.wantProblem(h.note(h.send(r, call{link: c.URL, body: strings.NewReader(c.payload)})), api.CodeInternal)
	h.wantProblem(h.note(h.send(r, call{link: c.Links["progress"].URL})), api.CodeInternal)
	if _, _, err := r.client.Create(h.Context(), api.CreateRequest{TaskToken: c.token}); !isProblem(err, api.CodeInternal) {
		h.Errorf("create: %v, want %s", err, api.CodeInternal)
	} else {
		h.search("the client's error", err.Error())
	}

	// Only the delivery is left to panic.
	r2 := h.serve(func(o *nodeOptions) { o.AroundSender = func(outbox.Sender) outbox.Sender { return panicking{} } })
	got := h.note(h.send(r2, call{link: c.URL, body: strings.NewReader(c.payload)}))
	h.wantTaken(got, c.task, api.StatusAccepted, false)
	for _, r := range []*replica{r, r2} {
		if log := r.log.String(); !strings.Contains(log, "msg=panic") || !strings.Contains(log, "goroutine") {
			h.Errorf("no panic, or none with its stack, in the log:\n%s", log)
		}
	}
}

// panicking quotes what it is given.
type panicking struct{ relay.Store }

func (panicking) Create(_ context.Context, n relay.NewCallback) (relay.Callback, bool, error) {
	panic("not " + n.Asked.TaskToken.Reveal())
}

func (panicking) Answer(_ context.Context, _ relay.LinkRef, o relay.Outcome, _ *relay.Passed) (relay.Recorded, error) {
	panic(fmt.Errorf("not %s", []byte(o.Output)))
}

func (panicking) Waiting(_ context.Context, l relay.LinkRef, _ bool) (relay.TaskToken, relay.Response, error) {
	panic(l)
}

func (panicking) Send(_ context.Context, t relay.TaskToken, o relay.Outcome) error {
	panic(fmt.Sprintf("not %s for %s", t.Reveal(), []byte(o.Output)))
}

func (panicking) Heartbeat(_ context.Context, taskToken relay.TaskToken) error {
	panic(taskToken.Reveal())
}

// raw sends bytes to a public listener and searches the response until the
// connection ends.
func (h *hunt) raw(text string) {
	h.Helper()
	conn, err := net.Dial("tcp", h.next().ports.public.Addr().String())
	h.must(err)
	defer conn.Close()
	_, err = io.WriteString(conn, text)
	h.must(err)
	h.must(conn.(*net.TCPConn).CloseWrite())
	got, _ := io.ReadAll(conn) // it may be reset
	h.search("a raw answer", string(got))
}

// read returns headers and body of an answer.
func read(h *hunt, response *http.Response) string {
	h.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	h.must(err)
	return fmt.Sprint(response.Header, "\n", string(body))
}

// path returns what follows the host in a link.
func path(link string) string { return strings.TrimPrefix(link, "https://relay.example.com") }
