//go:build linux

package image

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// builder is buildah with its own storage.
type builder struct {
	testing.TB
	dir string // for the storage and the configuration
}

func newBuilder(t testing.TB) *builder {
	t.Helper()
	b := &builder{TB: t, dir: t.TempDir()}
	// The Dockerfile names an image of Go. It must be the one made here, and must
	// not be pulled.
	b.must(os.WriteFile(b.registries(), []byte(`unqualified-search-registries = ["localhost"]`), 0o600))
	return b
}

func (b *builder) registries() string { return filepath.Join(b.dir, "registries.conf") }

// run runs a buildah command and returns what it prints.
func (b *builder) run(args ...string) string {
	b.Helper()
	cmd := exec.Command("buildah", append([]string{
		"--root", filepath.Join(b.dir, "root"), "--runroot", filepath.Join(b.dir, "run"),
		"--storage-driver", "vfs", "--registries-conf", b.registries(),
	}, args...)...)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		b.Fatalf("buildah %s: %v\n%s%s", strings.Join(args, " "), err, out.Bytes(), log.Bytes())
	}
	return strings.TrimSpace(out.String())
}

var golangImage = regexp.MustCompile(`(?m)^FROM .*(golang:\S+) AS build$`)

// golang makes the image of Go that the Dockerfile names: a shell for RUN, and
// certificates. The Go that runs this test is mounted into it, not copied.
func (b *builder) golang() {
	b.Helper()
	dockerfile, err := os.ReadFile("../../Dockerfile")
	b.must(err)
	named := golangImage.FindSubmatch(dockerfile)
	if named == nil {
		b.Fatal("the Dockerfile names no image of Go")
	}
	container := b.run("from", "scratch")
	root := b.run("mount", container)
	b.must(os.MkdirAll(filepath.Join(root, "tmp"), 0o777))
	for _, file := range append(sharedObjects(b, "/bin/sh"), "/bin/sh", certificates) {
		content, err := os.ReadFile(file)
		b.must(err)
		b.must(os.MkdirAll(filepath.Join(root, filepath.Dir(file)), 0o755))
		b.must(os.WriteFile(filepath.Join(root, file), content, 0o755))
	}
	b.run("config", "--env", "PATH=/usr/local/go/bin:/bin", "--env", "GOPATH=/go", "--env", "GOTOOLCHAIN=local",
		"--env", "GOCACHE=/go/cache", "--env", "GOPROXY="+goEnv(b, "GOPROXY"), container)
	b.run("commit", "--quiet", "--rm", container, "localhost/"+string(named[1]))
}

// certificates is the path of the certificates in Debian and the golang image.
const certificates = "/etc/ssl/certs/ca-certificates.crt"

var sharedObject = regexp.MustCompile(`/\S+\.so\S*`)

// sharedObjects returns what a program is linked with.
func sharedObjects(t testing.TB, program string) []string {
	t.Helper()
	out, err := exec.Command("ldd", program).Output()
	if err != nil {
		t.Fatalf("ldd %s: %v", program, err)
	}
	return sharedObject.FindAllString(string(out), -1)
}

// build builds the Dockerfile. Modules and compiled packages come from the caches
// of that Go, so that they are not fetched and compiled again.
func (b *builder) build(image string) {
	b.Helper()
	b.run("build", "--isolation", "chroot", "--format", "docker", "--pull-never",
		"--volume", goEnv(b, "GOROOT")+":/usr/local/go:ro",
		"--volume", goEnv(b, "GOMODCACHE")+":/go/pkg/mod",
		"--volume", goEnv(b, "GOCACHE")+":/go/cache",
		"--build-arg", "VERSION="+version, "--build-arg", "REVISION="+revision, "--tag", image, "../..")
}

// goEnv returns a variable of the Go command.
func goEnv(t testing.TB, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatalf("go env %s: %v", name, err)
	}
	return strings.TrimSpace(string(out))
}

// config is what an image says of itself.
type config struct {
	User        string
	Entrypoint  []string
	Cmd         []string
	Labels      map[string]string
	Healthcheck struct{ Test []string }
}

// inspect returns an image's configuration.
func (b *builder) inspect(image string) config {
	b.Helper()
	var found struct {
		Docker struct {
			Config config `json:"config"`
		}
	}
	b.must(json.Unmarshal([]byte(b.run("inspect", "--type", "image", image)), &found))
	return found.Docker.Config
}

// mount returns the folder with an image's files.
func (b *builder) mount(image string) string {
	b.Helper()
	return b.run("mount", b.run("from", "--pull-never", image))
}

func (b *builder) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
