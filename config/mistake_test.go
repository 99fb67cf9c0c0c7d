package config_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"callback-relay/config"
)

func TestParseMistakes(t *testing.T) {
	const hash = "c3ab8ff13720e8ad9047dd39466b3c8974e592c2fa383d4a3960714caef0c4f2"
	const listenLike = "write it like :8080 or 127.0.0.1:8080"
	const urlLike = "write it like https://relay.example.com or https://example.com/relay"
	const durationLike = "is not a duration; write it like 500ms, 90s, 24h or 7d"
	missing := filepath.Join(t.TempDir(), "missing")
	empty := file(t, "\n")

	type test struct {
		change func(*config.Settings)
		want   map[string]string
	}
	durability := func(value string) test {
		return test{
			change: func(s *config.Settings) { s.RedisDurability = value },
			want: map[string]string{"RELAY_REDIS_DURABILITY": fmt.Sprintf(
				"%q is not valid; write none, trusted, wait:N or waitaof:L,N, where L is 0 or 1, N is at most 9, and one of them is above 0", value)},
		}
	}
	logo := func(path, problem string) test {
		return test{
			change: func(s *config.Settings) { s.BrandLogoFile = path },
			want:   map[string]string{"RELAY_BRAND_LOGO_FILE": problem},
		}
	}
	tests := map[string]test{
		"nothing set": {
			change: func(s *config.Settings) { *s = config.Settings{} },
			want: map[string]string{
				"RELAY_PUBLIC_URL": "is missing; " + urlLike,
				"RELAY_KEYS":       "is missing; set it, or RELAY_KEYS_FILE to a file that holds it",
				"RELAY_API_KEYS":   "is missing; set it, or RELAY_API_KEYS_FILE to a file that holds it",
			},
		},
		"public URL unreadable": {
			change: func(s *config.Settings) { s.PublicURL = "https://[" },
			want:   map[string]string{"RELAY_PUBLIC_URL": "cannot be read as a URL; " + urlLike},
		},
		"public URL without a scheme": {
			change: func(s *config.Settings) { s.PublicURL = "relay.example.com" },
			want:   map[string]string{"RELAY_PUBLIC_URL": `"relay.example.com" is not an absolute http or https URL; ` + urlLike},
		},
		"public URL without a host": {
			change: func(s *config.Settings) { s.PublicURL = "https://:443/relay" },
			want:   map[string]string{"RELAY_PUBLIC_URL": `"https://:443/relay" is not an absolute http or https URL; ` + urlLike},
		},
		"public URL of another scheme": {
			change: func(s *config.Settings) { s.PublicURL = "ftp://me:hunter2@example.com" },
			want:   map[string]string{"RELAY_PUBLIC_URL": `"ftp://me:xxxxx@example.com" is not an absolute http or https URL; ` + urlLike},
		},
		"public URL with a password": {
			change: func(s *config.Settings) { s.PublicURL = "https://me:hunter2@example.com" },
			want:   map[string]string{"RELAY_PUBLIC_URL": "holds a user or password, which every link would show; leave them out"},
		},
		"public URL with a query": {
			change: func(s *config.Settings) { s.PublicURL = "https://example.com/?" },
			want:   map[string]string{"RELAY_PUBLIC_URL": `"https://example.com/?" has a query or a fragment; leave it out`},
		},
		"public URL with a fragment": {
			change: func(s *config.Settings) { s.PublicURL = "https://example.com/#top" },
			want:   map[string]string{"RELAY_PUBLIC_URL": `"https://example.com/#top" has a query or a fragment; leave it out`},
		},
		"public URL with dots for a path": {
			change: func(s *config.Settings) { s.PublicURL = "https://example.com/a/../b" },
			want:   map[string]string{"RELAY_PUBLIC_URL": `"https://example.com/a/../b" has an unusual path; use letters, digits and -._~ between single slashes`},
		},
		"listen addresses": {
			change: func(s *config.Settings) { s.PublicListen, s.PrivateListen = "8080", ":65536" },
			want: map[string]string{
				"RELAY_PUBLIC_LISTEN":  `"8080" is not host:port; ` + listenLike,
				"RELAY_PRIVATE_LISTEN": `":65536" is not host:port; ` + listenLike,
			},
		},
		"one port for both listeners": {
			change: func(s *config.Settings) { s.PublicListen, s.PrivateListen = "127.0.0.1:80", "[::]:80" },
			want:   map[string]string{"RELAY_PRIVATE_LISTEN": `"[::]:80" and RELAY_PUBLIC_LISTEN "127.0.0.1:80" use the same port; give each listener its own`},
		},
		"Redis mode": {
			change: func(s *config.Settings) { s.RedisMode = "sharded" },
			want:   map[string]string{"RELAY_REDIS_MODE": `"sharded" is not valid; use one of standalone, sentinel, cluster`},
		},
		"Redis URL unreadable": {
			change: func(s *config.Settings) { s.RedisURL = "redis://me:hun/ter2@redis:6379" },
			want:   map[string]string{"RELAY_REDIS_URL": "cannot be read as a URL; percent-encode special characters of the password"},
		},
		"Redis URL of another scheme": {
			change: func(s *config.Settings) { s.RedisURL = "https://me:hunter2@redis" },
			want:   map[string]string{"RELAY_REDIS_URL": "does not begin with redis://, rediss:// or unix://"},
		},
		"Redis URL without a scheme": {
			change: func(s *config.Settings) { s.RedisURL = "redis.example.com:6379" },
			want:   map[string]string{"RELAY_REDIS_URL": "does not begin with redis://, rediss:// or unix://"},
		},
		"Redis cluster on a socket": {
			change: func(s *config.Settings) { s.RedisMode, s.RedisURL = "cluster", "unix:///run/redis.sock" },
			want:   map[string]string{"RELAY_REDIS_URL": "unix:// works only with RELAY_REDIS_MODE standalone; begin with redis:// or rediss://"},
		},
		"Redis sentinel without a master": {
			change: func(s *config.Settings) { s.RedisMode = "sentinel" },
			want:   map[string]string{"RELAY_REDIS_URL": "RELAY_REDIS_MODE sentinel needs the name of the master; add ?master_name=NAME"},
		},
		"secret and file": {
			change: func(s *config.Settings) {
				s.KeysFile = missing
				s.RedisURL, s.RedisURLFile = "redis://me:hunter2@redis", missing
			},
			want: map[string]string{
				"RELAY_KEYS_FILE":      "is set, and so is RELAY_KEYS; keep one of them",
				"RELAY_REDIS_URL_FILE": "is set, and so is RELAY_REDIS_URL; keep one of them",
			},
		},
		"secret files that hold nothing": {
			change: func(s *config.Settings) {
				s.Keys, s.KeysFile = "", missing
				s.APIKeys, s.APIKeysFile = "", empty
			},
			want: map[string]string{
				"RELAY_KEYS_FILE":     "no such file or directory; name a file that the relay may read",
				"RELAY_API_KEYS_FILE": empty + " is empty; put the value of RELAY_API_KEYS in it",
			},
		},
		"API keys": {
			change: func(s *config.Settings) {
				s.APIKeys = "hunter2,hunter 2:" + hash + ",a:hunter2,b:" + hash + ",b:" + hash + ",c:" + hash + "00,"
			},
			want: map[string]string{"RELAY_API_KEYS": strings.Join([]string{
				"entry 1 has no colon; write it as name:hash",
				"entry 2 has no valid name; write up to 64 letters, digits and ._-, then a colon",
				"entry 3 is not name:hash with a SHA-256 in hex, which has 64 characters; 'relay keys api' prints the entry",
				`entry 5 repeats the name "b"; give every key its own`,
				"entry 6 is not name:hash with a SHA-256 in hex, which has 64 characters; 'relay keys api' prints the entry",
				"entry 7 has no colon; write it as name:hash",
			}, "\n")},
		},
		"durations": {
			change: func(s *config.Settings) {
				s.DefaultExpiry, s.MaxExpiry, s.Retention = "1.5d", "0s", "65536d"
				s.AnswerWait, s.StepFunctionsTimeout = "-1s", "5"
			},
			want: map[string]string{
				"RELAY_DEFAULT_EXPIRY":         `"1.5d" ` + durationLike,
				"RELAY_MAX_EXPIRY":             `"0s" is too short; use at least 1ms`,
				"RELAY_RETENTION":              `"65536d" ` + durationLike,
				"RELAY_ANSWER_WAIT":            `"-1s" is too short; use at least 0s`,
				"RELAY_STEP_FUNCTIONS_TIMEOUT": `"5" ` + durationLike,
			},
		},
		"durations longer than a request may last": {
			change: func(s *config.Settings) { s.AnswerWait, s.StepFunctionsTimeout = "30s1ns", "1m" },
			want: map[string]string{
				"RELAY_ANSWER_WAIT":            `"30s1ns" is too long; use at most 30s`,
				"RELAY_STEP_FUNCTIONS_TIMEOUT": `"1m" is too long; use at most 30s`,
			},
		},
		"longest wait alone": {
			change: func(s *config.Settings) { s.MaxExpiry = "long" },
			want:   map[string]string{"RELAY_MAX_EXPIRY": `"long" ` + durationLike},
		},
		"longer than a year": {
			change: func(s *config.Settings) { s.MaxExpiry = "8760h1ns" },
			want:   map[string]string{"RELAY_MAX_EXPIRY": "8760h0m0.000000001s is longer than Step Functions lets a task wait; use at most 8760h"},
		},
		"default longer than the longest": {
			change: func(s *config.Settings) { s.MaxExpiry = "12h" },
			want:   map[string]string{"RELAY_DEFAULT_EXPIRY": "24h is longer than RELAY_MAX_EXPIRY, 12h; lower the one or raise the other"},
		},
		"output too large": {
			change: func(s *config.Settings) { s.MaxOutputBytes = "262145" },
			want:   map[string]string{"RELAY_MAX_OUTPUT_BYTES": `"262145" is not a whole number from 1 to 262144`},
		},
		"output of nothing": {
			change: func(s *config.Settings) { s.MaxOutputBytes = "0" },
			want:   map[string]string{"RELAY_MAX_OUTPUT_BYTES": `"0" is not a whole number from 1 to 262144`},
		},
		"body shorter than an output": {
			change: func(s *config.Settings) { s.MaxBodyBytes = "262143" },
			want:   map[string]string{"RELAY_MAX_BODY_BYTES": "262143 is less than RELAY_MAX_OUTPUT_BYTES, 262144; raise the one or lower the other"},
		},
		"body too large": {
			change: func(s *config.Settings) { s.MaxBodyBytes = "4194305" },
			want:   map[string]string{"RELAY_MAX_BODY_BYTES": `"4194305" is not a whole number from 1 to 4194304`},
		},
		"durability that waits for nothing": durability("wait:0"),
		"durability without a number":       durability("wait"),
		"durability that is no number":      durability("wait:x"),
		"durability below nothing":          durability("wait:-1"),
		"durability of too many":            durability("wait:10"),
		"durability with two numbers":       durability("wait:1,1"),
		"durability of files, one number":   durability("waitaof:1"),
		"durability of two own files":       durability("waitaof:2,1"),
		"durability of no file":             durability("waitaof:0,0"),
		"durability by another name":        durability("always"),
		"durability with an afterthought":   durability("trusted:1"),
		"logo that is not there":            logo(missing, "no such file or directory; name a file that the relay may read"),
		"logo that is a folder":             logo(t.TempDir(), "is a directory; name a file that the relay may read"),
		"logo of nothing":                   logo(file(t, ""), "the file is empty"),
		"logo too large":                    logo(file(t, strings.Repeat("x", 12<<10+1)), "the file has more than 12288 bytes; make it smaller"),
		"rate below zero": {
			change: func(s *config.Settings) { s.StepFunctionsRate = "-1" },
			want:   map[string]string{"RELAY_STEP_FUNCTIONS_RATE": `"-1" is not a number of calls a second; write it like 400 or 0.5, or 0 for no limit`},
		},
		"rate that is no number": {
			change: func(s *config.Settings) { s.StepFunctionsRate = "NaN" },
			want:   map[string]string{"RELAY_STEP_FUNCTIONS_RATE": `"NaN" is not a number of calls a second; write it like 400 or 0.5, or 0 for no limit`},
		},
		"logging": {
			change: func(s *config.Settings) { s.LogLevel, s.LogFormat = "info+1", "JSON" },
			want: map[string]string{
				"RELAY_LOG_LEVEL":  `"info+1" is not valid; use one of debug, info, warn, error`,
				"RELAY_LOG_FORMAT": `"JSON" is not valid; use one of json, text`,
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			settings := enough()
			tt.change(&settings)
			_, err := settings.Parse()
			if diff := cmp.Diff(tt.want, problems(t, err)); diff != "" {
				t.Errorf("mistakes (-want +got):\n%s", diff)
			}
			for _, secret := range []string{"hunter", hash} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error shows a secret: %v", err)
				}
			}
		})
	}
}

// TestEveryMistakeAtOnce gives every setting an invalid value.
func TestEveryMistakeAtOnce(t *testing.T) {
	var settings config.Settings
	want := map[string]bool{}
	for _, f := range fields() {
		env := f.Tag.Get("env")
		switch {
		case strings.HasSuffix(env, "_FILE") && env != "RELAY_BRAND_LOGO_FILE":
			continue // would replace the bad secret
		case env == "RELAY_BRAND_NAME", env == "RELAY_BRAND_COLOR":
			continue // any text is valid here: package pages checks them
		}
		want[env] = true
		if env != "RELAY_KEYS" { // only a missing value is wrong here: the key ring checks its form
			reflect.ValueOf(&settings).Elem().FieldByIndex(f.Index).SetString("://\x00")
		}
	}
	_, err := settings.Parse()
	got := map[string]bool{}
	for env := range problems(t, err) {
		got[env] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings blamed (-want +got):\n%s", diff)
	}
}

// TestGoodFieldsSurvive lets a caller check further after a mistake.
func TestGoodFieldsSurvive(t *testing.T) {
	settings := enough()
	settings.LogLevel = "loud"
	got, err := settings.Parse()
	further := &config.Mistake{Setting: "RELAY_KEYS", Problem: "entry 1: want 32 bytes"}
	err = errors.Join(err, further)

	want := "RELAY_LOG_LEVEL: \"loud\" is not valid; use one of debug, info, warn, error\nRELAY_KEYS: entry 1: want 32 bytes"
	if diff := cmp.Diff(want, fmt.Sprint(err)); diff != "" {
		t.Errorf("joined mistakes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(enoughConfig(), got); diff != "" { // info is the zero level
		t.Errorf("Config (-want +got):\n%s", diff)
	}
}

// problems returns the problems in an error of Parse by setting, and fails on an
// error of another kind.
func problems(t *testing.T, err error) map[string]string {
	t.Helper()
	all := map[string]string{}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("got %v, want joined mistakes", err)
	}
	for _, err := range joined.Unwrap() {
		var m *config.Mistake
		if !errors.As(err, &m) {
			t.Fatalf("got %T, want *config.Mistake: %v", err, err)
		}
		all[m.Setting] = strings.TrimPrefix(all[m.Setting]+"\n"+m.Problem, "\n")
	}
	return all
}
