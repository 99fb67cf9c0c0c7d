package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"callback-relay/stepfunctions/standin"
)

// TestScripts runs the commands as a user types them. Each script has its own Redis
// and Step Functions.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		Setup:               setUpScript,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await":     await,
			"exits":     exits,
			"decide":    decide,
			"post":      post,
			"start":     start,
			"terminate": terminate,
		},
	})
}

func setUpScript(env *testscript.Env) error {
	steps := standin.New(standin.Options{AcceptAny: true})
	url, closeSteps, err := steps.Listen("")
	if err != nil {
		return err
	}
	env.Defer(closeSteps)
	started := processes{}
	env.Values[processesKey{}] = started
	env.Defer(started.killAll)

	redisURL := startStandalone(env.T().(testing.TB)).url
	configuration, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{"configuration.md": configuration, "redis-url": []byte(redisURL)} {
		if err := os.WriteFile(filepath.Join(env.WorkDir, name), content, 0o600); err != nil {
			return err
		}
	}
	for name, value := range serveEnv(redisURL, url) {
		env.Setenv(name, value)
	}
	env.Setenv("RELAY_API_KEY", testAPIKey)
	env.Setenv("TOMORROW", time.Now().AddDate(0, 0, 1).UTC().Format(time.RFC3339))
	return nil
}

// processes are the relays that a script runs in the background, by name.
type processes map[string]*exec.Cmd

// processesKey is where a script keeps them.
type processesKey struct{}

func (p processes) killAll() {
	for _, cmd := range p {
		_ = cmd.Process.Kill() // it may be gone already
		_ = cmd.Wait()
	}
}

// start runs the relay in the background: start NAME ARG…. Its output goes to
// the files NAME.out and NAME.err.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start name arg...")
	}
	cmd := exec.Command("relay", args[1:]...)
	for name := range serveEnv("", "") {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	out, err := os.Create(ts.MkAbs(args[0] + ".out"))
	ts.Check(err)
	defer out.Close()
	log, err := os.Create(ts.MkAbs(args[0] + ".err"))
	ts.Check(err)
	defer log.Close()
	cmd.Stdout, cmd.Stderr = out, log
	ts.Check(cmd.Start())
	ts.Value(processesKey{}).(processes)[args[0]] = cmd
}

// terminate ends a relay as an orchestrator does, and expects exit code 0: terminate NAME.
// It is not called stop, since testscript has a command of that name, which ends the script.
func terminate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: terminate name")
	}
	running := ts.Value(processesKey{}).(processes)
	cmd := running[args[0]]
	delete(running, args[0])
	ts.Check(cmd.Process.Signal(syscall.SIGTERM))
	ts.Check(cmd.Wait())
}

// await waits until a file that a process writes has a match, and puts the
// expression's named groups into the environment: await FILE REGEXP.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await file regexp")
	}
	wanted, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	var content []byte
	deadline := time.After(patience)
	for {
		content, err = os.ReadFile(ts.MkAbs(args[0]))
		ts.Check(err)
		if found := wanted.FindSubmatch(content); found != nil {
			for i, name := range wanted.SubexpNames() {
				if name != "" {
					ts.Setenv(name, string(found[i]))
				}
			}
			return
		}
		select {
		case <-deadline:
			ts.Fatalf("%s has no match for %q after %s:\n%s", args[0], args[1], patience, content)
		case <-time.After(pollEvery):
		}
	}
}

// exits runs a program that must end with an exit code: exits CODE PROGRAM ARG….
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code program arg...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// post sends JSON and prints the status and the body of the answer:
// post URL JSON.
func post(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: post url json")
	}
	response, err := http.Post(args[0], "application/json", strings.NewReader(args[1]))
	ts.Check(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d %s\n", response.StatusCode, bytes.TrimSpace(body))
}

// decide presses a button on a page and prints the status and the heading of
// what then is shown: decide URL approved|rejected|not-for-me.
func decide(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: decide url decision")
	}
	response, err := http.Get(args[0])
	ts.Check(err)
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	ts.Check(err)
	nonce := nonceOf.FindSubmatch(page)
	if nonce == nil {
		ts.Fatalf("the page has no nonce: %s", page)
	}
	form := url.Values{"nonce": {string(nonce[1])}, "decision": {args[1]}, "comment": {"Go ahead."}, "note": {"Ask Ada."}}
	answer, err := http.PostForm(args[0], form)
	ts.Check(err)
	defer answer.Body.Close()
	shown, err := io.ReadAll(answer.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d %s\n", answer.StatusCode, h1.Find(shown))
}

var h1 = regexp.MustCompile(`<h1[^>]*>.*?</h1>`)
