package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// surroundings are the services on which a server under test depends.
type surroundings struct {
	redis   *redisServer
	standIn string // URL
	dir     string // for files
}

// subject is a running server under test.
type subject struct {
	process  *process
	register string // URL for registrations
	events   string // URL for events
	missing  string // URL at which there is nothing; "" if links are forged
	apiKey   string // "" for none
}

// The names of the two servers in the report.
const (
	bareName  = "bare handler"
	relayName = "relay"
)

// redisEnv tells the bare handler where Redis is.
const redisEnv = "BENCH_REDIS"

// baseEnv is the environment of a server under test: none of the caller's
// settings, and the stand-in in place of AWS.
func baseEnv(around surroundings) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + around.dir,
		"AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=bench", "AWS_SECRET_ACCESS_KEY=bench",
		"AWS_ENDPOINT_URL_SFN=" + around.standIn,
	}
}

// startBare runs the bare handler.
func startBare(ctx context.Context, around surroundings) (*subject, error) {
	p, url, err := startRole(ctx, roleBare, append(baseEnv(around), redisEnv+"="+around.redis.addr)...)
	if err != nil {
		return nil, err
	}
	return &subject{process: p, register: url + barePath, events: url + eventPath, missing: url + missingPath}, nil
}

// startRelay returns a function that runs the relay's binary. Its settings are the
// defaults, with one exception: no limit on calls to Step Functions, since the bare
// handler has none. Further settings override these.
func startRelay(binary string, settings ...string) func(context.Context, surroundings) (*subject, error) {
	return func(ctx context.Context, around surroundings) (*subject, error) {
		public, err := freeAddress()
		if err != nil {
			return nil, err
		}
		private, err := freeAddress()
		if err != nil {
			return nil, err
		}
		masterKey := make([]byte, 32)
		_, _ = rand.Read(masterKey) // never fails, by its documentation
		apiKey := rand.Text()
		hash := sha256.Sum256([]byte(apiKey))
		env := append(baseEnv(around),
			"RELAY_PUBLIC_URL=http://"+public,
			"RELAY_PUBLIC_LISTEN="+public,
			"RELAY_PRIVATE_LISTEN="+private,
			"RELAY_REDIS_URL=redis://"+around.redis.addr+"/0",
			"RELAY_KEYS=bench:"+base64.StdEncoding.EncodeToString(masterKey),
			"RELAY_API_KEYS=bench:"+hex.EncodeToString(hash[:]),
			"RELAY_STEP_FUNCTIONS_RATE=0",
		)
		hook, err := writeHook(around.dir)
		if err != nil {
			return nil, err
		}
		p, err := serveRelay(ctx, binary, append(append(env, hook...), settings...))
		if err != nil {
			return nil, err
		}
		if err := p.until(ctx, "ready", func() bool { return answersOK(ctx, "http://"+private+"/readyz") }); err != nil {
			p.stop()
			return nil, err
		}
		events, err := hookURL(ctx, "http://"+private, apiKey)
		if err != nil {
			p.stop()
			return nil, err
		}
		return &subject{process: p, register: "http://" + private + "/v1/callbacks", events: events, apiKey: apiKey}, nil
	}
}

// serveRelay sets up the keyspace and runs the relay. As under a container runtime,
// its log goes into a pipe that another process reads: this one, which shows errors and
// drops the rest.
func serveRelay(ctx context.Context, binary string, env []string) (*process, error) {
	migrate := exec.CommandContext(ctx, binary, "migrate", "up")
	migrate.Env = env
	if output, err := migrate.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("migrate: %w\n%s", err, output)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p, err := start(ctx, env, nil, write, binary, "serve")
	write.Close() // the process has its own
	if err != nil {
		read.Close()
		return nil, err
	}
	go func() {
		defer read.Close()
		showErrors(read, os.Stderr)
	}()
	return p, nil
}

// showErrors reads a log to its end, and copies the lines of level error. Warnings are
// normal here: a scenario lets Step Functions fail.
func showErrors(log io.Reader, to io.Writer) {
	lines := bufio.NewReaderSize(log, 64<<10)
	for {
		line, err := lines.ReadSlice('\n')
		if bytes.Contains(line, []byte(`"level":"ERROR"`)) {
			_, _ = to.Write(line) // there is nobody to tell
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

func answersOK(ctx context.Context, url string) bool {
	return get(ctx, url, func(io.Reader) error { return nil }) == nil
}
