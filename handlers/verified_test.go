package handlers_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"callback-relay/identity"
	"callback-relay/publickeys"
	"callback-relay/relay"
)

// login is a proxy that signs who is there: a set of keys, and the tokens it makes.
type login struct {
	t   *testing.T
	key *rsa.PrivateKey
	// lost says that its keys cannot be fetched.
	lost bool
	// off says that the configuration file does not name it any more.
	off bool

	verifier *identity.Verifier
}

const issuer = "https://login.example.com"

func newLogin(t *testing.T) *login {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	l := &login{t: t, key: key}
	l.verifier, err = identity.New(identity.Spec{
		Type: identity.JWT, Issuer: issuer, Audience: "pages", Header: "X-Who", Keys: issuer + "/keys",
	}, publickeys.New(l))
	must(t, err)
	return l
}

// Identity implements [relay.People].
func (l *login) Identity() *identity.Verifier {
	if l.off {
		return nil
	}
	return l.verifier
}

// RoundTrip publishes the key.
func (l *login) RoundTrip(r *http.Request) (*http.Response, error) {
	n := base64.RawURLEncoding.EncodeToString(l.key.N.Bytes())
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: r}
	resp.Body = io.NopCloser(strings.NewReader(`{"keys":[{"kty":"RSA","n":"` + n + `","e":"AQAB"}]}`))
	if l.lost {
		resp.StatusCode = http.StatusServiceUnavailable
	}
	return resp, nil
}

// token signs who somebody is.
func (l *login) token(subject, email, name string) string {
	l.t.Helper()
	claims, err := json.Marshal(map[string]any{
		"iss": issuer, "aud": "pages", "sub": subject, "email": email, "name": name, "exp": time.Now().Add(time.Hour).Unix(),
	})
	must(l.t, err)
	b64 := base64.RawURLEncoding.EncodeToString
	signed := b64([]byte(`{"alg":"RS256"}`)) + "." + b64(claims)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, l.key, crypto.SHA256, sum[:])
	must(l.t, err)
	return signed + "." + b64(signature)
}

// guarded starts a node behind the proxy.
func (l *login) guarded(t *testing.T) *node {
	t.Helper()
	return start(t, func(s *setup) { s.service.People = l })
}

// as opens a link's page with a token in the proxy's header.
func (k task) as(token, link string) answer {
	k.n.t.Helper()
	return k.n.do(http.MethodGet, "http://"+k.n.public+k.path(link), "", "Accept", "text/html", "X-Who", token)
}

// decide approves through a link, with a token in the proxy's header.
func (k task) decide(token, link string) answer {
	k.n.t.Helper()
	form := url.Values{"decision": {"approved"}}
	if found := formNonce.FindStringSubmatch(string(k.as(token, link).body)); found != nil {
		form.Set("nonce", found[1])
	}
	return k.n.post(k.path(link), formMedia, form.Encode(), "Accept", "text/html", "X-Who", token)
}

func (k task) shows(got answer, status int, texts ...string) {
	k.n.t.Helper()
	got.is(status)
	for _, text := range texts {
		if !strings.Contains(string(got.body), text) {
			k.n.t.Errorf("the page lacks %q: %s", text, got.body)
		}
	}
}

// Row 122: only the person whose link it is decides, and the workflow learns who it was. Others see
// what is asked, and why they cannot decide.
func TestOnlyTheApproverDecides(t *testing.T) {
	l := newLogin(t)
	n := l.guarded(t)
	k := n.register("links", `{"dana":{"type":"approval","approver":{"name":"Dana Okafor","email":"dana@example.com"}}}`,
		"approval", `{"title":"Deploy 4.2.0?","verify":"required","notBy":["ana@example.com","s-ana"]}`)
	dana, lee := l.token("s-dana", "Dana@Example.com", "D. Okafor"), l.token("s-lee", "lee@example.com", "Lee Brandt")
	for name, c := range map[string]struct {
		token string
		want  []string
	}{
		"nobody":                    {"", []string{"This page could not tell who you are", "Deploy 4.2.0?"}},
		"a forged token":            {dana[:len(dana)-8] + "AAAAAAAA", []string{"This page could not tell who you are"}},
		"somebody else":             {lee, []string{"This is for someone else", "This link is for <bdi>Dana Okafor</bdi>.", "signed in as <bdi>Lee Brandt (lee@example.com)</bdi>"}},
		"without a mail":            {l.token("s-dana", "", "Dana Okafor"), []string{"cannot tell whether you may decide"}},
		"whoever asked":             {l.token("x", "ANA@example.com", ""), []string{"Someone else has to decide this", "<bdi>ANA@example.com</bdi>"}},
		"the same, by subject":      {l.token("s-ana", "", ""), []string{"Someone else has to decide this"}},
		"a letter that looks alike": {l.token("y", "dan\u0430@example.com", ""), []string{"This is for someone else"}},
		"a sign that folds to k":    {l.token("z", "DANA@EXAMPLE.COM\u212a", ""), []string{"This is for someone else"}},
	} {
		k := task{k.Callback, n.on(t), k.taskToken}
		k.shows(k.as(c.token, "dana"), http.StatusForbidden, c.want...)
		got := k.decide(c.token, "dana")
		k.shows(got, http.StatusForbidden, c.want...)
		if strings.Contains(string(got.body), "<form") || len(k.got()) > 0 {
			t.Errorf("%s: decided, or has a form: %q, %s", name, k.got(), got.body)
		}
	}
	// A nonce of the right person does not help another one.
	nonce := formNonce.FindStringSubmatch(string(k.as(dana, "dana").body))[1]
	form := url.Values{"nonce": {nonce}, "decision": {"approved"}}
	n.post(k.path("dana"), formMedia, form.Encode(), "X-Who", lee).is(http.StatusForbidden)

	page := k.as(dana, "dana")
	k.shows(page, http.StatusOK, "Dana Okafor")
	if strings.Contains(string(page.body), `name="approver"`) {
		t.Errorf("asks for a name: %s", page.body)
	}
	k.shows(k.decide(dana, "dana"), http.StatusOK, "You approved this")
	var output struct {
		By struct {
			Approver string
			Typed    bool
			Verified *struct{ Issuer, Subject, Email string }
		}
	}
	must(t, json.Unmarshal([]byte(k.got()[0]), &output))
	if v := output.By.Verified; output.By.Approver != "Dana Okafor" || output.By.Typed || v == nil || v.Issuer != issuer || v.Subject != "s-dana" || v.Email != "Dana@Example.com" {
		t.Errorf("the workflow got %s", k.got()[0])
	}
	got := n.call(http.MethodGet, "/v1/callbacks/"+k.ID, "")
	got.decode(&k.Callback)
	if v := k.Decisions[0].By.Verified; v == nil || v.Subject != "s-dana" || v.Email != "Dana@Example.com" || v.Issuer != issuer {
		t.Errorf("the callback: %s", got.body)
	}
	if strings.Contains(n.log.String(), dana) || strings.Contains(n.log.String(), "dana@example.com") {
		t.Error("the log has a token or a mail address")
	}
}

// A quorum counts people, not links or names.
func TestQuorumCountsSubjects(t *testing.T) {
	l := newLogin(t)
	n := l.guarded(t)
	k := n.register("links", `{"one":{"type":"approval"},"two":{"type":"approval"},"three":{"type":"approval","approver":{"name":"Dana","email":"dana@example.com"}}}`,
		"approval", `{"title":"Deploy?","verify":"required","required":2}`)
	dana := l.token("s-dana", "dana@example.com", "Dana")
	k.shows(k.decide(dana, "one"), http.StatusOK, "Your approval has been counted")
	for _, link := range []string{"two", "three"} {
		k.shows(k.as(dana, link), http.StatusOK, "Your approval has been counted")
		k.decide(dana, link).is(http.StatusOK)
	}
	if len(k.got()) > 0 {
		t.Fatalf("one person is a quorum: %q", k.got())
	}
	// Another person of the same name is another person.
	namesake := l.token("s-other", "dana.two@example.com", "Dana")
	k.shows(k.as(namesake, "two"), http.StatusOK, "<form")
	k.shows(k.decide(namesake, "two"), http.StatusOK, "You approved this")
	if got := k.got(); len(got) != 1 || !strings.Contains(got[0], `"subject":"s-dana"`) || !strings.Contains(got[0], `"subject":"s-other"`) {
		t.Errorf("Step Functions got %q", got)
	}
}

// A name that the proxy signed is not asked for, and not typed. People choose these names, so
// one that nobody can read, or that is somebody else's, gives way to the mail address or the
// subject.
func TestSignedNames(t *testing.T) {
	l := newLogin(t)
	n := l.guarded(t)
	for name, c := range map[string]struct{ token, want string }{
		"a name":            {l.token("s1", "kim@example.com", "Kim  Sato"), `"approver":"Kim Sato","typed":false,"verified":{"issuer":"` + issuer + `","subject":"s1","email":"kim@example.com"}`},
		"no name":           {l.token("s2", "kim@example.com", ""), `"approver":"kim@example.com","typed":false`},
		"a name of nothing": {l.token("s3", "", "\u2800"), `"approver":"s3","typed":false`},
		"two alphabets":     {l.token("s4", "kim@example.com", "K\u0456m"), `"approver":"kim@example.com","typed":false`},
		"another's name":    {l.token("s5", "kim@example.com", "DANA okafor"), `"approver":"kim@example.com","typed":false`},
	} {
		k := n.on(t).register("links", `{"open":{"type":"approval"},"dana":{"type":"approval","approver":{"name":"Dana Okafor","email":"dana@example.com"}}}`, "approval", `{"title":"Deploy?","verify":"required"}`)
		if page := k.as(c.token, "open"); strings.Contains(string(page.body), `name="approver"`) {
			t.Errorf("%s: the page asks for a name", name)
		}
		k.decide(c.token, "open").is(http.StatusOK)
		if got := k.got(); len(got) != 1 || !strings.Contains(got[0], c.want) {
			t.Errorf("%s: Step Functions got %q, want %s", name, got, c.want)
		}
	}
}

// An approval that does not demand it takes no notice of who is signed in: the page asks for
// a name as always, and keys that cannot be fetched do not matter.
func TestNotVerified(t *testing.T) {
	l := newLogin(t)
	l.lost = true
	n := l.guarded(t)
	k := n.register("links", `{"open":{"type":"approval"}}`, "approval", `{"title":"Deploy?"}`)
	token := l.token("s-dana", "dana@example.com", "Dana")
	nonce := formNonce.FindStringSubmatch(string(k.as(token, "open").body))[1]
	form := url.Values{"decision": {"approved"}, "approver": {"Typed"}, "nonce": {nonce}}
	n.post(k.path("open"), formMedia, form.Encode(), "X-Who", token).is(http.StatusOK)
	if got := k.got(); len(got) != 1 || !strings.Contains(got[0], `"approver":"Typed","typed":true,"verified":null`) {
		t.Errorf("Step Functions got %q", got)
	}
}

// Who uses a link after its approver has decided is not taken for them, before the end or
// after it; and a link of nobody's takes one decision.
func TestUsedByAnother(t *testing.T) {
	l := newLogin(t)
	n := l.guarded(t)
	dana, lee := l.token("s-dana", "dana@example.com", "Dana"), l.token("s-lee", "lee@example.com", "Lee")
	for name, links := range map[string]string{
		"an approver's": `{"one":{"type":"approval","approver":{"name":"Dana","email":"dana@example.com"}},"two":{"type":"approval"}}`,
		"nobody's":      `{"one":{"type":"approval"},"two":{"type":"approval"}}`,
	} {
		k := n.on(t).register("links", links, "approval", `{"title":"Deploy?","verify":"required","required":2}`)
		k.shows(k.decide(dana, "one"), http.StatusOK, "Your approval has been counted", "You approved")
		k.shows(k.decide(dana, "one"), http.StatusOK, "Your approval has been counted") // again
		for who, token := range map[string]string{"lee": lee, "nobody": ""} {
			k.shows(k.as(token, "one"), http.StatusForbidden, "Dana (dana@example.com)</bdi> approved")
			got := k.decide(token, "one")
			k.shows(got, http.StatusForbidden, "Dana (dana@example.com)</bdi> approved")
			if strings.Contains(string(got.body), "You approved") || strings.Contains(string(got.body), "<form") {
				t.Errorf("%s, %s is taken for Dana: %s", name, who, got.body)
			}
		}
		k.decide(lee, "two").is(http.StatusOK)
		got := k.as("", "one")
		k.shows(got, http.StatusOK, "This was approved")
		if strings.Contains(string(got.body), "You approved") {
			t.Errorf("%s, nobody is taken for Dana at the end: %s", name, got.body)
		}
		form := url.Values{"decision": {"approved"}, "nonce": {"x"}}
		n.post(k.path("one"), formMedia, form.Encode()).is(http.StatusConflict)
		k.shows(k.as(dana, "one"), http.StatusOK, "You approved")
		if got := k.got(); len(got) != 1 || strings.Count(got[0], `"subject":"s-dana"`) != 1 {
			t.Errorf("%s: Step Functions got %q", name, got)
		}
	}
}

// Whoever must not decide is excluded, also if the proxy does not say who they are by what the
// registration names them.
func TestNotBy(t *testing.T) {
	l := newLogin(t)
	n := l.guarded(t)
	for name, c := range map[string]struct {
		notBy, token string
		want         int
	}{
		"by address":               {`["ana@example.com"]`, l.token("s-ana", "ana@example.com", "Ana"), 403},
		"blanks around it":         {`["ana@example.com"]`, l.token("s-ana", " ANA@example.com ", "Ana"), 403},
		"no address in the token":  {`["ana@example.com"]`, l.token("s-ana", "", "Ana"), 403},
		"by subject":               {`["s-ana"]`, l.token("s-ana", "", "Ana"), 403},
		"somebody else":            {`["ana@example.com","s-ana"]`, l.token("s-lee", "lee@example.com", "Lee"), 200},
		"of whom only the subject": {`["s-ana"]`, l.token("s-lee", "", "Lee"), 200},
	} {
		k := n.on(t).register("links", `{"open":{"type":"approval"}}`, "approval", `{"title":"Deploy?","verify":"required","notBy":`+c.notBy+`}`)
		if got := k.decide(c.token, "open"); got.status != c.want || len(k.got()) > 0 != (c.want == 200) {
			t.Errorf("%s: %d, Step Functions got %q", name, got.status, k.got())
		}
	}
}

// While nobody can be verified, the page says that it is a fault of ours, and what was typed
// is kept; nothing is decided.
func TestVerifierUnavailable(t *testing.T) {
	l := newLogin(t)
	n := l.guarded(t)
	k := n.register("links", `{"open":{"type":"approval"}}`, "approval", `{"title":"Deploy?","verify":"required"}`)
	dana := l.token("s-dana", "dana@example.com", "Dana")
	l.lost = true
	k.shows(k.as(dana, "open"), http.StatusServiceUnavailable, "Something went wrong on our side")
	l.lost, l.off = false, true
	k.shows(k.as(dana, "open"), http.StatusServiceUnavailable, "Something went wrong on our side")
	form := url.Values{"decision": {"approved"}, "comment": {"Fine with me."}}
	k.shows(n.post(k.path("open"), formMedia, form.Encode(), "Accept", "text/html", "X-Who", dana), http.StatusServiceUnavailable, "Fine with me.")
	if len(k.got()) > 0 {
		t.Errorf("decided: %q", k.got())
	}
	// Repeating the registration finds it, but another one is refused.
	n.call(http.MethodPost, "/v1/callbacks", `{"taskToken":`+quoted(k.taskToken)+`,"links":{"open":{"type":"approval"}},"approval":{"title":"Deploy?","verify":"required"}}`).is(http.StatusOK)
	p := n.call(http.MethodPost, "/v1/callbacks", `{"taskToken":"t","links":{"open":{"type":"approval"}},"approval":{"title":"Deploy?","verify":"required"}}`).
		isProblem(http.StatusBadRequest, "invalid-request")
	if fields(p) != "approval.verify" {
		t.Errorf("complains about %q", fields(p))
	}
}

func TestVerifiedMistakes(t *testing.T) {
	l := newLogin(t)
	n := l.guarded(t)
	for name, c := range map[string]struct{ link, approval, want string }{
		"another word":            {`"approver":"Dana"`, `"verify":"optional"`, "approval.verify"},
		"a name alone":            {`"approver":"Dana"`, `"verify":"required"`, "links.dana.approver"},
		"a mail without verify":   {`"approver":{"name":"Dana","email":"dana@example.com"}`, `"comment":"none"`, "links.dana.approver.email"},
		"notBy without verify":    {`"approver":"Dana"`, `"notBy":["ana@example.com"]`, "approval.notBy"},
		"notBy of nothing":        {`"approver":{"email":"dana@example.com"}`, `"verify":"required","notBy":[" "]`, "approval.notBy"},
		"notBy of the approver":   {`"approver":{"email":"dana@example.com"}`, `"verify":"required","notBy":["Dana@example.com"]`, "links.dana.approver.email"},
		"blanks around notBy":     {`"approver":{"email":"dana@example.com"}`, `"verify":"required","notBy":[" ana@example.com"]`, "approval.notBy"},
		"blanks around a subject": {`"approver":{"email":"dana@example.com"}`, `"verify":"required","notBy":["s-ana "]`, "approval.notBy"},
		"a name with an address":  {`"approver":{"email":"dana@example.com"}`, `"verify":"required","notBy":["Ana <ana@example.com>"]`, "approval.notBy"},
		"one address, no names":   {`"approver":{"email":"LEE@example.com"}`, `"verify":"required","required":2`, "links.lee.approver"},
		"too many":                {`"approver":{"email":"dana@example.com"}`, `"verify":"required","notBy":[` + strings.Repeat(`"a",`, 20) + `"a"]`, "approval.notBy"},
		"no mail address":         {`"approver":{"email":"dana"}`, `"verify":"required"`, "links.dana.approver.email"},
		"two addresses":           {`"approver":{"email":"dana@example.com,lee@example.com"}`, `"verify":"required"`, "links.dana.approver.email"},
		"long":                    {`"approver":{"email":"` + strings.Repeat("x", 250) + `@example.com"}`, `"verify":"required"`, "links.dana.approver.email"},
		"misspelt":                {`"approver":{"mail":"dana@example.com"}`, `"verify":"required"`, "links.dana.approver.mail"},
		"a number":                {`"approver":5`, `"verify":"required"`, "links.dana.approver"},
		"a list":                  {`"approver":["Dana"]`, `"verify":"required"`, "links.dana.approver"},
		"one address, two names":  {`"approver":{"name":"Dana","email":"lee@example.com"}`, `"verify":"required"`, "links.lee.approver"},
	} {
		body := `{"taskToken":"t","links":{"dana":{"type":"approval",` + c.link + `},"lee":{"type":"approval","approver":{"name":"Lee","email":"lee@example.com"}}},"approval":{"title":"?",` + c.approval + `}}`
		got := n.on(t).call(http.MethodPost, "/v1/callbacks", body)
		if got.status != http.StatusBadRequest || !strings.Contains(string(got.body), `"field":"`+c.want+`"`) {
			t.Errorf("%s: %d, %s, want %s", name, got.status, got.body, c.want)
		}
	}
}

// Two links without names that have one mail address are one person, who counts once.
func TestOneAddressOnTwoLinks(t *testing.T) {
	n := newLogin(t).guarded(t)
	p := n.call(http.MethodPost, "/v1/callbacks", `{"taskToken":"t","links":{"a":{"type":"approval","approver":{"email":"dana@example.com"}},"b":{"type":"approval","approver":{"email":"dana@example.com"}}},"approval":{"title":"?","verify":"required","required":2}}`).
		isProblem(http.StatusBadRequest, "invalid-request")
	if fields(p) != "links.b.approver" {
		t.Errorf("complains about %q: %s", fields(p), p.Detail)
	}
}

// A link that is added is checked as one of the registration.
func TestVerifiedLinkIsAdded(t *testing.T) {
	l := newLogin(t)
	n := l.guarded(t)
	k := n.register("links", `{"dana":{"type":"approval","approver":{"name":"Dana","email":"dana@example.com"}}}`, "approval", `{"title":"Deploy?","verify":"required"}`)
	p := n.call(http.MethodPost, "/v1/callbacks/"+k.ID+"/links", `{"name":"kim","type":"approval","approver":"Kim"}`).isProblem(http.StatusBadRequest, "invalid-request")
	if fields(p) != "approver" {
		t.Errorf("complains about %q", fields(p))
	}
	n.call(http.MethodPost, "/v1/callbacks/"+k.ID+"/links", `{"name":"kim","type":"approval","approver":{"name":"Kim","email":"kim@example.com"}}`).is(http.StatusCreated)
	n.call(http.MethodGet, "/v1/callbacks/"+k.ID, "").decode(&k.Callback)
	again := n.call(http.MethodPost, "/v1/callbacks/"+k.ID+"/links", `{"name":"more","type":"approval","approver":{"name":"Lee","email":"DANA@example.com"}}`).isProblem(http.StatusBadRequest, "invalid-request")
	if fields(again) != "approver" {
		t.Errorf("complains about %q", fields(again))
	}
	k.decide(l.token("s-dana", "dana@example.com", "Dana"), "kim").is(http.StatusForbidden)
	k.shows(k.decide(l.token("s-kim", "kim@example.com", "Kim"), "kim"), http.StatusOK, "You approved this")
}

var _ relay.People = (*login)(nil)
