package examples

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"callback-relay/programs"
)

// installed returns a copy of the folder typescript with its packages.
func installed(t *testing.T) string {
	t.Helper()
	programs.Need(t, "node")
	programs.Need(t, "npm")
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
		programs.Skip(t, "npm ci: %v\n%s", err, out)
	}
	return dir
}

func npm(dir string, args ...string) ([]byte, error) {
	cmd := exec.Command("npm", args...)
	cmd.Dir = dir
	return cmd.CombinedOutput()
}

// compiled checks the types of the function in TypeScript, and returns a folder
// with the function as dist/ask.js. It also runs the validator on all state
// machines.
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
