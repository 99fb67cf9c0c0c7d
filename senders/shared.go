package senders

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"strings"

	"callback-relay/publickeys"
)

// graph checks notifications of Microsoft Graph, each of which repeats the clientState
// of its subscription.
type graph struct{ keys []sharedKey }

func newGraph(s Spec, _ *publickeys.Cache, _ *mistakes) prover {
	return graph{sharedKeysOf(s.Secrets)}
}

// prove implements [prover].
func (g graph) prove(_ context.Context, r Request) ([]byte, error) {
	var all []members
	body, err := object(r)
	if err != nil || json.Unmarshal(body["value"], &all) != nil {
		return nil, unproven(Malformed, "the body is not a notification of Microsoft Graph")
	}
	if len(all) == 0 || len(all) > maxItems {
		return nil, unproven(Missing, "the body has no notifications, or too many")
	}
	held := true
	for _, one := range all {
		held = isShared(g.keys, scalar(one["clientState"])) && held
	}
	if !held {
		return nil, unproven(Signature, "a notification has another clientState")
	}
	return nil, checkNames(r.Body)
}

// sharedKeysOf returns the digests of secrets that are posted as they are.
func sharedKeysOf(secrets []string) []sharedKey {
	var all []sharedKey
	for _, secret := range secrets {
		all = append(all, sharedKey(sha256.Sum256([]byte(secret))))
	}
	return all
}

func isShared(keys []sharedKey, posted string) bool {
	found := false
	for _, key := range keys {
		found = posted != "" && key.signed(nil, [][]byte{[]byte(posted)}) || found
	}
	return found
}

// authorization checks a value in the header Authorization.
type authorization struct {
	keys      []sharedKey
	what      string
	parameter string                       // of the query, instead of the header; "" for none
	value     func(Request) (string, bool) // false if it cannot be right
}

// prove implements [prover].
func (a authorization) prove(_ context.Context, r Request) ([]byte, error) {
	if len(r.Header.Values("Authorization")) > 1 {
		return nil, unproven(Malformed, "the header Authorization is there more than once")
	}
	value, possible := a.value(r)
	if value == "" {
		return nil, unproven(Missing, a.what+" is missing")
	}
	if !isShared(a.keys, value) || !possible {
		return nil, unproven(Signature, a.what+" is not the right one")
	}
	return nil, nil
}

func newBasicAuth(s Spec, _ *publickeys.Cache, _ *mistakes) prover {
	users := sharedKeysOf([]string{s.User})
	return authorization{sharedKeysOf(s.Secrets), "the user name or the password in the header Authorization", "", func(r Request) (string, bool) {
		user, password, _ := basicAuth(r)
		return password, s.User == "" || isShared(users, user)
	}}
}

func newBearer(s Spec, _ *publickeys.Cache, _ *mistakes) prover {
	const parameter = "access_token"
	return authorization{sharedKeysOf(s.Secrets), "the access token", parameter, func(r Request) (string, bool) {
		if scheme, value, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
			return value, true
		}
		return r.Query.Get(parameter), true
	}}
}

// basicAuth returns what HTTP Basic authentication sends.
func basicAuth(r Request) (user, password string, ok bool) {
	return (&http.Request{Header: r.Header}).BasicAuth()
}
