package main

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"
)

// TestHealthHasAnEnd asks a listener that accepts connections and never responds.
func TestHealthHasAnEnd(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := askHealth(ctx, silent.Addr().String(), "/healthz"); !errors.Is(err, errUnreachable) {
		t.Errorf("got %v, want %v", err, errUnreachable)
	}
}
