package browser_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"callback-relay/browser"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site serves pages by path and keeps what was posted.
type site struct {
	*httptest.Server
	policy string // the Content-Security-Policy of every page

	mu     sync.Mutex
	posted []string
	asked  []http.Header
}

func serve(t *testing.T, pages map[string]string) *site {
	t.Helper()
	s := &site{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked = append(s.asked, r.Header)
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if s.policy != "" {
			w.Header().Set("Content-Security-Policy", s.policy)
		}
		page, ok := pages[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			page = "<!doctype html><p>nothing here"
		}
		if r.Method == http.MethodPost {
			body, _ := io.ReadAll(r.Body)
			s.posted = append(s.posted, string(body))
			fmt.Fprintf(w, "<!doctype html><title>ok</title><p id=n>%d</p><a href=/>on</a>", len(s.posted))
			return
		}
		io.WriteString(w, page)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *site) posts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.posted)
}

const form = `<!doctype html><html lang=en><meta name=viewport content="width=device-width"><title>A form</title>
<main><h1>Form</h1><form method=post action=/done>
<label>Name <input id=name name=name value=old></label>
<label>Why <textarea id=why name=why></textarea></label>
<label>When <input id=when name=when type=date></label>
<label>Size <select id=size name=size><option value=s>small<option value=l>large</select></label>
<label><input id=sure name=sure type=checkbox> Sure</label>
<button id=go name=go value=yes data-x=y>Go</button>
</form></main>`

func TestBrowser(t *testing.T) {
	if !browser.Available(t) {
		t.SkipNow()
	}
	b := browser.Start(t)
	for name, test := range map[string]func(*testing.T, *browser.Browser){
		"form": testForm, "keys": testKeys, "double click": testDoubleClick, "back and resubmit": testBack,
		"looks": testLooks, "dress": testDress, "linger": testLinger, "no scripts": testNoScripts, "phone": testPhone, "requests": testRequests,
		"policy": testPolicy, "problems": testProblems, "axe": testAxe, "apart": testApart,
		"header": testHeader,
	} {
		t.Run(name, func(t *testing.T) { test(t, b) })
	}
}

func testForm(t *testing.T, b *browser.Browser) {
	s := serve(t, map[string]string{"/": form, "/done": ""})
	tab := b.Tab(t, browser.Look{})
	same(t, tab.Open(s.URL), 200)
	same(t, tab.Text("h1"), "Form")
	same(t, tab.Has("#nothing"), false)
	same(t, tab.Attr("#go", "data-x"), "y")
	same(t, tab.Attr("#go", "data-y"), "")
	tab.Fill("#name", "Dana Ökafor")
	tab.Fill("#why", "one\ntwo")
	tab.Fill("#when", "2026-11-24")
	tab.Choose("#size", "l")
	tab.Tick("#sure")
	tab.Tick("#sure")
	same(t, tab.Value("#name"), "Dana Ökafor")
	same(t, tab.Click("#go"), 200)
	same(t, tab.Text("#n"), "1")
	same(t, s.posts()[0], "name=Dana+%C3%96kafor&why=one%0D%0Atwo&when=2026-11-24&size=l&sure=on&go=yes")
	same(t, tab.Open(s.URL+"/nowhere"), 404)
	same(t, len(tab.Problems()), 0)
}

func testKeys(t *testing.T, b *browser.Browser) {
	s := serve(t, map[string]string{"/": form, "/done": ""})
	tab := b.Tab(t, browser.Look{})
	tab.Open(s.URL)
	same(t, tab.Focused(), "body")
	tab.Press("Tab")
	same(t, tab.Focused(), "input#name")
	tab.Press("x")
	same(t, tab.Value("#name"), "x")
	tab.Press("Tab")
	same(t, tab.Focused(), "textarea#why")
	tab.Press("Shift+Tab")
	same(t, tab.Focused(), "input#name")
	same(t, tab.Enter(), 200)
	same(t, len(s.posts()), 1)
}

func testDoubleClick(t *testing.T, b *browser.Browser) {
	for _, look := range []browser.Look{{}, {NoScripts: true}, {Phone: true}} {
		s := serve(t, map[string]string{"/": form, "/done": ""})
		tab := b.Tab(t, look)
		tab.Open(s.URL)
		same(t, tab.DoubleClick("#go"), 200)
		same(t, len(s.posts()), 2)
		same(t, tab.Text("#n"), "2")
		// Answers are no longer held back.
		same(t, tab.Click("a"), 200)
		same(t, len(tab.Problems()), 0)
	}
	// A page that ignores the second click.
	s := serve(t, map[string]string{"/done": "", "/": form + `<script>
		document.forms[0].onsubmit = () => { setTimeout(() => document.getElementById("go").disabled = true) }</script>`})
	tab := b.Tab(t, browser.Look{})
	tab.Open(s.URL)
	same(t, tab.DoubleClick("#go"), 200)
	same(t, len(s.posts()), 1)
}

func testBack(t *testing.T, b *browser.Browser) {
	s := serve(t, map[string]string{"/": form, "/done": ""})
	tab := b.Tab(t, browser.Look{})
	tab.Open(s.URL)
	tab.Fill("#name", "typed")
	tab.Click("#go")
	same(t, tab.Reload(), 200)
	same(t, tab.Resubmit(), 200)
	same(t, len(s.posts()), 3)
	same(t, s.posts()[2], s.posts()[0])
	same(t, tab.Back(), 200)
	same(t, tab.Has("#go"), true)
	same(t, tab.Click("#go"), 200)
	same(t, len(s.posts()), 4)
	same(t, tab.Click("a"), 200)
	// Chromium asks whether to send the form again.
	same(t, tab.Back(), 0)
	same(t, len(s.posts()), 4)
	same(t, tab.Resubmit(), 200)
	same(t, len(s.posts()), 5)
}

// testHeader checks that a header is sent with what is opened and posted, and only by its tab.
func testHeader(t *testing.T, b *browser.Browser) {
	s := serve(t, map[string]string{"/": form, "/done": ""})
	tab, other := b.Tab(t, browser.Look{}), b.Tab(t, browser.Look{})
	sent := func() string {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.asked[len(s.asked)-1].Get("X-Who")
	}
	tab.Header("X-Who", "dana")
	tab.Open(s.URL)
	same(t, sent(), "dana")
	tab.Click("#go")
	same(t, sent(), "dana")
	other.Open(s.URL + "/done")
	same(t, sent(), "")
	tab.Header("X-Who", "lee")
	tab.Open(s.URL + "/done")
	same(t, sent(), "lee")
	same(t, len(tab.Problems()), 0)
}

// TestShared holds that tests that run at the same time share one browser.
func TestShared(t *testing.T) {
	if !browser.Available(t) {
		t.SkipNow()
	}
	var first *browser.Browser
	t.Run("outer", func(t *testing.T) {
		first = browser.Start(t)
		t.Run("inner", func(t *testing.T) { same(t, browser.Start(t), first) })
		browser.Start(t).Tab(t, browser.Look{}) // it runs on
	})
	t.Run("later", func(t *testing.T) {
		if browser.Start(t) == first {
			t.Error("the browser is the one that has ended")
		}
	})
}

// After a test has ended, none of its processes are left.
func TestGone(t *testing.T) {
	if !browser.Available(t) {
		t.SkipNow()
	}
	if _, err := os.Stat("/proc/self/cmdline"); err != nil {
		t.Skip("processes can be looked up on Linux only")
	}
	t.Setenv("TMPDIR", t.TempDir()) // where the profile is
	var during []string
	t.Run("", func(t *testing.T) {
		browser.Start(t).Tab(t, browser.Look{})
		during = processes(t, os.Getenv("TMPDIR"))
	})
	if len(during) == 0 {
		t.Error("no process was found while it ran")
	}
	same(t, strings.Join(processes(t, os.Getenv("TMPDIR")), "\n"), "")
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// processes returns the command lines that contain a text. Zombie processes do not count,
// since their command line is empty.
func processes(t *testing.T, with string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range files {
		if line, err := os.ReadFile(file); err == nil && strings.Contains(string(line), with) {
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

func TestAxeUnmodified(t *testing.T) {
	file, err := os.ReadFile("axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(file)
	same(t, hex.EncodeToString(sum[:]), "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c")
}

func same[T comparable](t *testing.T, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
