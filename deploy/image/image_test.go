//go:build linux

package image

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"callback-relay/api"
	"callback-relay/client"
	"callback-relay/stepfunctions/standin"
	"callback-relay/store/redistest"
)

var imageFlag = flag.Bool("image", false, "build the image and run it")

const (
	// version and revision are the image's labels.
	version  = "1.2.3-test"
	revision = "0123456789abcdef0123456789abcdef01234567"
	// largest is in bytes, unpacked: 40 MiB. The tables of the charsets that
	// bodies can be in are half a megabyte of it.
	largest = 40 << 20

	apiKey    = "relay_TESTKEYTESTKEYTESTKEYTEST"
	publicURL = "https://relay.example.com"
)

// TestImage builds the image and runs it. It needs root, and runs only on request.
func TestImage(t *testing.T) {
	if !*imageFlag {
		t.Log("runs with -image only: make image-test")
		return
	}
	if os.Geteuid() != 0 {
		t.Fatal("needs root's rights; without them try: buildah unshare make image-test")
	}
	b := newBuilder(t)
	b.golang()
	const image = "localhost/relay:test"
	b.build(image)
	files, says := b.mount(image), b.inspect(image)

	t.Run("says what it is", func(t *testing.T) { judgeConfig(t, says) })
	t.Run("holds two files", func(t *testing.T) { judgeFiles(t, files) })
	t.Run("is built alike elsewhere", func(t *testing.T) { judgeProgram(t, filepath.Join(files, "relay")) })
	t.Run("runs", func(t *testing.T) { judgeRun(t, files, says) })
}

func judgeConfig(t *testing.T, says config) {
	if says.User != "65532:65532" {
		t.Errorf("user %q", says.User)
	}
	if !slices.Equal(says.Entrypoint, []string{"/relay"}) || !slices.Equal(says.Cmd, []string{"serve"}) {
		t.Errorf("runs %q %q", says.Entrypoint, says.Cmd)
	}
	if !slices.Equal(says.Healthcheck.Test, []string{"CMD", "/relay", "health", "--live"}) {
		t.Errorf("health check %q", says.Healthcheck.Test)
	}
	for name, want := range map[string]string{"title": "", "description": "", "version": version, "revision": revision} {
		label := says.Labels["org.opencontainers.image."+name]
		if label == "" || want != "" && label != want {
			t.Errorf("label %s is %q", name, label)
		}
	}
}

// judgeFiles checks that the program and the certificates are usable, and that
// there is nothing else: no shell, nothing to patch.
func judgeFiles(t *testing.T, root string) {
	var found []string
	var size int64
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		found = append(found, strings.TrimPrefix(path, root))
		size += info.Size()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(found, []string{certificates, "/relay"}) {
		t.Errorf("holds %q", found)
	}
	if size > largest {
		t.Errorf("%d bytes, want at most %d", size, largest)
	}
	t.Logf("%.1f MiB", float64(size)/(1<<20))
	bundle, err := os.ReadFile(filepath.Join(root, certificates))
	if err != nil || !x509.NewCertPool().AppendCertsFromPEM(bundle) {
		t.Errorf("no certificates: %v", err)
	}
}

// judgeProgram builds the program again in another folder, with the same Go: it
// must be the same, byte for byte.
func judgeProgram(t *testing.T, program string) {
	again := filepath.Join(t.TempDir(), "relay")
	cmd := exec.Command("go", "build", "-buildvcs=false", "-trimpath", "-tags", "release,nethttpomithttp2",
		"-ldflags", "-s -w -X main.version="+version, "-o", again, "./cmd/relay")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var sums []string
	for _, path := range []string{program, again} {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, fmt.Sprintf("%x", sha256.Sum256(content)))
	}
	if sums[0] != sums[1] {
		t.Errorf("SHA-256 %s in the image, %s here", sums[0], sums[1])
	}
	t.Log("SHA-256", sums[0])
}

// judgeRun runs the image from start to end: it migrates, serves, is healthy,
// registers, answers, and stops.
func judgeRun(t *testing.T, files string, says config) {
	if !redistest.Available(t) {
		t.Fatal("there is no redis-server")
	}
	steps := standin.New(standin.Options{})
	stepsURL, stop, err := steps.Listen("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	c := newContainer(t, files, says, environment(redistest.Start(t).URL, stepsURL))
	relay := says.Entrypoint

	c.run(append(relay, "migrate", "up"))
	running, public, private := c.serve(append(relay, says.Cmd...))
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", running.Process.Pid))
	c.must(err)
	if !strings.Contains(string(status), "Uid:\t65532\t65532\t65532\t65532\n") {
		t.Errorf("does not run as user 65532 alone:\n%s", status)
	}
	c.run(says.Healthcheck.Test[1:], "RELAY_PRIVATE_LISTEN="+private)
	c.run(append(relay, "health"), "RELAY_PRIVATE_LISTEN="+private)

	taskToken := steps.NewTask(standin.TaskOptions{})
	caller, err := client.New("http://"+private, apiKey)
	c.must(err)
	registered, _, err := caller.Create(t.Context(), api.CreateRequest{TaskToken: taskToken})
	c.must(err)
	const output = `{"amount": 12345678901234567890123}`
	answer, err := http.Post("http://"+public+strings.TrimPrefix(registered.URL, publicURL), "application/json", strings.NewReader(output))
	c.must(err)
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("the sender was told %d %s (%v)", answer.StatusCode, body, err)
	}

	// It stops only after accepted answers are delivered.
	c.must(running.Process.Signal(syscall.SIGTERM))
	if err := running.Wait(); err != nil {
		t.Errorf("stopped with %v", err)
	}
	effects := steps.Effects()
	if len(effects) != 1 || effects[0].TaskToken != taskToken || !bytes.Equal(effects[0].Output, []byte(output)) {
		t.Errorf("step functions took %+v", effects)
	}
}

// environment is the whole environment of the relay.
func environment(redisURL, stepsURL string) []string {
	hash := sha256.Sum256([]byte(apiKey))
	return []string{
		"RELAY_PUBLIC_URL=" + publicURL,
		"RELAY_PUBLIC_LISTEN=127.0.0.1:0",
		"RELAY_PRIVATE_LISTEN=127.0.0.1:0",
		"RELAY_REDIS_URL=" + redisURL,
		"RELAY_KEYS=k1:" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))),
		"RELAY_API_KEYS=tests:" + hex.EncodeToString(hash[:]),
		"AWS_ENDPOINT_URL_SFN=" + stepsURL,
		"AWS_REGION=eu-central-1",
		"AWS_ACCESS_KEY_ID=test",
		"AWS_SECRET_ACCESS_KEY=test",
		"AWS_EC2_METADATA_DISABLED=true",
	}
}
