//go:build linux

package image

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"
)

// container runs an image's program as its configuration says, with only the
// image's files, all of them read-only. It shares the network of this process.
type container struct {
	testing.TB
	root string // where the read-only files are
	user syscall.Credential
	env  []string
}

func newContainer(t testing.TB, files string, c config, env []string) *container {
	t.Helper()
	made := &container{TB: t, root: t.TempDir(), env: env}
	if _, err := fmt.Sscanf(c.User, "%d:%d", &made.user.Uid, &made.user.Gid); err != nil {
		t.Fatalf("user %q: %v", c.User, err)
	}
	// The second call makes it read-only: the first one ignores the flag.
	made.must(syscall.Mount(files, made.root, "", syscall.MS_BIND, ""))
	t.Cleanup(func() { made.must(syscall.Unmount(made.root, syscall.MNT_DETACH)) })
	made.must(syscall.Mount("", made.root, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	if err := os.WriteFile(filepath.Join(made.root, "file"), nil, 0o600); err == nil {
		t.Fatal("the root can be written to")
	}
	return made
}

// command is a command line inside, with further settings.
func (c *container) command(line []string, settings ...string) *exec.Cmd {
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env = append(append([]string{}, c.env...), settings...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: c.root, Credential: &c.user}
	return cmd
}

// run runs a command line, which must succeed.
func (c *container) run(line []string, settings ...string) {
	c.Helper()
	if out, err := c.command(line, settings...).CombinedOutput(); err != nil {
		c.Fatalf("%q: %v\n%s", line, err, out)
	}
}

var servingLine = regexp.MustCompile(`"msg":"serving","public":"([^"]+)","private":"([^"]+)"`)

// serve starts the relay, waits until it serves, and returns its addresses.
func (c *container) serve(line []string) (relay *exec.Cmd, public, private string) {
	c.Helper()
	log, err := os.Create(filepath.Join(c.TempDir(), "log"))
	c.must(err)
	defer log.Close()
	relay = c.command(line)
	relay.Stderr = log
	c.must(relay.Start())
	c.Cleanup(func() { _ = relay.Process.Kill() }) // it may be gone already
	c.eventually("it serves", func() bool {
		text, err := os.ReadFile(log.Name())
		c.must(err)
		found := servingLine.FindSubmatch(text)
		if found != nil {
			public, private = string(found[1]), string(found[2])
		}
		return found != nil
	})
	return relay, public, private
}

const (
	patience  = 30 * time.Second
	pollEvery = 10 * time.Millisecond
)

// eventually polls a condition until it holds.
func (c *container) eventually(what string, holds func() bool) {
	c.Helper()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-deadline:
			c.Fatalf("waited in vain until %s", what)
		case <-time.After(pollEvery):
		}
	}
}

func (c *container) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}
