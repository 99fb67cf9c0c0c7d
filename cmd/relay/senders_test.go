//go:build !release

package main

import (
	"os"
	"testing"
)

// The sections of docs/senders.md are made of the samples, which tests run.
func TestSendersPageIsFresh(t *testing.T) {
	page, err := os.ReadFile("../../docs/senders.md")
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := withPresets(string(page))
	if err != nil {
		t.Fatal(err)
	}
	if fresh != string(page) {
		t.Error("docs/senders.md is stale: run make docs")
	}
}
