package examples

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"callback-relay/stepfunctions/standin"
	"callback-relay/store/redistest"
)

const (
	apiKey    = "relay_TESTKEYTESTKEYTESTKEYTEST"
	publicURL = "https://relay.example.com"
	mailFrom  = "relay@example.com"

	patience  = 30 * time.Second
	pollEvery = 10 * time.Millisecond
)

// world is the environment of the examples: a relay in its own process, Step
// Functions, and an imitation of SES.
type world struct {
	*testing.T
	steps    *standin.Server
	stepsURL string
	public   string // the relay's listeners
	private  string
	mails    chan mail
	mailURL  string
	sns      *sns
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, steps: standin.New(standin.Options{}), mails: make(chan mail, 1), sns: newSNS(t)}
	steps := httptest.NewServer(w.steps)
	t.Cleanup(steps.Close)
	w.stepsURL = steps.URL
	mailServer := httptest.NewServer(http.HandlerFunc(w.takeMail))
	t.Cleanup(mailServer.Close)
	w.mailURL = mailServer.URL
	w.serve()
	return w
}

// in is the same world, for a test within the test.
func (w *world) in(t *testing.T) *world {
	inner := *w
	inner.T = t
	return &inner
}

// serve builds and starts the relay.
func (w *world) serve() {
	w.Helper()
	dir := w.TempDir()
	binary := filepath.Join(dir, "relay")
	build := exec.Command("go", "build", "-o", binary, "../../cmd/relay")
	if out, err := build.CombinedOutput(); err != nil {
		w.Fatalf("build the relay: %v\n%s", err, out)
	}
	env := w.environment()
	migrate := exec.Command(binary, "migrate", "up")
	migrate.Env = env
	if out, err := migrate.CombinedOutput(); err != nil {
		w.Fatalf("migrate: %v\n%s", err, out)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	w.must(err)
	defer log.Close()
	relay := exec.Command(binary, "serve")
	relay.Env, relay.Stderr = env, log
	w.must(relay.Start())
	w.Cleanup(func() {
		_ = relay.Process.Kill()
		_ = relay.Wait() // it was killed
	})
	serving := regexp.MustCompile(`"msg":"serving","public":"([^"]+)","private":"([^"]+)"`)
	deadline := time.After(patience)
	for {
		text, err := os.ReadFile(log.Name())
		w.must(err)
		if found := serving.FindSubmatch(text); found != nil {
			w.public, w.private = "http://"+string(found[1]), "http://"+string(found[2])
			return
		}
		select {
		case <-deadline:
			w.Fatalf("the relay does not serve:\n%s", text)
		case <-time.After(pollEvery):
		}
	}
}

// environment is the whole environment of the relay.
func (w *world) environment() []string {
	w.Helper()
	var redisURL string
	if redistest.Available(w) {
		redisURL = redistest.Start(w).URL
	} else {
		redisURL = "redis://" + miniredis.RunT(w).Addr()
	}
	hash := sha256.Sum256([]byte(apiKey))
	return []string{
		"RELAY_PUBLIC_URL=" + publicURL,
		"RELAY_PUBLIC_LISTEN=127.0.0.1:0",
		"RELAY_PRIVATE_LISTEN=127.0.0.1:0",
		"RELAY_REDIS_URL=" + redisURL,
		"RELAY_KEYS=k1:" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))),
		"RELAY_API_KEYS=tests:" + hex.EncodeToString(hash[:]),
		"AWS_ENDPOINT_URL_SFN=" + w.stepsURL,
		"AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_EC2_METADATA_DISABLED=true",
		"RELAY_CONFIG_FILE=hooks/relay.yaml",
		"GITHUB_WEBHOOK_SECRET=" + githubSecret, "STRIPE_SIGNING_SECRET=" + stripeSecret, "S3_API_DESTINATION_KEY=" + s3Key,
		"HTTPS_PROXY=" + w.sns.proxy, "SSL_CERT_FILE=" + w.sns.authority,
	}
}

// mail is a mail to send, as in SendEmail of SES' API version 2.
type mail struct {
	FromEmailAddress string
	Destination      struct{ ToAddresses []string }
	Content          struct {
		Simple struct {
			Subject struct{ Data string }
			Body    struct{ Text struct{ Data string } }
		}
	}
}

// takeMail accepts a mail as SES does.
func (w *world) takeMail(out http.ResponseWriter, r *http.Request) {
	var m mail
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&m); err != nil || r.Method+" "+r.URL.Path != "POST /v2/email/outbound-emails" {
		w.Errorf("SES was asked %s %s (%v)", r.Method, r.URL.Path, err)
		out.WriteHeader(http.StatusBadRequest)
		return
	}
	w.mails <- m
	_, _ = io.WriteString(out, `{"MessageId": "1"}`)
}

// open opens a link as a browser does and returns the page.
func (w *world) open(link string) string {
	w.Helper()
	path, ours := strings.CutPrefix(link, publicURL)
	if !ours {
		w.Fatalf("the link is %q", link)
	}
	return w.ask(http.MethodGet, w.public+path, "", nil)
}

// ask makes a request with the API key, which must succeed.
func (w *world) ask(method, url, body string, header http.Header) string {
	w.Helper()
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	w.must(err)
	if header != nil {
		request.Header = header
	}
	response, err := http.DefaultClient.Do(request)
	w.must(err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	w.must(err)
	if response.StatusCode > 299 {
		w.Fatalf("%s %s: %d %s", method, url, response.StatusCode, content)
	}
	return string(content)
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}
