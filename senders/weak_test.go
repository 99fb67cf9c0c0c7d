package senders_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"callback-relay/programs"
	"callback-relay/senders"
)

// Mailgun signs only a time and a token. The time must be near, and nothing may be moved
// from one to the other, which would make another event of the same signature.
func TestMailgun(t *testing.T) {
	programs.Need(t, "openssl")
	const now = 1_700_000_000
	sender, err := senders.New(senders.Spec{Preset: "mailgun", Secrets: []string{"key-of-the-account"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		signed, timestamp, token string
		want                     senders.Reason
	}{
		"now":             {"1700000000abc", "1700000000", "abc", ""},
		"a retry":         {"1699971200abc", "1699971200", "abc", ""},
		"long ago":        {"1600000000abc", "1600000000", "abc", senders.Stale},
		"a moved digit":   {"17000000004abc", "170000000", "04abc", senders.Malformed},
		"a moved letter":  {"1700000000abc", "1700000000a", "bc", senders.Malformed},
		"another token":   {"1700000000abc", "1700000000", "abd", senders.Signature},
		"without a token": {"1700000000", "1700000000", "", senders.Malformed},
	} {
		sign := exec.CommandContext(t.Context(), "openssl", "dgst", "-sha256", "-hmac", "key-of-the-account")
		sign.Stdin = strings.NewReader(c.signed)
		out, err := sign.Output()
		if err != nil {
			t.Fatal(err)
		}
		_, signature, _ := strings.Cut(strings.TrimSpace(string(out)), "= ")
		body := fmt.Sprintf(`{"signature":{"timestamp":%q,"token":%q,"signature":%q},"event-data":{}}`, c.timestamp, c.token, signature)
		err = sender.Check(t.Context(), senders.Request{Method: http.MethodPost, Header: http.Header{}, Body: []byte(body), Now: time.Unix(now, 0)})
		wrong, _ := errors.AsType[*senders.UnprovenError](err)
		if c.want == "" && err != nil || c.want != "" && (wrong == nil || wrong.Reason != c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// A secret that people choose must not be easy to guess, whichever preset uses it.
func TestShortSecrets(t *testing.T) {
	for _, p := range senders.Presets() {
		if !p.ChosenByRelay {
			continue
		}
		for secret, good := range map[string]bool{"x": false, strings.Repeat("x", 15): false, strings.Repeat("x", 16): true} {
			if _, err := senders.New(senders.Spec{Preset: p.Name, Secrets: []string{secret}}); (err == nil) != good {
				t.Errorf("%s with %d characters: %v", p.Name, len(secret), err)
			}
		}
	}
}

// adyenItem is a notification whose item was signed as these fields say.
func adyenItem(t *testing.T, signed, item string) vector {
	t.Helper()
	signature := base64.StdEncoding.EncodeToString(opensslHMAC(t, "sha256", tokenHex, signed))
	body := `{"notificationItems":[{"NotificationRequestItem":{"additionalData":{"hmacSignature":"` + signature + `"},` + item + `}}]}`
	return vector{Sender: "adyen", Secret: tokenHex, Body: body, ContentType: "application/json", Headers: map[string]string{}}
}

// Row 99: a signature in a body proves the values that count. None of them can be given twice,
// in another charset or at another place of the signed text, so that a genuine signature
// proves something else.
func TestSignaturesInBodies(t *testing.T) {
	programs.Need(t, "openssl")
	const fields = `"pspReference":"7914","merchantAccountCode":"Shop","merchantReference":"a","amount":{"value":1000,"currency":"EUR"},"eventCode":"AUTHORISATION"`
	const signed = "7914::Shop:a:1000:EUR:AUTHORISATION:false"
	good := adyenItem(t, signed, fields+`,"success":"false"`)
	if err := good.check(t); err != nil {
		t.Fatal(err)
	}
	with := func(change func(*vector)) vector {
		v := good
		v.Headers = map[string]string{}
		change(&v)
		return v
	}
	for name, c := range map[string]struct {
		v    vector
		want senders.Reason
	}{
		"another value":       {with(func(v *vector) { v.Body = strings.Replace(v.Body, `"false"`, `"true"`, 1) }), senders.Signature},
		"a value given twice": {with(func(v *vector) { v.Body = strings.Replace(v.Body, `"success"`, `"success":"true","success"`, 1) }), senders.Malformed},
		"the list twice": {with(func(v *vector) {
			v.Body = `{"notificationItems":[{"NotificationRequestItem":{"success":"true"}}],` + v.Body[1:]
		}), senders.Malformed},
		"an item beside a signed one": {with(func(v *vector) {
			v.Body = strings.Replace(v.Body, `[{`, `[{"NotificationRequestItem":{"success":"true"}},{`, 1)
		}), senders.Missing},
		"in another charset": {with(func(v *vector) {
			// Rules would see one character where the proof sees two bytes. The second may
			// be a backslash, and then the string ends elsewhere.
			v.Body = `{"x":"` + "\x81\x5c\x5c" + `",` + v.Body[1:]
			v.ContentType = "application/json; charset=shift_jis"
		}), senders.Malformed},
		"as a form":             {with(func(v *vector) { v.Body += "="; v.ContentType = formType }), senders.Malformed},
		"with a compression":    {with(func(v *vector) { v.Headers["Content-Encoding"] = "gzip" }), senders.Malformed},
		"a moved colon":         {adyenItem(t, "7914::Shop:a:1:EUR:AUTHORISATION:true:250:EUR:AUTHORISATION:false", strings.Replace(fields, "1000", "1", 1)+`,"success":"true:250:EUR:AUTHORISATION:false"`), senders.Malformed},
		"a colon where it may":  {adyenItem(t, "7914::Shop:a:b:1000:EUR:AUTHORISATION:true", strings.Replace(fields, `"a"`, `"a:b"`, 1)+`,"success":"true"`), ""},
		"no items":              {with(func(v *vector) { v.Body = `{"notificationItems":[]}` }), senders.Missing},
		"very many items":       {with(func(v *vector) { v.Body = `{"notificationItems":[` + strings.Repeat("{},", 300) + `{}]}` }), senders.Malformed},
		"very deep":             {with(func(v *vector) { v.Body = strings.Repeat("[", 200_000) }), senders.Malformed},
		"an event of Graph too": {vector{Sender: "microsoft-graph", Secret: longText, Body: `{"value":[{"clientState":"` + longText + `"},{}]}`, ContentType: "application/json"}, senders.Signature},
		"a state given twice":   {vector{Sender: "microsoft-graph", Secret: longText, Body: `{"value":[{"clientState":"x","clientState":"` + longText + `"}]}`, ContentType: "application/json"}, senders.Malformed},
		"no event of Graph":     {vector{Sender: "microsoft-graph", Secret: longText, Body: `{"value":[]}`, ContentType: "application/json"}, senders.Missing},
	} {
		if got := reasonOf(t, c.v.check(t)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// Row 99: Dropbox Sign signs a time and a type as one text, which cannot be divided at
// another place, and the field must be the one that rules see.
func TestDropboxSign(t *testing.T) {
	programs.Need(t, "openssl")
	hash := hex.EncodeToString(opensslHMAC(t, "sha256", hex.EncodeToString([]byte(longText)), "1700000000signed"))
	event := func(at, kind string) string {
		return fmt.Sprintf(`{"event":{"event_time":%q,"event_type":%q,"event_hash":%q}}`, at, kind, hash)
	}
	part := func(name, value string) string {
		return "--X\r\nContent-Disposition: form-data; name=" + name + "\r\n\r\n" + value + "\r\n"
	}
	for name, c := range map[string]struct {
		body string
		want senders.Reason
	}{
		"the field":               {part("json", event("1700000000", "signed")) + "--X--", ""},
		"beside another":          {part("a", "1") + part("json", event("1700000000", "signed")) + "--X--", ""},
		"another type":            {part("json", event("1700000000", "declined")) + "--X--", senders.Signature},
		"divided elsewhere":       {part("json", event("1700000000s", "igned")) + "--X--", senders.Malformed},
		"divided in the time":     {part("json", event("170000000", "0signed")) + "--X--", senders.Malformed},
		"given twice":             {part("json", event("1700000000", "signed")) + part("json", event("1700000000", "signed")) + "--X--", senders.Malformed},
		"a type that comes twice": {part("json", strings.Replace(event("1700000000", "signed"), `"event_type"`, `"event_type":"declined","event_type"`, 1)) + "--X--", senders.Malformed},
		"no field":                {part("a", "1") + "--X--", senders.Malformed},
		"no end":                  {part("json", event("1700000000", "signed")), senders.Malformed},
		"no signature":            {part("json", `{"event":{"event_time":"1700000000","event_type":"signed"}}`) + "--X--", senders.Missing},
	} {
		v := vector{Sender: "dropbox-sign", Secret: longText, Body: c.body, ContentType: "multipart/form-data; boundary=X"}
		if got := reasonOf(t, v.check(t)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		// What is unpacked would be another form than the one that was proven.
		v.Headers = map[string]string{"Content-Encoding": "gzip"}
		if got := reasonOf(t, v.check(t)); got != senders.Malformed {
			t.Errorf("%s, compressed: %q", name, got)
		}
	}
}

// Row 99: a shared value must be in its one place, and be the whole value.
func TestSharedValues(t *testing.T) {
	basic := func(user, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	for name, c := range map[string]struct {
		preset, url string
		headers     map[string]string
		want        senders.Reason
	}{
		"the user and the password": {"basic-auth", "", map[string]string{"Authorization": basic("dana", longText)}, ""},
		"another user":              {"basic-auth", "", map[string]string{"Authorization": basic("lee", longText)}, senders.Signature},
		"another password":          {"basic-auth", "", map[string]string{"Authorization": basic("dana", longText+"x")}, senders.Signature},
		"no password":               {"basic-auth", "", map[string]string{"Authorization": basic("dana", "")}, senders.Missing},
		"nothing":                   {"basic-auth", "", nil, senders.Missing},
		"a token instead":           {"basic-auth", "", map[string]string{"Authorization": "Bearer " + longText}, senders.Missing},
		"a token":                   {"cloudevents", "", map[string]string{"Authorization": "bearer " + longText}, ""},
		"a token in the URL":        {"cloudevents", "https://r.example/c/1?access_token=a+secret+of+at+least+16+characters", nil, ""},
		"another token":             {"cloudevents", "https://r.example/c/1?access_token=x", nil, senders.Signature},
		"no token":                  {"cloudevents", "", nil, senders.Missing},
		"a part of the value":       {"header-secret", "", map[string]string{"X-Callback-Secret": longText[:20]}, senders.Signature},
		"more than the value":       {"header-secret", "", map[string]string{"X-Callback-Secret": longText + ", x"}, senders.Signature},
		"an empty value":            {"header-secret", "", map[string]string{"X-Callback-Secret": ""}, senders.Missing},
		"in the body":               {"header-secret", "", nil, senders.Missing},
	} {
		v := vector{Sender: c.preset, Secret: longText, Body: `{"X-Callback-Secret":"` + longText + `"}`, URL: c.url, Headers: c.headers}
		if c.preset == "basic-auth" {
			v.spec.User = "dana"
		}
		if got := reasonOf(t, v.check(t)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	sender, err := senders.New(senders.Spec{Preset: "basic-auth", Secrets: []string{longText}})
	must(t, err)
	twice := http.Header{"Authorization": {basic("dana", longText), basic("lee", "x")}}
	if got := reasonOf(t, sender.Check(t.Context(), senders.Request{Header: twice, Body: []byte("{}")})); got != senders.Malformed {
		t.Errorf("two headers: %q", got)
	}
}

// Every preset says in which headers and parameters its sender posts a shared value, and so
// does a proof of somebody's own.
func TestSecretPlaces(t *testing.T) {
	type places struct{ headers, parameters []string }
	want := map[string]places{
		"gitlab": {headers: []string{"x-gitlab-token"}}, "header-secret": {headers: []string{"x-callback-secret"}},
		"basic-auth": {headers: []string{"authorization"}}, "eventbridge": {headers: []string{"x-api-key"}},
		"okta":        {headers: []string{"x-okta-secret"}},
		"cloudevents": {headers: []string{"authorization"}, parameters: []string{"access_token"}},
		"event-grid":  {headers: []string{"x-event-grid-secret"}}, "telegram": {headers: []string{"x-telegram-bot-api-secret-token"}},
	}
	check := func(name string, spec senders.Spec, want places) {
		t.Helper()
		sender, err := senders.New(spec)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		headers, parameters := sender.SecretPlaces()
		if !slices.Equal(headers, want.headers) || !slices.Equal(parameters, want.parameters) {
			t.Errorf("%s: %q and %q, want %q", name, headers, parameters, want)
		}
	}
	for _, p := range senders.Presets() {
		spec := senders.Spec{Preset: p.Name, Secrets: []string{tokenHex + "0011223344556677"}}
		switch p.Name {
		case "sns":
			spec.Account, spec.Secrets = snsTopic, nil
		case "fal":
			spec.Account, spec.Secrets = falUser, nil
		case "sendgrid":
			spec.Secrets = []string{sendgridKey}
		}
		check(p.Name, spec, want[p.Name])
	}
	check("a signing token of GitLab", senders.Spec{Preset: "gitlab", Secrets: []string{"whsec_" + tokenText}}, places{})
	check("both", senders.Spec{Preset: "gitlab", Secrets: []string{longText, "whsec_" + tokenText}}, want["gitlab"])
	check("a chosen header", senders.Spec{Preset: "header-secret", Header: "X-Job", Secrets: []string{longText}}, places{headers: []string{"x-job"}})
	check("own headers", sharedIn(longText, "X-Job", "X-Jobs-*"), places{headers: []string{"x-job", "x-jobs-*"}})
	check("an own parameter", senders.Spec{Secrets: []string{longText}, Proof: &senders.Proof{Algorithm: "shared-secret", Query: "Key"}}, places{parameters: []string{"Key"}})
	check("an own signature", signedOver(longText, "body"), places{})
}
