package senders_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"callback-relay/senders"
)

// openssl runs another program that signs, so that the relay's arithmetic is not checked
// by itself.
func openssl(t *testing.T, input string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "openssl", args...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = strings.NewReader(input), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("openssl %s: %v: %s", args[0], err, stderr.String())
	}
	return out
}

// opensslHMAC returns an HMAC. The key is in hexadecimal.
func opensslHMAC(t *testing.T, hash, hexKey, signed string) []byte {
	t.Helper()
	return openssl(t, signed, "dgst", "-"+hash, "-mac", "HMAC", "-macopt", "hexkey:"+hexKey, "-binary")
}

// opensslKey makes a private key and returns its file, and the public key as
// SubjectPublicKeyInfo in DER.
func opensslKey(t *testing.T, args ...string) (file string, public []byte) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "key.pem")
	openssl(t, "", append(append([]string{"genpkey"}, args...), "-out", file)...)
	return file, openssl(t, "", "pkey", "-in", file, "-pubout", "-outform", "DER")
}

// opensslEd25519 signs with a private key of Ed25519.
func opensslEd25519(t *testing.T, file, signed string) []byte {
	t.Helper()
	message := filepath.Join(t.TempDir(), "message")
	must(t, os.WriteFile(message, []byte(signed), 0o600))
	return openssl(t, "", "pkeyutl", "-sign", "-inkey", file, "-rawin", "-in", message)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// reasonOf is why a post is not proven; "" if it is.
func reasonOf(t *testing.T, err error) senders.Reason {
	t.Helper()
	if err == nil {
		return ""
	}
	wrong, is := errors.AsType[*senders.UnprovenError](err)
	if !is {
		t.Fatalf("%v is not an UnprovenError", err)
	}
	return wrong.Reason
}
