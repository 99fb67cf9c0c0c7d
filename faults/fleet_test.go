package faults

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"callback-relay/api"
	"callback-relay/client"
	"callback-relay/stepfunctions/standin"
	"callback-relay/store"
)

const (
	apiKey = "relay_TESTKEYTESTKEYTESTKEYTEST"
	// publicURL is the beginning of links. Nobody connects to it: each sender
	// chooses a replica.
	publicURL = "https://relay.example.com"

	// oldKey is the master key of every fleet that does not rotate it.
	oldKey = "k1:a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="

	// sendTimeout is the replicas' time limit for a call to Step Functions, and
	// lease the lease that results (see leaseMargin in cmd/relay).
	sendTimeout = time.Second
	lease       = sendTimeout + 5*time.Second
)

// setup describes a fleet.
type setup struct {
	binary   string // the relay to run; default relayBinary
	redisURL string
	mode     string // default standalone
	replicas int
	settings []string // of every replica, such as "RELAY_ANSWER_WAIT=0s"
	steps    standin.Options
	hooks    bool // a hook is configured, and the load has callbacks that await its events
}

// fleet is several relay processes with one Redis and one Step Functions.
type fleet struct {
	testing.TB
	setup
	steps    *standin.Server // its Effects are the ledger
	calls    *callLog        // all that reached it
	stepsWay *proxy          // on the way to it
	replicas []*replica
	http     *http.Client // for senders
	hook     string       // the URL of the hook, if one is configured
}

// newFleet migrates Redis and starts the replicas.
func newFleet(t testing.TB, s setup) *fleet {
	t.Helper()
	s.mode, s.binary = cmp.Or(s.mode, store.ModeStandalone), cmp.Or(s.binary, relayBinary)
	f := &fleet{TB: t, setup: s, steps: standin.New(s.steps)}
	f.calls = &callLog{next: f.steps, byTask: map[string][]sent{}}
	server := httptest.NewServer(f.calls)
	t.Cleanup(server.Close)
	t.Cleanup(func() {
		f.steps.SetFault()
		f.steps.Release()
	})
	f.stepsWay = newProxy(t, server.Listener.Addr().String())
	transport := &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 5 * time.Second}
	t.Cleanup(transport.CloseIdleConnections)
	f.http = &http.Client{Transport: transport, Timeout: senderPatience}

	if s.hooks {
		f.settings = append(f.settings, hookSettings(t)...)
	}
	f.migrate()
	for range s.replicas {
		f.add()
	}
	if s.hooks {
		f.hook = f.hookURL(f.replicas[0])
	}
	return f
}

// add starts another replica, with further settings.
func (f *fleet) add(settings ...string) *replica {
	f.Helper()
	return f.addOf(f.binary, settings...)
}

// addOf starts a replica of another release.
func (f *fleet) addOf(binary string, settings ...string) *replica {
	f.Helper()
	r := newReplica(f.TB, binary, f.env(settings...))
	f.replicas = append(f.replicas, r)
	return r
}

// migrate runs `relay migrate up`, as the operator does.
func (f *fleet) migrate() {
	f.Helper()
	f.operate(f.binary, "migrate", "up")
}

// operate runs a command of the relay that must succeed, and returns what it
// printed.
func (f *fleet) operate(binary string, args ...string) string {
	f.Helper()
	out, err := f.command(binary, args...).CombinedOutput()
	if err != nil {
		f.Fatalf("relay %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (f *fleet) command(binary string, args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	cmd.Env = f.env()
	return cmd
}

// env is the environment of a relay process; later settings take precedence.
func (f *fleet) env(settings ...string) []string {
	hash := sha256.Sum256([]byte(apiKey))
	env := []string{
		"PATH=" + os.Getenv("PATH"),
		"RELAY_PUBLIC_URL=" + publicURL,
		"RELAY_PUBLIC_LISTEN=127.0.0.1:0",
		"RELAY_PRIVATE_LISTEN=127.0.0.1:0",
		"RELAY_REDIS_URL=" + f.redisURL,
		"RELAY_REDIS_MODE=" + f.mode,
		"RELAY_KEYS=" + oldKey,
		"RELAY_API_KEYS=tests:" + hex.EncodeToString(hash[:]),
		"RELAY_STEP_FUNCTIONS_TIMEOUT=" + sendTimeout.String(),
		"AWS_ENDPOINT_URL_SFN=http://" + f.stepsWay.addr,
		"AWS_REGION=eu-central-1",
		"AWS_ACCESS_KEY_ID=test",
		"AWS_SECRET_ACCESS_KEY=test",
		"AWS_EC2_METADATA_DISABLED=true",
	}
	return append(append(env, f.settings...), settings...)
}

// senderPatience is how long a sender of webhooks waits for an answer.
const senderPatience = 6 * time.Second

// reply is the response that a sender got. A lost connection or a time-out is an
// error and not a reply.
type reply struct {
	status    int
	duplicate bool
	word      string // "delivered" or "accepted", or the problem's code
}

// post sends a body to a link at one replica, once.
func (f *fleet) post(ctx context.Context, r *replica, link string, body []byte) (reply, error) {
	path := strings.TrimPrefix(link, publicURL)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+r.at.Load().public+path, bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	if strings.HasPrefix(path, "/h/") {
		request.Header.Set(hookHeader, hookSecret)
	}
	request.GetBody = nil // each try is the sender's own
	response, err := f.http.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return reply{}, err
	}
	told := reply{status: response.StatusCode}
	if response.StatusCode == http.StatusOK {
		var answer api.AnswerResponse
		err = json.Unmarshal(content, &answer)
		told.word, told.duplicate = answer.Status, answer.Duplicate
	} else {
		var problem api.Problem
		err = json.Unmarshal(content, &problem)
		told.word = problem.Type.Short()
	}
	if err != nil {
		return reply{}, fmt.Errorf("status %d without the relay's JSON: %w", response.StatusCode, err)
	}
	return told, nil
}

// client returns a client for a replica's private API.
func (f *fleet) client(r *replica) *client.Client {
	c, err := client.New("http://"+r.at.Load().private, apiKey, client.WithHTTPClient(f.http))
	if err != nil {
		panic(err) // the address is one that a listener told
	}
	return c
}

// register starts a task and registers it at the first replica.
func (f *fleet) register(change ...func(*api.CreateRequest)) (taskToken string, cb api.Callback) {
	f.Helper()
	return f.registerAt(f.replicas[0], change...)
}

func (f *fleet) registerAt(r *replica, change ...func(*api.CreateRequest)) (taskToken string, cb api.Callback) {
	f.Helper()
	taskToken, cb, err := f.tryRegister(r, change...)
	must(f, err)
	return taskToken, cb
}

// tryRegister is register, where the relay may refuse.
func (f *fleet) tryRegister(r *replica, change ...func(*api.CreateRequest)) (taskToken string, cb api.Callback, err error) {
	request := api.CreateRequest{TaskToken: f.steps.NewTask(standin.TaskOptions{})}
	for _, c := range change {
		c(&request)
	}
	cb, _, err = f.client(r).Create(context.Background(), request)
	return request.TaskToken, cb, err
}

// get returns a callback as a replica sees it.
func (f *fleet) get(r *replica, id string) api.Callback {
	f.Helper()
	cb, err := f.client(r).Get(context.Background(), id)
	must(f, err)
	return cb
}

// untilState waits until a callback is in a state, as a replica sees it.
func (f *fleet) untilState(r *replica, id, state string) {
	f.Helper()
	eventually(f, "the callback is "+state, func() bool {
		cb, err := f.client(r).Get(context.Background(), id)
		return err == nil && cb.State == state
	})
}

// private reads a path of a replica's private listener.
func (f *fleet) private(r *replica, path string) (status int, body string, err error) {
	response, err := f.http.Get("http://" + r.at.Load().private + path)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return response.StatusCode, string(content), err
}

// untilReady waits until a replica says that it is ready.
func (f *fleet) untilReady(r *replica) {
	f.Helper()
	eventually(f, "the replica is ready", func() bool {
		status, _, err := f.private(r, "/readyz")
		return err == nil && status == http.StatusOK
	})
}
