package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"callback-relay/api"
	"callback-relay/relay"
)

// publicAddress is the address with which all links begin.
type publicAddress struct {
	url    *url.URL
	keys   *relay.KeyRing
	client http.RoundTripper // nil for a new one, with the environment's proxies
}

// errNotKnown marks a check without a result: what was known before still holds.
var errNotKnown = errors.New("try again in a moment")

// reach checks whether the address leads to a relay with these master keys: it
// sends a nonce to which only such a relay can respond. It follows no redirects,
// since most senders follow none. The error is errUnreachable without a response,
// and errNotKnown if the server is overloaded, which anybody can cause.
func (p publicAddress) reach(ctx context.Context) error {
	nonce := rand.Text()
	address := p.url.JoinPath("healthz")
	address.RawQuery = url.Values{"nonce": {nonce}}.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), http.NoBody)
	if err != nil {
		return err
	}
	client := p.client
	if client == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.DisableKeepAlives = true
		client = transport
	}
	response, err := client.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("RELAY_PUBLIC_URL %w from here, but may be reachable from outside: %s: %w", errUnreachable, p.url.Host, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxHealth))
	if err != nil {
		return fmt.Errorf("RELAY_PUBLIC_URL %w from here, but may be reachable from outside: %s: %w", errUnreachable, p.url.Host, err)
	}
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return fmt.Errorf("cannot check now whether RELAY_PUBLIC_URL leads to this relay: %s answers /healthz with status %d; %w",
			p.url.Host, response.StatusCode, errNotKnown)
	default:
		return fmt.Errorf("RELAY_PUBLIC_URL does not lead to this relay: %s answers /healthz with status %d; look at the ingress or the proxy in front of it",
			p.url.Host, response.StatusCode)
	}
	var health api.Health
	if err := json.Unmarshal(body, &health); err != nil || health.Proof == "" {
		return fmt.Errorf("RELAY_PUBLIC_URL does not lead to this relay: something else answers at %s", p.url.Host)
	}
	if !p.keys.Proves(nonce, health.Proof) {
		return errors.New("RELAY_PUBLIC_URL leads to another relay: the one at " + p.url.Host + " has other master keys")
	}
	return nil
}
