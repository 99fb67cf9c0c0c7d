package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callback-relay/api"
	"callback-relay/client"
	"callback-relay/config"
	"callback-relay/relay"
	"callback-relay/stepfunctions/standin"
)

// readConfig reads a configuration file with this content.
func readConfig(t *testing.T, content string) (*config.File, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.ReadFile(path)
}

// How long the configuration file lets a hook keep events is what the relay allows.
func TestKeepOfHooks(t *testing.T) {
	const hook = "senders: {open: {proof: none, hook: {key: body.id%s}}}"
	for keep, want := range map[time.Duration]bool{
		relay.MinKeep: true, relay.MinKeep - 1: false, relay.MaxKeep: true, relay.MaxKeep + 1: false,
	} {
		f, err := readConfig(t, fmt.Sprintf(hook, ", keep: "+keep.String()))
		if (err == nil) != want || want && f.Hooks["open"].Keep != keep {
			t.Errorf("%s: %+v, %v", keep, f.Hooks, err)
		}
	}
	f, err := readConfig(t, fmt.Sprintf(hook, ""))
	if err != nil || f.Hooks["open"].Keep != relay.DefaultKeep {
		t.Errorf("%+v, %v", f.Hooks, err)
	}
}

// The hooks in use are those of the last file without mistakes. A sender whose hook is
// gone while an event is on its way is named until the hook is back.
func TestHooksOfTheFile(t *testing.T) {
	t.Setenv("SECRET_OF_A_SENDER", "sixteen characters")
	var warning string
	c := newConfigFile(nil, func(_ string, err error) {
		if warning = ""; err != nil {
			warning = err.Error()
		}
	}, slog.New(slog.DiscardHandler))
	use := func(senders ...string) {
		t.Helper()
		f, err := readConfig(t, "senders:\n  "+strings.Join(senders, "\n  "))
		if err != nil {
			t.Fatal(err)
		}
		c.use(f)
		c.warnOfMissed()
	}
	want := func(hooks, warned string) {
		t.Helper()
		var got []string
		for _, hook := range c.Hooks() {
			found, ok := c.Hook(hook.Name)
			if !ok || found != hook || (hook.Sender == nil) != (hook.Name == "open") || hook.Rule == nil {
				t.Errorf("%s: %+v, %t", hook.Name, found, ok)
			}
			got = append(got, hook.Name)
		}
		if strings.Join(got, " ") != hooks {
			t.Errorf("hooks %q, want %q", got, hooks)
		}
		if (warned == "") != (warning == "") || !strings.Contains(warning, warned) {
			t.Errorf("the warning is %q, want %q", warning, warned)
		}
		if _, found := c.Hook("other"); found {
			t.Error("a hook that is not in the file is found")
		}
	}
	const (
		open   = "open: {proof: none, hook: {key: body.id}}"
		hooked = "github: {preset: github, secrets: [{env: SECRET_OF_A_SENDER}], hook: {key: body.id, keep: 1h}}"
		plain  = "github: {preset: github, secrets: [{env: SECRET_OF_A_SENDER}]}"
	)
	want("", "")
	use(open, hooked)
	want("github open", "")
	if _, named := c.Named("open"); named {
		t.Error("links can name a sender that proves nothing")
	}

	use(open, plain)
	c.Missed("github")
	want("open", "these senders have no hook in the configuration file: github.")
	use(open)
	c.Missed("github")
	want("open", "their senders are not in the configuration file: github.")
	use(plain)
	c.Missed("github")
	c.Missed("open")
	want("", "their senders are not in the configuration file: open; posts get 503 or events wait, since these senders have no hook in the configuration file: github.")
	use(open, hooked)
	want("github open", "")
}

// Hooks change while the relay serves, by a signal or by the file alone: what a hook
// accepts and whose it is. The URL of a hook that is gone answers 404 until it is back, and
// a file with mistakes changes nothing.
func TestHooksAreReplaced(t *testing.T) {
	t.Parallel()
	for name, signal := range map[string]bool{"signal": true, "file": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConfigured(t, signal)
			const sender = "senders: {payments: {preset: header-secret, secrets: [{file: new}]%s}}\n"
			hooks := func(hook string) { c.write("config.yaml", fmt.Sprintf(sender, hook)) }
			keys, err := relay.ParseKeyRing(masterKey)
			c.must(err)
			url := publicURL + "/h/" + keys.HookKey("payments").Reveal()
			post := func(body string) answer {
				t.Helper()
				got, err := c.trySend(c.address, call{link: url, body: strings.NewReader(body), header: http.Header{
					"X-Callback-Secret": {"whsec_new_secret_of_payments"},
				}})
				c.must(err)
				return got
			}
			want := func(body string, status int, text string) {
				t.Helper()
				if got := post(body); got.status != status || !strings.Contains(got.body, text) {
					t.Errorf("%s: %d %s, want %d %s", body, got.status, got.body, status, text)
				}
			}
			c.wantProblem(post(`{"id":"k"}`), api.CodeNotFound)

			hooks(", hook: {key: body.id}")
			c.untilRead()
			want(`{"id":"k"}`, http.StatusOK, "kept")
			want(`{"other":"k"}`, http.StatusOK, "no-key")

			hooks(", hook: {key: body.other, accept: body.ok}")
			c.untilRead()
			want(`{"ok":true,"other":"k"}`, http.StatusOK, "kept")
			want(`{"ok":false,"other":"k"}`, http.StatusOK, "not-accepted")

			hooks(", hook: {key: body.other +}")
			c.untilRefused(1)
			c.wantWarning(checkConfigFile, `senders\.payments\.hook\.key: is not valid`)
			want(`{"ok":true,"other":"another"}`, http.StatusOK, "kept")

			hooks("")
			c.untilRead()
			c.wantProblem(post(`{"ok":true,"other":"third"}`), api.CodeNotFound)
			hooks(", hook: {key: body.id}")
			c.untilRead()
			want(`{"id":"k"}`, http.StatusOK, "duplicate")
		})
	}
}

// Row 113: a hook leaves the file, alone or with its sender, while a callback awaits its events.
// Posts get 503, before and after a restart, and the operator is told, until it is back.
func TestHookLeavesTheFile(t *testing.T) {
	t.Parallel()
	const (
		sender = "payments: {preset: header-secret, secrets: [{file: new}]%s}"
		other  = "open: {proof: none, hook: {key: body.id}}"
		body   = `{"id":"k"}`
	)
	for name, gone := range map[string]struct{ file, warning string }{
		"the hook":   {fmt.Sprintf(sender, "") + ", " + other, "these senders have no hook in the configuration file: payments"},
		"the sender": {other, "their senders are not in the configuration file: payments"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConfigured(t, true)
			keys, err := relay.ParseKeyRing(masterKey)
			c.must(err)
			post := func(hook string) answer {
				t.Helper()
				got, err := c.trySend(c.address, call{
					link: publicURL + "/h/" + keys.HookKey(hook).Reveal(), body: strings.NewReader(body),
					header: http.Header{"X-Callback-Secret": {"whsec_new_secret_of_payments"}},
				})
				c.must(err)
				return got
			}
			wantMissed := func() {
				t.Helper()
				for range 2 {
					got := post("payments")
					c.wantProblem(got, api.CodeUnavailable)
					if got.header.Get("Retry-After") == "" {
						t.Error("no Retry-After")
					}
				}
				c.wantProblem(post("open2"), api.CodeNotFound)
				c.wantWarning(checkSenders, gone.warning)
			}
			c.write("config.yaml", "senders: {"+fmt.Sprintf(sender, ", hook: {key: body.id}")+"}\n")
			c.untilRead()
			private, err := client.New("http://"+c.process.private, testAPIKey)
			c.must(err)
			token := c.steps.NewTask(standin.TaskOptions{})
			cb, _, err := private.Create(t.Context(), api.CreateRequest{
				TaskToken: token, Awaits: map[string]api.AwaitRequest{"paid": {Sender: "payments", Key: json.RawMessage(`"k"`)}},
			})
			c.must(err)
			c.wantWarning(checkSenders, "")

			c.write("config.yaml", "senders: {"+gone.file+"}\n")
			c.untilRead()
			wantMissed()
			c.kill()
			c.process = c.launch("RELAY_CONFIG_FILE=" + filepath.Join(c.folder, "config.yaml"))
			c.read = 1
			c.wantWarning(checkSenders, "")
			wantMissed()
			private, err = client.New("http://"+c.process.private, testAPIKey)
			c.must(err)
			waiting, err := private.List(t.Context(), client.Query{Await: "payments:k"})
			if err != nil || len(waiting.Callbacks) != 1 || waiting.Callbacks[0].ID != cb.ID {
				t.Errorf("who waits: %+v, %v", waiting, err)
			}

			c.write("config.yaml", "senders: {"+fmt.Sprintf(sender, ", hook: {key: body.id}")+"}\n")
			c.untilRead()
			c.wantWarning(checkSenders, "")
			if got := post("payments"); got.status != http.StatusOK || !strings.Contains(got.body, "matched") {
				t.Errorf("once it is back: %d %s", got.status, got.body)
			}
			waits := task{cb, token}
			c.eventually("the task has got it", func() bool { return len(c.effects(waits)) > 0 })
			c.wantOutput(waits, body)
		})
	}
}
