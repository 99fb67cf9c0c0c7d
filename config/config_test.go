package config_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callback-relay/config"
)

// ordersHash is the SHA-256 of a made-up API key.
var ordersHash = sha256.Sum256([]byte("an API key"))

// enough returns the required settings.
func enough() config.Settings {
	return config.Settings{
		PublicURL: "https://relay.example.com",
		Keys:      "k1:c2VjcmV0",
		APIKeys:   config.Secret(fmt.Sprintf("orders:%x", ordersHash)),
	}
}

// enoughConfig returns the Config of these settings and the defaults.
func enoughConfig() config.Config {
	return config.Config{
		PublicURL:            &url.URL{Scheme: "https", Host: "relay.example.com"},
		PublicListen:         ":8080",
		PrivateListen:        ":8081",
		Redis:                config.Redis{URL: "redis://127.0.0.1:6379/0", Mode: config.RedisStandalone},
		Keys:                 "k1:c2VjcmV0",
		APIKeys:              []config.APIKey{{Name: "orders", Hash: ordersHash}},
		DefaultExpiry:        24 * time.Hour,
		MaxExpiry:            365 * 24 * time.Hour,
		Retention:            8 * 24 * time.Hour,
		MaxOutputBytes:       262144,
		MaxBodyBytes:         1 << 20,
		AnswerWait:           time.Second,
		StepFunctionsTimeout: 5 * time.Second,
		StepFunctionsRate:    400,
		LogLevel:             slog.LevelInfo,
		LogFormat:            config.LogJSON,
	}
}

func TestParseGood(t *testing.T) {
	second := sha256.Sum256([]byte("another API key"))
	tests := map[string]struct {
		change func(*config.Settings)
		want   func(*config.Config)
	}{
		"wait for replicas": {
			change: func(s *config.Settings) { s.RedisDurability = "wait:2" },
			want:   func(c *config.Config) { c.Durability = config.Durability{Replicas: 2} },
		},
		"wait for files": {
			change: func(s *config.Settings) { s.RedisDurability = "waitaof:1,0" },
			want:   func(c *config.Config) { c.Durability = config.Durability{AOF: true, Local: 1} },
		},
		"wait for files of replicas": {
			change: func(s *config.Settings) { s.RedisDurability = "waitaof:0,3" },
			want:   func(c *config.Config) { c.Durability = config.Durability{AOF: true, Replicas: 3} },
		},
		"a store that loses nothing": {
			change: func(s *config.Settings) { s.RedisDurability = "trusted" },
			want:   func(c *config.Config) { c.Durability = config.Durability{Trusted: true} },
		},
		"defaults": {
			change: func(*config.Settings) {},
			want:   func(*config.Config) {},
		},
		"public URL with a path prefix": {
			change: func(s *config.Settings) { s.PublicURL = "http://example.com:8443/hooks/v1.0/" },
			want: func(c *config.Config) {
				c.PublicURL = &url.URL{Scheme: "http", Host: "example.com:8443", Path: "/hooks/v1.0"}
			},
		},
		"public URL with a slash": {
			change: func(s *config.Settings) { s.PublicURL = "https://relay.example.com/" },
			want:   func(*config.Config) {},
		},
		"days": {
			change: func(s *config.Settings) { s.DefaultExpiry, s.MaxExpiry = "7d", "365d" },
			want:   func(c *config.Config) { c.DefaultExpiry = 168 * time.Hour },
		},
		"the longest retention in days": {
			change: func(s *config.Settings) { s.Retention = "65535d" },
			want:   func(c *config.Config) { c.Retention = 65535 * 24 * time.Hour },
		},
		"no wait, no limit": {
			change: func(s *config.Settings) { s.AnswerWait, s.StepFunctionsRate = "0s", "0" },
			want:   func(c *config.Config) { c.AnswerWait, c.StepFunctionsRate = 0, 0 },
		},
		"the longest calls": {
			change: func(s *config.Settings) { s.AnswerWait, s.StepFunctionsTimeout = "30s", "30s" },
			want:   func(c *config.Config) { c.AnswerWait, c.StepFunctionsTimeout = 30*time.Second, 30*time.Second },
		},
		"smallest output": {
			change: func(s *config.Settings) { s.MaxOutputBytes = "1" },
			want:   func(c *config.Config) { c.MaxOutputBytes = 1 },
		},
		"no larger bodies than outputs": {
			change: func(s *config.Settings) { s.MaxBodyBytes = "262144" },
			want:   func(c *config.Config) { c.MaxBodyBytes = 262144 },
		},
		"any free port, twice": {
			change: func(s *config.Settings) { s.PublicListen, s.PrivateListen = "127.0.0.1:0", "127.0.0.1:0" },
			want:   func(c *config.Config) { c.PublicListen, c.PrivateListen = "127.0.0.1:0", "127.0.0.1:0" },
		},
		"one port on two addresses": {
			change: func(s *config.Settings) { s.PublicListen, s.PrivateListen = "[::1]:80", "127.0.0.1:80" },
			want:   func(c *config.Config) { c.PublicListen, c.PrivateListen = "[::1]:80", "127.0.0.1:80" },
		},
		"sentinel": {
			change: func(s *config.Settings) {
				s.RedisMode, s.RedisURL = "sentinel", "rediss://s1:26379/2?master_name=main&addr=s2:26379"
			},
			want: func(c *config.Config) {
				c.Redis = config.Redis{Mode: config.RedisSentinel, URL: "rediss://s1:26379/2?master_name=main&addr=s2:26379"}
			},
		},
		"unix socket": {
			change: func(s *config.Settings) { s.RedisURL = "unix:///run/redis.sock" },
			want:   func(c *config.Config) { c.Redis.URL = "unix:///run/redis.sock" },
		},
		"two API keys, spaced": {
			change: func(s *config.Settings) {
				s.APIKeys = config.Secret(fmt.Sprintf(" orders:%x,\n Orders.2:%X ", ordersHash, second))
			},
			want: func(c *config.Config) {
				c.APIKeys = append(c.APIKeys, config.APIKey{Name: "Orders.2", Hash: second})
			},
		},
		"logging": {
			change: func(s *config.Settings) { s.LogLevel, s.LogFormat = "debug", "text" },
			want:   func(c *config.Config) { c.LogLevel, c.LogFormat = slog.LevelDebug, config.LogText },
		},
		"brand": {
			change: func(s *config.Settings) {
				s.BrandName, s.BrandColor, s.BrandLogoFile = "Acme", "#1a5fb4", file(t, "<svg/>\n")
			},
			want: func(c *config.Config) {
				c.Brand = config.Brand{Name: "Acme", Color: "#1a5fb4", Logo: []byte("<svg/>\n")}
			},
		},
		"the largest logo": {
			change: func(s *config.Settings) { s.BrandLogoFile = file(t, strings.Repeat("x", 12<<10)) },
			want:   func(c *config.Config) { c.Brand.Logo = bytes.Repeat([]byte("x"), 12<<10) },
		},
		"secrets from files": {
			change: func(s *config.Settings) {
				s.KeysFile, s.Keys = file(t, s.Keys.Reveal()+"\n"), ""
				s.APIKeysFile, s.APIKeys = file(t, s.APIKeys.Reveal()+"\r\n"), ""
				s.RedisURLFile = file(t, "redis://redis:6379/1")
			},
			want: func(c *config.Config) { c.Redis.URL = "redis://redis:6379/1" },
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			settings, want := enough(), enoughConfig()
			tt.change(&settings)
			tt.want(&want)
			got, err := settings.Parse()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Parse (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRedisSettingsAlone(t *testing.T) {
	got, err := config.RedisSettings{RedisMode: "cluster"}.Parse()
	if err != nil {
		t.Fatal(err)
	}
	want := config.Redis{URL: "redis://127.0.0.1:6379/0", Mode: config.RedisCluster}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Parse (-want +got):\n%s", diff)
	}
}

// file returns the path of a new file with the content.
func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPrivateListen(t *testing.T) {
	for value, want := range map[string]string{"": ":8081", "127.0.0.1:9000": "127.0.0.1:9000"} {
		got, err := config.PrivateListen(value)
		if err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", value, got, err, want)
		}
	}
	if _, err := config.PrivateListen("9000"); err == nil {
		t.Error("an address without a colon is taken")
	}
}
