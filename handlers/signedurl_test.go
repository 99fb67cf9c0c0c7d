package handlers_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"callback-relay/programs"
)

// opensslBase64 is an HMAC that another program makes, in base64.
func opensslBase64(t *testing.T, hash, secret, signed string) string {
	t.Helper()
	programs.Need(t, "openssl")
	cmd := exec.CommandContext(t.Context(), "openssl", "dgst", "-"+hash, "-mac", "HMAC", "-macopt", "hexkey:"+hex.EncodeToString([]byte(secret)), "-binary")
	cmd.Stdin = strings.NewReader(signed)
	out, err := cmd.Output()
	must(t, err)
	return base64.StdEncoding.EncodeToString(out)
}

// Row 99: senders that sign the URL sign the one of the registration, with the query that it
// was given there. A post to another spelling of the same link is not proven.
func TestSignedLinkURL(t *testing.T) {
	n := start(t, at(paymentTime))
	const (
		json  = "application/json"
		form  = "application/x-www-form-urlencoded"
		event = `{"event_id":"1"}`
		list  = `[{"eventId":1}]`
	)
	for name, c := range map[string]struct {
		contentType, body, header string
		sign                      func(t *testing.T, url string) string
		headers                   []string
	}{
		"twilio": {form, "MessageSid=SM1&MessageStatus=delivered&To=%2B1", "X-Twilio-Signature", func(t *testing.T, url string) string {
			return opensslBase64(t, "sha1", guardSecret, url+"MessageSidSM1MessageStatusdeliveredTo+1")
		}, nil},
		"hubspot": {json, list, "X-HubSpot-Signature-v3", func(t *testing.T, url string) string {
			return opensslBase64(t, "sha256", guardSecret, "POST"+url+list+fmt.Sprint(paymentTime*1000))
		}, []string{"X-HubSpot-Request-Timestamp", fmt.Sprint(paymentTime * 1000)}},
		"square": {json, event, "X-Square-HmacSha256-Signature", func(t *testing.T, url string) string {
			return opensslBase64(t, "sha256", guardSecret, url+event)
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			n := n.on(t)
			k := n.register("links", fmt.Sprintf(`{"default":{"type":"webhook","sender":{"preset":%q,"secret":%s},"otherwise":"succeed"}}`, name, quoted(guardSecret)))
			link := k.path("default")
			signature := c.sign(t, "https://relay.example.com"+link+"?a=1")
			post := func(where string) answer {
				return n.post(where, c.contentType, c.body, append([]string{c.header, signature}, c.headers...)...)
			}
			for _, other := range []string{
				link, link + "?a=2", link + "?a=%31", link + "?a=1&b=1", link + "?A=1", link + "?", link + ".?a=1", link + "/?a=1", "/" + link + "?a=1",
				strings.ToUpper(link) + "?a=1", "/c/" + strings.ToUpper(strings.TrimPrefix(link, "/c/")) + "?a=1",
			} {
				if got := post(other); got.status != http.StatusUnauthorized {
					t.Errorf("%s got %d", strings.ReplaceAll(other, link, "LINK"), got.status)
				}
			}
			if k.state() != "pending" {
				t.Fatalf("the callback is %s", k.state())
			}
			post(link + "?a=1").is(http.StatusOK)
			if k.state() != "delivered" {
				t.Errorf("the callback is %s", k.state())
			}
		})
	}
}

// Row 99: a genuine event with a text of a stranger is not proven when it is posted again,
// divided at another place into id, time and body.
func TestMovedBorders(t *testing.T) {
	n := start(t, at(paymentTime))
	const body = `{"id":"p1","input":{"prompt":"a.1700000100.status=succeeded&output=evil&rest="},"status":"starting"}`
	id, rest, _ := strings.Cut("msg_1.1700000000."+body, ".1700000100.")
	signature := "v1," + opensslBase64(t, "sha256", guardSecret, "msg_1.1700000000."+body)
	k := n.register("links", `{"default":{"type":"webhook","sender":{"preset":"replicate","secret":`+
		quoted("whsec_"+base64.StdEncoding.EncodeToString([]byte(guardSecret)))+`}}}`)
	n.post(k.path("default"), "application/x-www-form-urlencoded", rest, "webhook-id", id, "webhook-timestamp", "1700000100", "webhook-signature", signature).
		isProblem(http.StatusUnauthorized, "unproven")
	if k.state() != "pending" {
		t.Fatalf("the callback is %s", k.state())
	}
	n.post(k.path("default"), "application/json", body, "webhook-id", "msg_1", "webhook-timestamp", "1700000000", "webhook-signature", signature).
		tells("ignored", false)
}
