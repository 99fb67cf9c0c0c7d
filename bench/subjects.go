package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"os"
)

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
	return &subject{process: p, register: url + barePath, events: url + eventPath}, nil
}

// startRelay returns a function that runs the relay's binary. Its settings are the
// defaults, with two exceptions: no limit on calls to Step Functions, and a log of
// warnings only, since the bare handler has no log. Further settings override
// these.
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
			"RELAY_LOG_LEVEL=warn",
		)
		hook, err := writeHook(around.dir)
		if err != nil {
			return nil, err
		}
		env = append(append(env, hook...), settings...)
		migrate, err := start(ctx, env, nil, binary, "migrate", "up")
		if err != nil {
			return nil, err
		}
		<-migrate.gone // the readiness check notices if it failed
		p, err := start(ctx, env, nil, binary, "serve")
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

func answersOK(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}
