package handlers_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"callback-relay/handlers"
	"callback-relay/programs"
	"callback-relay/relay"
	"callback-relay/senders"
	"callback-relay/stepfunctions/standin"
)

// codeBlock is a block of code in a page, with its language.
var codeBlock = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")

// pageBlocks returns the blocks of a page: language and text.
func pageBlocks(t *testing.T, name string) [][2]string {
	t.Helper()
	page, err := os.ReadFile("../docs/" + name)
	must(t, err)
	var all [][2]string
	for _, m := range codeBlock.FindAllSubmatch(page, -1) {
		all = append(all, [2]string{string(m[1]), string(m[2])})
	}
	return all
}

// registerText registers what a page shows, with the task token of a new task.
func (n *node) registerText(text string) (task, relay.Registration) {
	n.t.Helper()
	var fields map[string]json.RawMessage
	must(n.t, json.Unmarshal([]byte(text), &fields))
	pairs := []string{}
	for name, value := range fields {
		if name != "taskToken" { // a fixed time becomes too near or too far
			pairs = append(pairs, name, string(value))
		}
	}
	registration, err := handlers.ParseRegistration([]byte(text))
	must(n.t, err)
	return n.register(pairs...), registration
}

// What docs/from-sfn-callback-urls.md shows can be registered, and its outcomes do what the
// post action did.
func TestRegistrationsOfThePageForNewcomers(t *testing.T) {
	n := start(t)
	var last task
	registered := 0
	for _, block := range pageBlocks(t, "from-sfn-callback-urls.md") {
		if strings.Contains(block[1], "taskToken") {
			last, _ = n.registerText(block[1])
			registered++
		}
	}
	if registered != 3 {
		t.Fatalf("the page has %d registrations", registered)
	}
	n.post(last.path("job"), "application/json", `{"result":"other"}`).tells("ignored", false)
	n.post(last.path("job"), "application/json", `{"result":"bad","reason":"Disk.Full"}`).tells("delivered", false)
	for _, effect := range n.aws.Effects() {
		if effect.TaskToken == last.taskToken && effect.Error != "Disk.Full" {
			t.Errorf("the task got %+v", effect)
		}
	}
}

// Every registration that docs/senders.md shows can be copied. Those with a proof of their
// own take a post that another program has signed.
func TestRegistrationsOfTheSendersPage(t *testing.T) {
	named, err := senders.New(senders.Spec{Preset: "replicate", Secrets: []string{"whsec_dGhlIHNpZ25pbmcga2V5IG9mIHlvdXIgYWNjb3VudA=="}})
	must(t, err)
	n := start(t, func(s *setup) { s.service.Senders = configured{"replicate-main": named} })
	registered, own := 0, 0
	for _, block := range pageBlocks(t, "senders.md") {
		if block[0] != "json" {
			continue
		}
		registered++
		k, registration := n.registerText(block[1])
		for name, link := range registration.Links {
			if link.Guard == nil || link.Guard.Inline == nil || link.Guard.Inline.Proof == nil {
				continue
			}
			own++
			proof := link.Guard.Inline.Proof
			signature := proof.Take + opensslHMAC(t, link.Guard.Inline.Secrets[0], `{"a":1}`)
			n.post(k.path(name), "application/json", `{"a":1}`, proof.Header[0], signature).is(http.StatusOK)
			n.post(k.path(name), "application/json", `{"a":2}`, proof.Header[0], signature).is(http.StatusUnauthorized)
		}
	}
	if registered < 45 || own != 2 {
		t.Errorf("the page has %d registrations, %d of them with a proof of their own", registered, own)
	}
}

// The commands with which a job of one's own posts work as they are, and only with the
// right secret.
func TestJobsOfTheSendersPage(t *testing.T) {
	for _, name := range []string{"sh", "curl", "openssl", "od"} {
		programs.Need(t, name)
	}
	n := start(t)
	ran, registration := 0, ""
	for _, block := range pageBlocks(t, "senders.md") {
		if block[0] == "json" {
			registration = block[1]
		}
		if block[0] != "sh" || !strings.Contains(block[1], "curl") {
			continue
		}
		ran++
		k, parsed := n.registerText(registration)
		secret := k.Links["done"].Secret
		if chosen := parsed.Links["done"].Guard.Inline.Secrets; secret == "" {
			secret = chosen[0]
		}
		job := func(secret string) error {
			cmd := exec.CommandContext(t.Context(), "sh", "-eu", "-c", strings.ReplaceAll(block[1], "--retry 5", "--retry 0"))
			cmd.Env = append(os.Environ(), "URL=http://"+n.public+k.path("done"), "SECRET="+secret)
			out, err := cmd.CombinedOutput()
			t.Logf("%s", out)
			return err
		}
		if job(secret[:len(secret)-2]+"==") == nil {
			t.Error("a job with another secret is accepted")
		}
		must(t, job(secret))
		k.gets(`{"built": true}`)
	}
	if ran != 2 {
		t.Errorf("the page has %d jobs", ran)
	}
	if failures := n.aws.Calls()[standin.SendTaskFailure]; len(failures) > 0 {
		t.Errorf("tasks failed: %v", failures)
	}
}
