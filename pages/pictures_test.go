package pages

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"callback-relay/browser"
)

var screenshots = flag.String("screenshots", "", "folder into which TestInBrowser writes a picture of every sample")

// keep writes a picture of the page in a tab.
func keep(t *testing.T, name string, tab *browser.Tab) {
	t.Helper()
	if err := os.MkdirAll(*screenshots, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*screenshots, "sample-"+name+".png"), tab.Screenshot(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// takePictures takes a picture of every sample in several looks.
func takePictures(t *testing.T, b *browser.Browser) {
	t.Helper()
	for _, look := range []struct {
		name string
		browser.Look
	}{
		{"phone-light-en", browser.Look{Phone: true}}, {"phone-dark-de", browser.Look{Phone: true, Dark: true, Language: "de-DE"}},
		{"desktop-light-de", browser.Look{Language: "de-DE"}}, {"desktop-dark-en", browser.Look{Dark: true}}, {"print-en", browser.Look{Print: true}},
		{"phone-rtl", browser.Look{Phone: true}},
	} {
		p := branded(t)
		if look.name == "phone-rtl" {
			p = mirrored(t)
		}
		at, tab := site(t, p), b.Tab(t, look.Look)
		for _, s := range samples() {
			tab.Open(at.URL + "/" + s.name)
			keep(t, s.name+"-"+look.name, tab)
		}
	}
}
