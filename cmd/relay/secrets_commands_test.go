package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"callback-relay/api"
	"callback-relay/client"
	"callback-relay/stepfunctions/standin"
)

// TestSecretsAndCommands searches the output of commands when everything works, when
// a setting is wrong, when a server is unavailable, and when the process dumps its
// goroutines.
func TestSecretsAndCommands(t *testing.T) {
	t.Parallel()
	h := newHunt(t, startStandalone(t), 1)
	for _, part := range []struct {
		name string
		test func(*hunt)
	}{
		{"wrong settings", wrongSettings},
		{"callback", callbackCommands},
		{"client", clientErrors},
		{"serve", serving},
	} {
		t.Run(part.name, func(t *testing.T) {
			under := *h
			under.world = h.under(t)
			part.test(&under)
		})
	}
}

// command runs a relay command with some settings changed, and returns its whole
// output.
func (h *hunt) command(stdin string, settings map[string]string, args ...string) string {
	h.Helper()
	cmd := exec.CommandContext(h.Context(), "relay", args...)
	env := serveEnv(h.server.url, h.stepsURL)
	env["AWS_SECRET_ACCESS_KEY"], env["AWS_SESSION_TOKEN"] = canaryAWS, canarySession
	env["RELAY_API_KEY"], env["RELAY_LOG_LEVEL"] = testAPIKey, "debug"
	env["RELAY_API_URL"] = "http://" + h.replicas[0].ports.private.Addr().String()
	for name, value := range settings {
		env[name] = value
	}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &out
	_ = cmd.Run() // most commands fail
	if out.Len() == 0 {
		h.Errorf("relay %v printed nothing", args)
	}
	return out.String()
}

// wrongSettings starts relays that cannot start: with damaged secrets, and with
// secrets in the wrong settings.
func wrongSettings(h *hunt) {
	_, master, _ := strings.Cut(masterKey, ":")
	withPassword := "relay:" + strings.ReplaceAll(canaryPassword, "/", "%2F") + "@127.0.0.1:1"
	for _, wrong := range []map[string]string{
		{"RELAY_KEYS": master},
		{"RELAY_KEYS": masterKey + "x"},
		{"RELAY_KEYS": masterKey[:40] + " " + masterKey[40:]},
		{"RELAY_KEYS": masterKey + "," + masterKey},
		{"RELAY_KEYS": master + ":k1"},
		{"RELAY_KEYS": "K1:" + master},
		{"RELAY_KEYS": "k1:" + strings.TrimRight(master, "=")},
		{"RELAY_API_KEYS": testAPIKey},
		{"RELAY_API_KEYS": "tests:" + testAPIKey},
		{"RELAY_API_KEYS": testAPIKey + ":" + apiKeyEntry()},
		{"RELAY_API_KEYS": masterKey},
		{"RELAY_REDIS_URL": "redis://" + withPassword + "/zero"},
		{"RELAY_REDIS_URL": "redis://" + withPassword + "/0?no_such=1"},
		{"RELAY_REDIS_URL": "redis://relay:" + canaryPassword + "%zz@127.0.0.1:1/0"},
		{"RELAY_REDIS_URL": "http://" + withPassword},
		{"RELAY_REDIS_URL": withPassword},
		{"RELAY_REDIS_URL": "redis://" + withPassword + "/0", "RELAY_REDIS_MODE": "sentinel"},
		{"RELAY_REDIS_URL": "redis://127.0.0.1:1/0?password=" + canaryPassword, "RELAY_REDIS_MODE": "sentinel"},
		{"RELAY_REDIS_URL": "redis://" + withPassword + "/0", "RELAY_REDIS_MODE": "ring"},
		{"RELAY_PUBLIC_URL": "https://relay:" + canaryPassword + "@relay.example.com"},
		{"RELAY_REDIS_URL_FILE": "/dev/null", "RELAY_KEYS_FILE": "/dev/null", "RELAY_API_KEYS_FILE": "/dev/null"},
		{"RELAY_KEYS": "", "RELAY_KEYS_FILE": masterKey},
		{"RELAY_API_KEYS": "", "RELAY_API_KEYS_FILE": testAPIKey},
		{"RELAY_REDIS_URL": "", "RELAY_REDIS_URL_FILE": "redis://" + withPassword},
		{"AWS_REGION": ""},
		{"AWS_PROFILE": "none", "AWS_ACCESS_KEY_ID": ""},
		{"AWS_RETRY_MODE": "never"},
		{"RELAY_PUBLIC_LISTEN": "256.0.0.1:0"},
	} {
		wrong["RELAY_LOG_FORMAT"] = "neither" // so that none of them starts
		out := h.command("", wrong, "serve")
		h.search(fmt.Sprintf("relay serve without a good %v", names(wrong)), out)
		if !strings.Contains(out, "RELAY_LOG_FORMAT") {
			h.Errorf("%v: %s", names(wrong), out)
		}
	}
	h.search("relay serve with flags", h.command("", nil, "serve", "--kyes="+masterKey))
	h.search("relay serve with flags", h.command("", nil, "serve", "--keys="+masterKey, "--api-keys="+testAPIKey, "--redis-url="+withPassword))
	for _, subcommand := range []string{"up", "status", "verify"} {
		for _, url := range []string{"redis://" + withPassword + "/0", withPassword} {
			h.search("relay migrate "+subcommand, h.command("", map[string]string{"RELAY_REDIS_URL": url}, "migrate", subcommand))
		}
		h.search("relay migrate "+subcommand, h.command("", nil, "migrate", subcommand))
	}
}

func names(settings map[string]string) []string {
	var all []string
	for name := range settings {
		all = append(all, name)
	}
	return all
}

// callbackCommands uses a relay from the command line.
func callbackCommands(h *hunt) {
	c := h.register()
	id, key := c.ID, linkKey(c.URL)
	h.searchDocument(h.command("", nil, "callback", "get", id))
	h.searchDocument(h.command("", nil, "callback", "list", "-o", "json"))
	h.searchDocument(h.command(c.token, nil, "callback", "create", "--link", "default=webhook", "--link", "progress=heartbeat"))
	away := map[string]string{"RELAY_API_URL": "http://127.0.0.1:1"}
	public := map[string]string{"RELAY_API_URL": "http://" + h.replicas[0].ports.public.Addr().String()}
	foreign := map[string]string{"RELAY_API_KEY": testAPIKey + "x"}
	spoilt := map[string]string{"RELAY_API_KEY": testAPIKey + " "}
	mixedUp := map[string]string{"RELAY_API_URL": "http://relay:" + testAPIKey + "@127.0.0.1:1"}
	for _, settings := range []map[string]string{nil, away, public, foreign, spoilt, mixedUp} {
		for _, args := range [][]string{
			{"create", "--on-expiry", "never"}, {"create", "--expires-in", "soon"}, {"create", "--tag", "a b=c"},
			{"create", "--expires-at", "soon"}, {"get", strings.Repeat("a", 26)}, {"list", "--state", "odd"}, {"list", "--tag", "x:y"},
		} {
			h.search("relay callback "+args[0], h.command(c.token, settings, append([]string{"callback"}, args...)...))
		}
	}
	for _, settings := range []map[string]string{nil, away, public} {
		h.search("relay callback get", h.command("", settings, "callback", "get", key)) // the link in place of the id
	}
	h.search("relay callback create", h.command("", nil, "callback", "create", c.token))
	h.search("relay callback create", h.command("", nil, "callback", "create", "--tag", c.token))
	h.search("relay callback list", h.command("", map[string]string{"RELAY_API_KEY": "", "RELAY_API_KEY_FILE": testAPIKey}, "callback", "list"))
	h.searchDocument(h.command("", nil, "callback", "cancel", id))
}

// clientErrors provokes errors of the client package.
func clientErrors(h *hunt) {
	for _, url := range []string{
		"http://relay:" + testAPIKey + "@x", "ftp://" + testAPIKey, "http://x/?" + testAPIKey, "http://" + testAPIKey + ":zz/", testAPIKey,
	} {
		if _, err := client.New(url, testAPIKey); err == nil {
			h.Errorf("accepted %s", url)
		} else {
			h.search("client.New", err.Error())
		}
	}
	if _, err := client.New("http://x", testAPIKey+"\n"); err == nil {
		h.Error("accepted a key with a line end")
	} else {
		h.search("client.New", err.Error())
	}
	c := h.register()
	for _, url := range []string{"http://127.0.0.1:1", h.stepsURL, "http://" + h.replicas[0].ports.public.Addr().String()} {
		away, err := client.New(url, testAPIKey)
		h.must(err)
		_, _, create := away.Create(h.Context(), api.CreateRequest{TaskToken: c.token})
		_, get := away.Get(h.Context(), c.ID)
		_, cancel := away.Cancel(h.Context(), c.ID)
		_, mixedUp := away.Get(h.Context(), linkKey(c.URL))
		_, list := away.List(h.Context(), clientQuery)
		for _, err := range []error{create, get, cancel, mixedUp, list} {
			if err == nil {
				h.Errorf("%s is a relay", url)
			} else {
				h.search("the client's error", fmt.Sprintf("%v %+v %#v", err, err, away))
			}
		}
	}
}

// serving runs a relay as a process, with its secrets in the environment, and makes
// it dump its goroutines while a call to Step Functions hangs.
func serving(h *hunt) {
	c := h.register()
	p := h.launch("RELAY_LOG_LEVEL=debug", "AWS_SECRET_ACCESS_KEY="+canaryAWS, "AWS_SESSION_TOKEN="+canarySession, "GOTRACEBACK=all")
	h.note(h.must2(h.trySend(p.address, call{link: c.URL, body: strings.NewReader(c.payload[1:])})))
	h.note(h.must2(h.trySend(p.address, call{link: c.URL, method: http.MethodGet})))
	h.steps.Inject(standin.Fault{Kind: standin.Hang, TaskToken: c.token})
	sent := make(chan error, 1)
	go func() {
		_, err := h.trySend(p.address, call{link: c.URL, body: strings.NewReader(c.payload)})
		sent <- err
	}()
	h.untilCalled(c.task, 1)
	// Lines are held back for a moment, and the signal ends the process at once.
	h.eventually("the requests are logged", func() bool { return strings.Contains(p.log.String(), `"callback":"`+c.ID) })
	h.must(p.cmd.Process.Signal(syscall.SIGQUIT))
	_ = p.wait() // a dump is a failure
	<-sent
	log := p.log.String()
	h.search("the log of a process", log)
	for _, want := range []string{"goroutine ", "stepfunctions.(*Sender).Send", `"callback":"` + c.ID} {
		if !strings.Contains(log, want) {
			h.Errorf("the log has no %s:\n%s", want, log)
		}
	}
}

func (h *hunt) must2(got answer, err error) answer {
	h.Helper()
	h.must(err)
	return got
}
