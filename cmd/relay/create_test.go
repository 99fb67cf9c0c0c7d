package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callback-relay/api"
	"callback-relay/config"
)

// registrationFile returns the path of a file with the content.
func registrationFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "registration.json")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestFromMistakes: an error says where a file is wrong, and shows no value of it.
func TestFromMistakes(t *testing.T) {
	t.Parallel()
	create := func(path string) error {
		_, err := (&createCommand{From: path}).request()
		return err
	}
	addLink := func(path string) error {
		_, err := (&addLinkCommand{Link: "a", From: path}).request()
		return err
	}
	const broken = "is not one JSON value; look for a missing or extra quote, comma or bracket here"
	for _, c := range []struct {
		name, content string
		read          func(path string) error
		want          string // behind the path, at least
	}{
		{"empty", ``, create, ":1:1: " + broken},
		{"not JSON", `links: CANARY`, create, ":1:1: " + broken},
		{"cut off", `{"links":{"CANARY":`, create, ":1:19: " + broken},
		{"in another line", "{\"onExpiry\": \"fail\",\n \"tags\": {\"CANÄRY\": \"1\",}}", create, ":2:25: " + broken},
		{"behind a byte order mark", "\ufeff{,}", create, ":1:2: " + broken},
		{"no UTF-8", "{\"a\":\n\"\xff\"}", create, ":2:2: is not UTF-8; save the file"},
		{"the character that stands for broken ones", "{\"onExpiry\":\"\ufffd\",}", create, ":1:17: " + broken},
		{"another registration behind it", `{"onExpiry":"fail"} {"onExpiry":"CANARY"}`, create, ":1:21: " + broken},
		{"a list", `["CANARY"]`, create, ": must be an object"},
		{"field that is not known", `{"approvals":{"title":"CANARY"}}`, create, ": approvals: is not a known field"},
		{"field of a sender that is not known", `{"links":{"a":{"type":"webhook","sender":{"sekret":"CANARY"}}}}`, create, ": links.a.sender.sekret: is not a known field"},
		{"field of the wrong type", `{"approval":{"required":"CANARY"}}`, create, ": approval.required: must be a whole number"},
		{"time that is none", `{"expiresAt":"CANARY"}`, create, ": expiresAt: must be an RFC 3339 time such as "},
		{"link: cut off", `{"type": `, addLink, ":1:9: " + broken},
		{"link: a list", `["CANARY"]`, addLink, ": must be an object"},
		{"link: wrong type", `{"type":7}`, addLink, ": type: must be a string"},
		{"link: not known", `{"aprover":"CANARY"}`, addLink, ": aprover: is not a known field"},
		{"link: sender", `{"type":"webhook","sender":["CANARY"]}`, addLink, ": sender: must be the name of a configured sender"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := registrationFile(t, c.content)
			err := c.read(path)
			wrong, ok := errors.AsType[*config.Mistake](err)
			if !ok || wrong.Setting != "--from" || !strings.HasPrefix(wrong.Problem, path+c.want) || strings.Contains(wrong.Problem, "CANARY") {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
	if err := create("no/such/file"); exitCode(err) != exitUsage || !strings.Contains(err.Error(), "--from: no/such/file: no such file") {
		t.Errorf("a file that is not there: %v", err)
	}
}

// TestFlagsWin: flags take precedence over the file, and a deadline flag of either
// form replaces the file's deadline.
func TestFlagsWin(t *testing.T) {
	t.Parallel()
	at := time.Date(2030, 1, 31, 12, 0, 0, 0, time.UTC)
	path := registrationFile(t, `{
		"taskToken": "of the file", "expiresIn": "7d", "onExpiry": "ignore", "tags": {"order": "42"},
		"links": {"dana": {"type": "approval", "approver": "Dana"}, "done": {"type": "success", "output": {"n": 12345678901234567890123}}},
		"approval": {"title": "Deploy?", "details": {"b": "1", "a": "2"}}
	}`)
	file := func() api.CreateRequest {
		return api.CreateRequest{
			TaskToken: "of the file", ExpiresIn: "7d", OnExpiry: "ignore", Tags: map[string]string{"order": "42"},
			Links: map[string]api.LinkRequest{
				"dana": {Type: "approval", Approver: api.Approver{Name: "Dana"}},
				"done": {Type: "success", Output: json.RawMessage(`{"n": 12345678901234567890123}`)},
			},
			Approval: &api.Approval{Title: "Deploy?", Details: json.RawMessage(`{"b": "1", "a": "2"}`)},
		}
	}
	for _, c := range []struct {
		name    string
		command createCommand
		want    func(*api.CreateRequest)
	}{
		{"no flags", createCommand{}, func(*api.CreateRequest) {}},
		{"duration", createCommand{ExpiresIn: "1h"}, func(r *api.CreateRequest) { r.ExpiresIn = "1h" }},
		{"time", createCommand{ExpiresAt: "2030-01-31T12:00:00Z"}, func(r *api.CreateRequest) { r.ExpiresIn, r.ExpiresAt = "", &at }},
		{"end", createCommand{OnExpiry: "fail"}, func(r *api.CreateRequest) { r.OnExpiry = "fail" }},
		{"tags", createCommand{Tag: map[string]string{"a": "b"}}, func(r *api.CreateRequest) { r.Tags = map[string]string{"a": "b"} }},
		{
			"links", createCommand{Link: map[string]string{"dana": "webhook", "beat": "heartbeat"}},
			func(r *api.CreateRequest) {
				r.Links["dana"], r.Links["beat"] = api.LinkRequest{Type: "webhook"}, api.LinkRequest{Type: "heartbeat"}
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.command.From = path
			got, err := c.command.request()
			if err != nil {
				t.Fatal(err)
			}
			want := file()
			c.want(&want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := (&createCommand{From: path, ExpiresAt: "soon"}).request(); exitCode(err) != exitUsage {
		t.Errorf("a time that is none: %v", err)
	}
}

// TestShow: people see who decided, whose link it is, which links are closed, and
// which codes to send separately.
func TestShow(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	cb := api.Callback{
		ID: "k5f2", State: api.StatePending, CreatedAt: at, ExpiresAt: at.Add(time.Hour), OnExpiry: api.OnExpiryFail,
		Links: map[string]api.Link{
			"dana": {Type: api.LinkApproval, Page: true, Approver: "Dana Okafor", URL: "https://r/a/1", Code: "012345"},
			"lee":  {Type: api.LinkApproval, Page: true, Approver: "Lee Brandt", URL: "https://r/a/2", Closed: true},
			"open": {Type: api.LinkApproval, Page: true, URL: "https://r/a/3"},
			"skip": {Type: api.LinkSuccess, Page: true, URL: "https://r/a/4"},
		},
		Decisions: []api.Decision{
			{Decision: api.DecisionApproved, By: api.Decider{Link: "dana", Approver: "Dana Okafor"}, At: at},
			{Decision: api.DecisionRejected, By: api.Decider{Link: "open", Approver: "Kim", Typed: true}, At: at.Add(time.Minute)},
			{Decision: api.DecisionApproved, By: api.Decider{
				Link: "lee", Approver: "Lee Brandt", Verified: &api.Person{Issuer: "https://login.example.com", Subject: "7f3a", Email: "lee@example.com"},
			}, At: at.Add(time.Hour)},
		},
	}
	const want = `id                                  k5f2
state                               pending
created                             2026-03-01T09:30:00Z
expires                             2026-03-01T10:30:00Z (then: fail)
approved                            by Dana Okafor on link dana, 2026-03-01T09:30:00Z
rejected                            by Kim (not verified) on link open, 2026-03-01T09:31:00Z
approved                            by Lee Brandt (verified: lee@example.com, 7f3a at https://login.example.com) on link lee, 2026-03-01T10:30:00Z
dana (approval, Dana Okafor)        https://r/a/1
dana's code                         012345 (send it separately from the link)
lee (approval, Lee Brandt, closed)  https://r/a/2
open (approval)                     https://r/a/3
skip (success page)                 https://r/a/4
`
	var out strings.Builder
	if err := (&remote{}).show(&out, cb); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
}
