package config_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"callback-relay/config"
	"callback-relay/durations"
)

// workable are valid settings.
func workable() config.Settings {
	return config.Settings{
		PublicURL: "https://relay.example.com",
		Keys:      "k1:AAAA", APIKeys: config.Secret("ci:" + strings.Repeat("ab", 32)),
	}
}

// mistakes returns the problems of one setting; no other setting may have any.
func mistakes(t *testing.T, err error, setting string) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var problems []string
	for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
		wrong := (*config.Mistake)(nil)
		if !errors.As(e, &wrong) || wrong.Setting != setting {
			t.Fatalf("%v is said of something else", e)
		}
		problems = append(problems, wrong.Problem)
	}
	return problems
}

// A duration is read as the API reads it, within its limits.
func FuzzDuration(f *testing.F) {
	for _, text := range []string{"8d", "0d", "1ms", "0", "-1h", "192h", "65535d", "65536d", "1d1h", "d", "24h ", "1.5h", "2562047h47m16.854775807s"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if text == "" {
			return // not set
		}
		s := workable()
		s.Retention = text
		c, err := s.Parse()
		wrong := mistakes(t, err, "RELAY_RETENTION")
		want, wantErr := durations.Parse(text)
		switch {
		case wantErr == nil && want >= time.Millisecond:
			if len(wrong) > 0 || c.Retention != want {
				t.Errorf("%q is %v, want %v: %v", text, c.Retention, want, wrong)
			}
		case len(wrong) != 1 || c.Retention != 0:
			t.Errorf("%q is %v: %v", text, c.Retention, wrong)
		}
	})
}

// Every accepted public URL makes links that lead to it.
func FuzzPublicURL(f *testing.F) {
	for _, text := range []string{
		"https://relay.example.com", "http://127.0.0.1:8080/", "https://example.com/a/b", "https://user:pw@h", "https://h?x", "https://h#", "https://h//a",
		"https://h/..", "https://h/%2e%2e/", "ftp://h", "//h", "https://", "https://:80", "h", "https://h/a b", "https://[::1]:1/x/", "https://[fe80::1%25eth0]/", "HTTPS://H",
		"https://h:99999", "https://h/\n", "https://h\\@evil", "https://h/;x",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := workable()
		s.PublicURL = text
		c, err := s.Parse()
		if wrong := mistakes(t, err, "RELAY_PUBLIC_URL"); len(wrong) > 0 {
			if len(wrong) != 1 || c.PublicURL != nil {
				t.Errorf("%q: %v, and yet %v", text, wrong, c.PublicURL)
			}
			return
		}
		base := c.PublicURL.String()
		if !plainURL.MatchString(base) {
			t.Errorf("links would begin with %q", base)
		}
		s.PublicURL = base
		if again, err := s.Parse(); err != nil || again.PublicURL.String() != base {
			t.Errorf("%q is %q, and that is %v: %v", text, base, again.PublicURL, err)
		}
	})
}

// plainURL is scheme, host and plain segments, and nothing else.
var plainURL = regexp.MustCompile(`\Ahttps?://[^/?#@\s]+(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*\z`)

// keyMistake matches all permitted mistakes about API keys: none may show a key
// that someone gave instead of its hash.
var keyMistake = regexp.MustCompile(`^entry \d+ (has no colon; write it as name:hash` +
	`|has no valid name; write up to 64 letters, digits and \._-, then a colon` +
	`|is not name:hash with a SHA-256 in hex, which has 64 characters; 'relay keys api' prints the entry` +
	`|repeats the name "[A-Za-z0-9][A-Za-z0-9._-]{0,63}"; give every key its own)$`)

func FuzzAPIKeys(f *testing.F) {
	hash := strings.Repeat("ab", 32)
	for _, text := range []string{"ci:" + hash, "ci:" + hash + ",other:" + strings.ToUpper(hash), "ci:" + hash + ",ci:" + hash, hash + ":ci", hash, "ci:", ":", ",", "ci:zz", "ci:" + hash + "00", " ci:" + hash + "\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if text == "" {
			return // not set
		}
		s := workable()
		s.APIKeys = config.Secret(text)
		c, err := s.Parse()
		wrong := mistakes(t, err, "RELAY_API_KEYS")
		for _, problem := range wrong {
			if !keyMistake.MatchString(problem) {
				t.Errorf("it may quote a key: %s", problem)
			}
		}
		if got, want := len(c.APIKeys)+len(wrong), strings.Count(text, ",")+1; got != want {
			t.Errorf("%q: %d keys and mistakes of %d entries", text, got, want)
		}
		for _, key := range c.APIKeys {
			if !config.IsAPIKeyName(key.Name) {
				t.Errorf("a key is called %q", key.Name)
			}
		}
	})
}

// redisMistake matches all permitted mistakes about the Redis URL, which may
// hold a password.
var redisMistake = regexp.MustCompile(`^(cannot be read as a URL; percent-encode special characters of the password` +
	`|does not begin with redis://, rediss:// or unix://` +
	`|RELAY_REDIS_MODE sentinel needs the name of the master; add \?master_name=NAME` +
	`|unix:// works only with RELAY_REDIS_MODE standalone; begin with redis:// or rediss://)$`)

func FuzzRedisURL(f *testing.F) {
	for _, text := range []string{"redis://user:p%40ss@h:6379/0", "redis://h:p@ss#w@h", "rediss://h?master_name=m", "unix:///run/redis.sock", "http://h", "redis", "redis://h:port", "%zz", "redis://:\x00@h"} {
		for mode := range uint8(3) {
			f.Add(text, mode)
		}
	}
	f.Fuzz(func(t *testing.T, text string, mode uint8) {
		if text == "" {
			return // not set
		}
		s := workable()
		s.RedisURL = config.Secret(text)
		s.RedisMode = []string{"standalone", "sentinel", "cluster"}[mode%3]
		c, err := s.Parse()
		wrong := mistakes(t, err, "RELAY_REDIS_URL")
		switch {
		case len(wrong) == 0 && c.Redis.URL.Reveal() != text:
			t.Error("it was changed")
		case len(wrong) > 0 && (!redisMistake.MatchString(wrong[0]) || c.Redis.URL != ""):
			t.Errorf("it may quote a password: %q", wrong)
		}
	})
}
