package browser

import (
	"bytes"
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"

	"callback-relay/programs"
)

// program is the name of Chromium, as Debian's package calls it.
const program = "chromium"

// patience is how long to wait for anything.
const patience = 30 * time.Second

// Available tells whether there is a Chromium to run. In CI there must be.
func Available(t testing.TB) bool {
	t.Helper()
	return programs.Available(t, program, "not tested in a browser")
}

// Browser is a running Chromium.
type Browser struct {
	ctx       context.Context
	userAgent string
	end       func()
}

// running is the Chromium that all running tests share: starting one takes a second, and
// it needs as much memory as all the rest.
var running struct {
	mu    sync.Mutex
	is    *Browser
	users int
}

// Start returns the Chromium of this test binary. If none is running, it starts one
// without a window and with a fresh profile. When the last test that uses it has ended,
// its processes and its profile are removed.
func Start(t testing.TB) *Browser {
	t.Helper()
	running.mu.Lock()
	defer running.mu.Unlock()
	if running.is == nil {
		running.is = startAny(t)
	}
	running.users++
	t.Cleanup(func() {
		running.mu.Lock()
		defer running.mu.Unlock()
		if running.users--; running.users == 0 {
			running.is.end()
			running.is = nil
		}
	})
	return running.is
}

func startAny(t testing.TB) *Browser {
	t.Helper()
	// Root has no sandbox anyway. In a container other users may have none either: only
	// then start without it.
	b, err := start(t, os.Getuid() != 0)
	if err != nil && os.Getuid() != 0 {
		t.Logf("again without the sandbox: %v", err)
		b, err = start(t, false)
	}
	if err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	return b
}

func start(t testing.TB, sandbox bool) (*Browser, error) {
	t.Helper()
	// When killed, Chromium leaves files behind. The name of a test's own directory can be
	// too long for its sockets.
	dir, err := os.MkdirTemp("", program)
	if err != nil {
		return nil, err
	}
	var log bytes.Buffer
	// Do not use the test's own context: it ends before the cleanup, which waits for
	// Chromium.
	alloc, free := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program),
		chromedp.Flag("no-sandbox", !sandbox),
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE [::1]"),
		chromedp.WindowSize(desktop.width, desktop.height),
		chromedp.Env("TMPDIR="+dir),
		chromedp.CombinedOutput(&log),
	)...)
	ctx, stop := chromedp.NewContext(alloc, chromedp.WithLogf(func(string, ...any) {}))
	end := func() {
		stop()
		free()                // waits for the processes, and removes the profile
		_ = os.RemoveAll(dir) // if it fails, the system cleans up
	}
	late := time.AfterFunc(patience, free)
	err = chromedp.Do(ctx)
	if !late.Stop() {
		err = errors.Join(errors.New("took too long"), err)
	}
	if err != nil {
		end()
		return nil, errors.Join(err, errors.New(log.String()))
	}
	version, err := cdp.Call(ctx, chromedp.FromContext(ctx).Browser, browser.GetVersion, cdp.Empty{})
	if err != nil {
		end()
		return nil, err
	}
	return &Browser{ctx: ctx, userAgent: version.UserAgent, end: end}, nil
}
