package docs_test

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// onlyInDevelopment must not be in a release build.
var onlyInDevelopment = []string{
	"callback-relay/devmode",
	"callback-relay/devmode/samples",
	"callback-relay/stepfunctions/standin",
	"github.com/alicebob/miniredis/v2",
	"golang.org/x/tools/txtar",
	"testing",
}

// dependencies lists what cmd/relay is built of under the given build tags.
func dependencies(t *testing.T, tags string) []string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-tags", tags, "./cmd/relay")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return strings.Fields(string(out))
}

func TestReleaseHoldsNothingOfDevMode(t *testing.T) {
	release := dependencies(t, "release")
	if !slices.Contains(release, "callback-relay/handlers") {
		t.Fatal("the list of dependencies is not one")
	}
	for _, name := range onlyInDevelopment {
		if slices.Contains(release, name) {
			t.Errorf("a release build holds %s", name)
		}
	}
	// Without the tag they are there, or this test would look for the wrong names.
	development := dependencies(t, "")
	for _, name := range onlyInDevelopment[:5] {
		if !slices.Contains(development, name) {
			t.Errorf("dev mode does not hold %s", name)
		}
	}
}

// A release build compiles: some files are only in others.
func TestReleaseCompiles(t *testing.T) {
	cmd := exec.Command("go", "build", "-tags", "release", "./...")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// What .dockerignore keeps from the builder cannot be compiled.
func TestImageGetsEveryPackage(t *testing.T) {
	let := strings.Split(read(t, root+"/.dockerignore"), "\n")
	for _, name := range dependencies(t, "release") {
		ours, is := strings.CutPrefix(name, module)
		folder, _, _ := strings.Cut(ours, "/")
		if is && !slices.Contains(let, "!"+folder) {
			t.Errorf(".dockerignore keeps out %s, which a release needs", folder)
		}
	}
}

// Another release of Go makes another program, so the image names it in full.
func TestImageNamesItsGo(t *testing.T) {
	if !regexp.MustCompile(`(?m)^FROM \S+ golang:\d+\.\d+\.\d+ AS build$`).MatchString(read(t, root+"/Dockerfile")) {
		t.Error("the Dockerfile names no release of Go, such as golang:1.26.8")
	}
}

// The Dockerfile and the Makefile build the same release.
func TestReleaseIsBuiltAlike(t *testing.T) {
	flags := []string{"CGO_ENABLED=0", "-trimpath", "-tags release,nethttpomithttp2", "./cmd/relay"}
	for _, file := range []string{"Dockerfile", "Makefile"} {
		text := read(t, root+"/"+file)
		for _, flag := range flags {
			if !strings.Contains(text, flag) {
				t.Errorf("%s does not build with %s", file, flag)
			}
		}
	}
}
