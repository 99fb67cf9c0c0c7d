package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"callback-relay/api"
	"callback-relay/client"
	"callback-relay/config"
	"callback-relay/programs"
	"callback-relay/stepfunctions/standin"
)

// configured is a relay with a configuration file, and a link whose sender is in it.
type configured struct {
	*world
	*process
	folder string
	signal bool // changes are announced by SIGHUP; otherwise the relay must notice
	read   int  // how often the file was read
	task   task
}

const configuredSenders = "senders: {payments: {preset: stripe, secrets: [SECRETS]}}\n"

const configRead = `"msg":"configuration file read"`

// newConfigured starts a relay whose file has the secret old.
func newConfigured(t *testing.T, signal bool) *configured {
	t.Helper()
	programs.Need(t, "openssl")
	c := &configured{world: newWorld(t, startStandalone(t), 0), folder: t.TempDir(), signal: signal}
	c.write("old", "whsec_old_secret_of_payments\n")
	c.write("new", "whsec_new_secret_of_payments\n")
	c.secrets("{file: old}")
	c.process = c.launch("RELAY_CONFIG_FILE=" + filepath.Join(c.folder, "config.yaml"))
	c.read = c.logged(configRead)
	api, err := client.New("http://"+c.process.private, testAPIKey)
	c.must(err)
	request := c.request(`"payments"`)
	cb, _, err := api.Create(t.Context(), request)
	c.must(err)
	c.task = task{cb, request.TaskToken}
	return c
}

// request is a registration with a sender.
func (c *configured) request(sender string) api.CreateRequest {
	r := api.CreateRequest{TaskToken: c.steps.NewTask(standin.TaskOptions{}), Links: map[string]api.LinkRequest{}}
	payments(&r)
	paid := r.Links["paid"]
	paid.Sender = json.RawMessage(sender)
	r.Links["paid"] = paid
	return r
}

// write replaces a file in one step, as an orchestrator does.
func (c *configured) write(name, content string) {
	c.Helper()
	path := filepath.Join(c.folder, name)
	c.must(os.WriteFile(path+".next", []byte(content), 0o600))
	c.must(os.Rename(path+".next", path))
}

// secrets makes the file hold the sender with these references.
func (c *configured) secrets(references string) {
	c.Helper()
	c.write("config.yaml", strings.ReplaceAll(configuredSenders, "SECRETS", references))
}

// announce tells the relay that something has changed, unless it must notice itself.
func (c *configured) announce() {
	c.Helper()
	if c.signal {
		c.must(c.cmd.Process.Signal(syscall.SIGHUP))
	}
}

// untilRead waits until the relay uses what was written.
func (c *configured) untilRead() {
	c.Helper()
	c.announce()
	c.read++
	c.eventually("the file is read", func() bool { return c.logged(configRead) == c.read })
}

// untilRefused waits until the relay has found mistakes in what was written.
func (c *configured) untilRefused(times int) {
	c.Helper()
	c.announce()
	c.eventually("the file is refused", func() bool { return c.logged(`"msg":"configuration file has mistakes`) == times })
}

// logged is how often the log has a text.
func (c *configured) logged(text string) int { return strings.Count(c.log.String(), text) }

// post posts an event that changes nothing, signed with a secret.
func (c *configured) post(secret string) answer {
	c.Helper()
	event := payment{"evt_1", "created", "pi_1", 1, "", false}
	got, err := c.trySend(c.address, event.signed(c.T, c.task.Links["paid"].URL, "whsec_"+secret+"_secret_of_payments"))
	c.must(err)
	return got
}

func (c *configured) wantProven(secrets ...string) {
	c.Helper()
	for _, secret := range secrets {
		c.wantTaken(c.post(secret), c.task, api.StatusIgnored, false)
	}
}

// wantWarning waits until /readyz has a warning of the check whose reason matches, or none
// if the reason is "".
func (c *configured) wantWarning(check, reason string) {
	c.Helper()
	c.eventually(fmt.Sprintf("/readyz has the warning %s: %q", check, reason), func() bool {
		response, err := http.Get("http://" + c.process.private + "/readyz")
		c.must(err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		c.must(err)
		var health api.Health
		c.must(json.Unmarshal(body, &health))
		if response.StatusCode != http.StatusOK {
			return false
		}
		i := slices.IndexFunc(health.Warnings, func(w api.Warning) bool { return w.Check == check })
		if i < 0 || reason == "" {
			return i < 0 && reason == ""
		}
		return regexp.MustCompile(reason).MatchString(health.Warnings[i].Reason)
	})
}

// Row 104: the secret of a configured sender is replaced while the relay serves, by a
// signal or by the file alone, and nothing that its sender posts is refused in between.
func TestSenderSecretIsReplaced(t *testing.T) {
	t.Parallel()
	for name, signal := range map[string]bool{"signal": true, "file": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConfigured(t, signal)
			c.wantProven("old")
			c.wantProblem(c.post("new"), api.CodeUnproven)

			c.secrets("{file: old}, {file: new}")
			c.untilRead()
			c.wantProven("old", "new")

			c.secrets("{file: new}")
			c.untilRead()
			c.wantProven("new")
			c.wantProblem(c.post("old"), api.CodeUnproven)

			// The secret's file alone changes.
			c.write("new", "whsec_third_secret_of_payments\n")
			c.untilRead()
			c.wantProven("third")
			c.wantProblem(c.post("new"), api.CodeUnproven)
			if c.logged("secret_of_payments") > 0 {
				t.Errorf("the log shows a secret:\n%s", c.log)
			}
		})
	}
}

// A file with mistakes changes nothing. A sender that is no longer in the file can come
// back: until then its posts get 503, and readiness names it.
func TestConfigFileGoesWrong(t *testing.T) {
	t.Parallel()
	for name, signal := range map[string]bool{"signal": true, "file": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConfigured(t, signal)
			c.wantWarning(checkConfigFile, "")

			c.write("config.yaml", "senders: {payments: {preset: strip, secrets: [{env: NOT_SET}]}}\n")
			c.untilRefused(1)
			c.wantProven("old")
			c.wantWarning(checkConfigFile, `config\.yaml:1:30: senders\.payments\.preset: "strip" is unknown.* \(and 1 more`)
			c.must(c.cmd.Process.Signal(syscall.SIGHUP)) // the same mistakes are not logged again
			c.eventually("nothing has changed", func() bool { return c.logged(`"msg":"configuration file unchanged, and it still has mistakes"`) == 1 })
			c.wantWarning(checkConfigFile, "is unknown")

			c.secrets("{file: old}, {file: gone}")
			c.untilRefused(2)
			c.wantProven("old")
			c.wantWarning(checkConfigFile, "gone")
			c.must(os.Remove(filepath.Join(c.folder, "config.yaml")))
			c.untilRefused(3)
			c.wantProven("old")
			c.wantWarning(checkConfigFile, "no such file")

			c.write("config.yaml", "senders:\n")
			c.untilRead()
			c.wantWarning(checkConfigFile, "")
			c.wantWarning(checkSenders, "")
			got := c.post("old")
			c.wantProblem(got, api.CodeUnavailable)
			if got.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			c.wantWarning(checkSenders, "payments")

			c.secrets("{file: old}")
			c.untilRead()
			c.wantProven("old")
			c.eventually("the warning ends", func() bool { return c.logged(`"msg":"check passes again","check":"senders"`) == 1 })
			c.wantWarning(checkSenders, "")
			if n := c.logged(`"msg":"configuration file has mistakes`); n != 3 {
				t.Errorf("mistakes were logged %d times, want 3", n)
			}
		})
	}
}

// A name that is not in the file is refused at the registration, with those that are. What
// was given instead of a name is not repeated.
func TestSenderIsNotConfigured(t *testing.T) {
	t.Parallel()
	c := newConfigured(t, true)
	relay, err := client.New("http://"+c.process.private, testAPIKey)
	c.must(err)
	_, _, err = relay.Create(t.Context(), c.request(`"hunter2"`))
	if err == nil || !strings.Contains(err.Error(), "use one of payments, or describe the sender") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
	c.wantWarning(checkSenders, "")
}

// Operators send SIGHUP to all replicas: one without a configuration file goes on.
func TestSIGHUPWithoutAFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startStandalone(t), 0)
	p := w.launch()
	w.must(p.cmd.Process.Signal(syscall.SIGHUP))
	w.eventually("the signal is logged", func() bool { return strings.Contains(p.log.String(), "SIGHUP changes nothing") })
	response, err := w.http.RoundTrip(httptest.NewRequest(http.MethodGet, "http://"+p.private+"/healthz", nil))
	w.must(err)
	if response.StatusCode != http.StatusOK {
		t.Errorf("healthz: %d", response.StatusCode)
	}
	w.must(response.Body.Close())
}

// A content that changes from one comparison to the next is not used, since somebody may
// be writing it.
func TestHalfWrittenFile(t *testing.T) {
	t.Setenv("SECRET_OF_A_SENDER", "sixteen characters")
	path := filepath.Join(t.TempDir(), "config.yaml")
	write := func(names ...string) {
		t.Helper()
		content := "senders:\n"
		for _, name := range names {
			content += "  " + name + ": {preset: github, secrets: [{env: SECRET_OF_A_SENDER}]}\n"
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a")
	read, err := config.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c := newConfigFile(read, func(string, error) {}, slog.New(slog.DiscardHandler))
	for i, step := range []struct{ written, want []string }{
		{nil, []string{"a"}},
		{[]string{"a", "b"}, []string{"a"}},
		{[]string{"a", "b", "c"}, []string{"a"}},
		{nil, []string{"a", "b", "c"}},
		{[]string{"a"}, []string{"a", "b", "c"}},
		{[]string{"a", "b", "c"}, []string{"a", "b", "c"}}, // as it was
		{[]string{"a"}, []string{"a", "b", "c"}},
		{nil, []string{"a"}},
	} {
		if step.written != nil {
			write(step.written...)
		}
		if c.compare(); !slices.Equal(c.Names(), step.want) {
			t.Errorf("step %d: %v, want %v", i, c.Names(), step.want)
		}
	}
}

// A sender that posts came for is named until it is back, or until a day after the last
// post. What is remembered is bounded.
func TestMissedSenders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var warning string
		c := newConfigFile(nil, func(check string, err error) {
			if check != checkSenders {
				t.Errorf("a warning of %s", check)
			}
			if warning = ""; err != nil {
				warning = err.Error()
			}
		}, slog.New(slog.DiscardHandler))
		want := func(names string) {
			t.Helper()
			c.warnOfMissed()
			if names == "" && warning != "" || !strings.Contains(warning, names) {
				t.Errorf("the warning is %q, want %q", warning, names)
			}
		}
		want("")
		c.Missed("b")
		c.Missed("a")
		want(": a, b.")
		time.Sleep(missedFor - time.Second)
		c.Missed("a")
		time.Sleep(2 * time.Second)
		want(": a.")
		time.Sleep(missedFor)
		want("")
		for i := range 2 * mostMissed {
			c.Missed(strings.Repeat("x", i+1))
		}
		if len(c.missed) != mostMissed {
			t.Errorf("%d names are remembered", len(c.missed))
		}
	})
}
