package browser_test

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"callback-relay/browser"
)

func testLooks(t *testing.T, b *browser.Browser) {
	s := serve(t, map[string]string{"/": form})
	for _, test := range []struct {
		look     browser.Look
		scheme   string
		language string
		accept   string
		number   string
		zone     string
	}{
		{browser.Look{}, "light", "en-US", "en-US,en;q=0.9", "1.5", "Europe/Berlin"},
		{browser.Look{Dark: true, Language: "de-DE", Timezone: "Asia/Tokyo"}, "dark", "de-DE", "de-DE,de;q=0.9", "1,5", "Asia/Tokyo"},
		{browser.Look{Language: "fr", Phone: true, NoScripts: true}, "light", "fr", "fr", "1,5", "Europe/Berlin"},
	} {
		tab := b.Tab(t, test.look)
		tab.Open(s.URL)
		var scheme, language, number, zone string
		tab.Eval(`matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"`, &scheme)
		tab.Eval(`navigator.language`, &language)
		tab.Eval(`(1.5).toLocaleString()`, &number)
		tab.Eval(`Promise.resolve(Intl.DateTimeFormat().resolvedOptions().timeZone)`, &zone)
		same(t, scheme, test.scheme)
		same(t, language, test.language)
		same(t, number, test.number)
		same(t, zone, test.zone)
		s.mu.Lock()
		same(t, s.asked[len(s.asked)-1].Get("Accept-Language"), test.accept)
		s.mu.Unlock()
	}
}

// testDress changes the look while the page stays the same.
func testDress(t *testing.T, b *browser.Browser) {
	s := serve(t, map[string]string{"/": form})
	tab := b.Tab(t, browser.Look{})
	tab.Open(s.URL)
	tab.Fill("#name", "kept")
	for _, look := range []browser.Look{{Dark: true, Phone: true}, {}, {Phone: true}, {Dark: true}} {
		tab.Dress(look)
		var dark, touch bool
		tab.Eval(`matchMedia("(prefers-color-scheme: dark)").matches`, &dark)
		tab.Eval(`matchMedia("(pointer: coarse)").matches`, &touch)
		same(t, dark, look.Dark)
		same(t, touch, look.Phone)
		content, viewport := tab.Width()
		same(t, content, viewport)
		same(t, size(t, tab).X, map[bool]int{true: 2 * 360, false: 1280}[look.Phone])
	}
	same(t, tab.Value("#name"), "kept")
	same(t, len(tab.Requests()), 1)
}

// testLinger waits on a page that does something by itself after half a minute.
func testLinger(t *testing.T, b *browser.Browser) {
	s := serve(t, map[string]string{"/done": "", "/": form + `<script>
		setTimeout(() => navigator.sendBeacon("/done"), 30000)</script>`})
	tab := b.Tab(t, browser.Look{})
	for n := range 2 {
		tab.Open(s.URL)
		tab.Linger()
		same(t, len(tab.Requests()), 2*(n+1))
	}
}

func testNoScripts(t *testing.T, b *browser.Browser) {
	s := serve(t, map[string]string{"/done": "", "/": form + `<noscript><p id=without>none</p></noscript><p id=p></p>
		<script>document.getElementById("p").textContent = "ran"; document.forms[0].onsubmit = () => false</script>`})
	tab := b.Tab(t, browser.Look{NoScripts: true})
	tab.Open(s.URL)
	same(t, tab.Text("#p"), "")
	same(t, tab.Text("#without"), "none")
	same(t, strings.Join(tab.Violations(), "\n"), "")
	same(t, tab.Text("#p"), "")
	tab.Fill("#name", "typed")
	tab.Tick("#sure")
	same(t, tab.Click("#go"), 200)
	same(t, len(s.posts()), 1)

	tab = b.Tab(t, browser.Look{})
	tab.Open(s.URL)
	same(t, tab.Text("#p"), "ran")
	same(t, tab.Has("#without"), false)
}

func testPhone(t *testing.T, b *browser.Browser) {
	s := serve(t, map[string]string{"/": form, "/wide": form + `<div style="width:800px;height:2000px">x</div><button id=last style="margin-left:700px" onclick="this.textContent='hit'">x</button>`})
	tab := b.Tab(t, browser.Look{Phone: true})
	tab.Open(s.URL)
	content, viewport := tab.Width()
	same(t, fmt.Sprint(content, viewport), "360 360")
	var touch bool
	tab.Eval(`matchMedia("(pointer: coarse)").matches`, &touch)
	same(t, touch, true)
	tab.Open(s.URL + "/wide")
	if content, viewport = tab.Width(); content <= viewport {
		t.Errorf("a page of 800 pixels is %d wide on a screen of %d", content, viewport)
	}
	tab.Poke("#last")
	same(t, tab.Text("#last"), "hit")
	if shot := size(t, tab); shot.X < 2*800 || shot.Y < 2*2000 {
		t.Errorf("the screenshot is of %v", shot)
	}
	tab = b.Tab(t, browser.Look{})
	tab.Open(s.URL + "/wide")
	tab.Poke("#last")
	same(t, tab.Text("#last"), "hit")
	content, viewport = tab.Width()
	same(t, fmt.Sprint(content, viewport), "1280 1280")
	if shot := size(t, tab); shot.X != 1280 || shot.Y < 2000 {
		t.Errorf("the screenshot is of %v", shot)
	}
}

func size(t *testing.T, tab *browser.Tab) image.Point {
	t.Helper()
	shot, err := png.Decode(bytes.NewReader(tab.Screenshot()))
	if err != nil {
		t.Fatal(err)
	}
	return shot.Bounds().Size()
}

func testRequests(t *testing.T, b *browser.Browser) {
	s := serve(t, map[string]string{"/": form + `<img alt="" src="http://elsewhere.test/pixel">
		<img alt="" src="data:image/gif;base64,R0lGODlhAQABAAAAACw="><link rel=stylesheet href=/none.css>`})
	tab := b.Tab(t, browser.Look{})
	tab.Open(s.URL)
	got := tab.Requests()
	slices.Sort(got)
	same(t, strings.Join(got, "\n"), strings.ReplaceAll("GET URL/\nGET URL/none.css\nGET http://elsewhere.test/pixel", "URL", s.URL))
	finds(t, tab.Problems(), "elsewhere.test/pixel: net::ERR_NAME_NOT_RESOLVED", "404 (Not Found) "+s.URL+"/none.css")
}

func testPolicy(t *testing.T, b *browser.Browser) {
	s := serve(t, map[string]string{"/done": "", "/": form + `<script>document.title = "ran"</script>
		<p id=p style="color:red">x</p><img alt="" src="/pixel">`})
	s.policy = "default-src 'none'; form-action 'none'"
	tab := b.Tab(t, browser.Look{})
	tab.Open(s.URL)
	var title string
	tab.Eval("document.title", &title)
	same(t, title, "A form")
	finds(t, tab.Problems(), "Executing inline script violates", "Applying inline style violates", "Loading the image", "/pixel:  csp")

	// The policy does not apply to the kit itself, which adds no problems.
	same(t, strings.Join(tab.Violations(), "\n"), "region: All page content should be contained by landmarks: #p")
	same(t, len(tab.Problems()), 4)
	tab.Poke("#go")
	// The browser reports this one a moment after the click.
	for late := time.Now().Add(20 * time.Second); len(tab.Problems()) == 4 && time.Now().Before(late); {
		runtime.Gosched()
	}
	finds(t, tab.Problems()[4:], "Sending form data to")
	same(t, len(s.posts()), 0)
}

func testProblems(t *testing.T, b *browser.Browser) {
	s := serve(t, map[string]string{"/": form + `<script>console.log("no"); console.error("one", {a: 1}, new Error("x"))</script>
		<script>Promise.reject("r")</script><script>throw new Error("boom")</script>`})
	tab := b.Tab(t, browser.Look{})
	tab.Open(s.URL)
	finds(t, tab.Problems(), "console: one Object Error: x", "Error: boom", `(in promise) "r"`)
}

func testAxe(t *testing.T, b *browser.Browser) {
	s := serve(t, map[string]string{"/": form, "/bad": `<!doctype html><html lang=en><title>Bad</title><main><h1>Bad</h1>
		<img src=x><p style="color:#ccc">pale</p>
		<button style="padding:0;border:0;width:9px;height:9px">x</button><button style="padding:0;border:0;width:9px;height:9px">y</button></main>`})
	for _, look := range []browser.Look{{}, {NoScripts: true}} {
		tab := b.Tab(t, look)
		tab.Open(s.URL)
		same(t, strings.Join(tab.Violations(), "\n"), "")
		tab.Open(s.URL + "/bad")
		finds(t, tab.Violations(),
			"color-contrast: Elements must meet minimum color contrast ratio thresholds: p",
			"image-alt: Images must have alternative text: img",
			"target-size: ", "target-size: ") // off by default
	}
}

// finds expects exactly as many problems as parts, each containing its part.
func finds(t *testing.T, got []string, want ...string) {
	t.Helper()
	for _, part := range want {
		if !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, part) }) {
			t.Errorf("there is no %q", part)
		}
	}
	if len(got) != len(want) || t.Failed() {
		t.Errorf("got %d, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
}

func testApart(t *testing.T, b *browser.Browser) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Set-Cookie", "a=b; HttpOnly")
		io.WriteString(w, "<!doctype html><p>hello")
	}))
	defer s.Close()
	one, other := b.Tab(t, browser.Look{}), b.Tab(t, browser.Look{})
	one.Open(s.URL)
	same(t, one.Cookies(), 1)
	same(t, other.Cookies(), 0)
}
