package main

import (
	"os"
	"strings"
	"testing"
)

// The table of docs/senders.md is the program's own.
func TestSendersPageIsFresh(t *testing.T) {
	page, err := os.ReadFile("../../docs/senders.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "\n"+sendersTable()) {
		t.Error("docs/senders.md is stale: put the output of go run ./cmd/relay senders doc in place of its table")
	}
}
