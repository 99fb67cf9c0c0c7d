package examples

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// need ends a test for which a program is missing. In CI it must be there.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		without(t, "%s is not installed (make test installs it)", program)
	}
}

// without ends a test that lacks something: as failed in CI, else as skipped.
func without(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// installed returns a copy of the folder typescript with its packages.
func installed(t *testing.T) string {
	t.Helper()
	need(t, "node")
	need(t, "npm")
	dir := t.TempDir()
	for _, name := range []string{"ask.ts", "package.json", "package-lock.json", "tsconfig.json"} {
		content, err := os.ReadFile(filepath.Join("typescript", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := npm(dir, "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"); err != nil {
		without(t, "npm ci: %v\n%s", err, out)
	}
	return dir
}

func npm(dir string, args ...string) ([]byte, error) {
	cmd := exec.Command("npm", args...)
	cmd.Dir = dir
	return cmd.CombinedOutput()
}

// compiled returns a folder with the function in TypeScript, after its types
// were checked, as dist/ask.js. The validator of state machines is there too,
// and is asked about all of them.
func compiled(t *testing.T) string {
	t.Helper()
	dir := installed(t)
	if out, err := npm(dir, "run", "build"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for file := range workflows(t) {
		path, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := npm(dir, "exec", "--offline", "--", "asl-validator", "--json-path", path); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
	return dir
}
