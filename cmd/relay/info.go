package main

import (
	"fmt"
	"runtime/debug"
)

// version is set by the linker in a release build.
var version = ""

type versionCommand struct{}

// Run implements the command.
func (c *versionCommand) Run(t terminal) error {
	_, err := fmt.Fprintln(t.out, versionLine())
	return err
}

func versionLine() string { return "relay " + buildVersion() }

// buildVersion returns the release, or the commit the binary was built from.
func buildVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	revision, dirty := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+changes"
		}
	}
	if revision == "" {
		return "development build"
	}
	return revision[:min(12, len(revision))] + dirty
}
