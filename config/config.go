package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/url"
	"time"

	"callback-relay/durations"
)

// Config is the settings, read and checked.
type Config struct {
	PublicURL     *url.URL // http or https; its path has no slash at the end
	PublicListen  string   // host:port
	PrivateListen string   // host:port

	Redis      Redis
	Durability Durability

	Keys    Secret // "name:base64,…", present but otherwise unchecked
	APIKeys []APIKey

	DefaultExpiry  time.Duration
	MaxExpiry      time.Duration
	Retention      time.Duration
	MaxOutputBytes int
	MaxBodyBytes   int           // of guarded links; at least MaxOutputBytes
	AnswerWait     time.Duration // 0 does not wait

	StepFunctionsTimeout time.Duration
	StepFunctionsRate    float64 // calls a second, 0 for no limit

	Brand Brand

	File *File // the configuration file; nil for none

	LogLevel  slog.Level
	LogFormat LogFormat
}

// Brand is how the pages for people look. Package pages checks that the logo is
// a picture and the colour a colour.
type Brand struct {
	Name  string
	Logo  []byte // nil for none
	Color string // "" for the relay's own
}

// Redis is where Redis is and how it runs.
type Redis struct {
	URL  Secret
	Mode RedisMode
}

// Durability is what a write to Redis needs before it is acknowledged.
type Durability struct {
	Trusted  bool // the store is durable by itself; nothing to wait for
	AOF      bool // copies count when they are in append-only files on disk
	Local    int  // with AOF: 1 if the server's own file counts, otherwise 0
	Replicas int  // how many replicas must have a copy
}

// RedisMode is how Redis runs, which decides the form of [Redis.URL].
type RedisMode string

// The modes of Redis.
const (
	RedisStandalone RedisMode = "standalone"
	RedisSentinel   RedisMode = "sentinel"
	RedisCluster    RedisMode = "cluster"
)

// LogFormat is the form of a log line.
type LogFormat string

// The forms of a log line.
const (
	LogJSON LogFormat = "json"
	LogText LogFormat = "text"
)

// APIKey recognises one caller of the private API. It prints as its name.
type APIKey struct {
	Name string
	Hash [sha256.Size]byte // SHA-256 of the key that the caller sends
}

// Format implements [fmt.Formatter], so that no verb prints the hash.
func (k APIKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.Name) }

// LogValue implements [slog.LogValuer].
func (k APIKey) LogValue() slog.Value { return slog.StringValue(k.Name) }

// MarshalText implements [encoding.TextMarshaler], and so covers JSON.
func (k APIKey) MarshalText() ([]byte, error) { return []byte(k.Name), nil }

const (
	// longestWait is how long a standard workflow may run, and so how long
	// one of its tasks can wait.
	longestWait = 365 * 24 * time.Hour

	// longestCall limits how long a request may wait for a call. A listener
	// cuts a response off 60 s after the headers, and the body may take half
	// of that.
	longestCall = 30 * time.Second

	// unbounded is for durations that are checked elsewhere, or not at all.
	unbounded time.Duration = math.MaxInt64

	// mostReplicas limits how many replicas a write may wait for. More is
	// surely a typing error.
	mostReplicas = 9

	// largestLogo is in bytes. Every page carries it.
	largestLogo = 12 << 10

	// largestOutput is the longest task output that Step Functions accepts.
	largestOutput = 262144

	// largestBody keeps several bodies within what a replica holds at once.
	largestBody = 4 << 20
)

// Parse reads and checks all settings, and the configuration file. The error joins one
// [*Mistake] for each wrong setting, and one [*FileMistake] for each mistake in the file.
// All other fields of Config are valid even then, so that a caller can check them further
// and report all mistakes together. An empty setting counts as not set.
func (s Settings) Parse() (Config, error) {
	fillIn(&s)
	var r reader
	c := Config{
		PublicURL:     r.publicURL("RELAY_PUBLIC_URL", s.PublicURL),
		PublicListen:  r.listen("RELAY_PUBLIC_LISTEN", s.PublicListen),
		PrivateListen: r.listen("RELAY_PRIVATE_LISTEN", s.PrivateListen),

		Redis:      s.RedisSettings.read(&r),
		Durability: r.durability("RELAY_REDIS_DURABILITY", s.RedisDurability),

		Keys:    r.secret("RELAY_KEYS", s.Keys, s.KeysFile),
		APIKeys: r.apiKeys("RELAY_API_KEYS", r.secret("RELAY_API_KEYS", s.APIKeys, s.APIKeysFile)),

		DefaultExpiry:  r.duration("RELAY_DEFAULT_EXPIRY", s.DefaultExpiry, time.Millisecond, unbounded),
		MaxExpiry:      r.duration("RELAY_MAX_EXPIRY", s.MaxExpiry, time.Millisecond, unbounded),
		Retention:      r.duration("RELAY_RETENTION", s.Retention, time.Millisecond, unbounded),
		MaxOutputBytes: r.integer("RELAY_MAX_OUTPUT_BYTES", s.MaxOutputBytes, 1, largestOutput),
		MaxBodyBytes:   r.integer("RELAY_MAX_BODY_BYTES", s.MaxBodyBytes, 1, largestBody),
		AnswerWait:     r.duration("RELAY_ANSWER_WAIT", s.AnswerWait, 0, longestCall),

		StepFunctionsTimeout: r.duration("RELAY_STEP_FUNCTIONS_TIMEOUT", s.StepFunctionsTimeout, time.Millisecond, longestCall),
		StepFunctionsRate:    r.rate("RELAY_STEP_FUNCTIONS_RATE", s.StepFunctionsRate),

		Brand: Brand{
			Name: s.BrandName, Color: s.BrandColor, Logo: r.file("RELAY_BRAND_LOGO_FILE", s.BrandLogoFile, largestLogo),
		},

		File: r.configFile("RELAY_CONFIG_FILE", s.ConfigFile),

		LogLevel:  r.logLevel("RELAY_LOG_LEVEL", s.LogLevel),
		LogFormat: oneOf(&r, "RELAY_LOG_FORMAT", s.LogFormat, LogJSON, LogText),
	}
	c.check(&r)
	return c, errors.Join(r.mistakes...)
}

// check compares settings with each other. A setting that could not be read is
// zero here and has been reported.
func (c Config) check(r *reader) {
	if sameListener(c.PublicListen, c.PrivateListen) {
		r.wrong("RELAY_PRIVATE_LISTEN", "%q and RELAY_PUBLIC_LISTEN %q use the same port; give each listener its own",
			c.PrivateListen, c.PublicListen)
	}
	if c.MaxBodyBytes > 0 && c.MaxBodyBytes < c.MaxOutputBytes {
		r.wrong("RELAY_MAX_BODY_BYTES", "%d is less than RELAY_MAX_OUTPUT_BYTES, %d; raise the one or lower the other",
			c.MaxBodyBytes, c.MaxOutputBytes)
	}
	if c.MaxExpiry > longestWait {
		r.wrong("RELAY_MAX_EXPIRY", "%s is longer than Step Functions lets a task wait; use at most 8760h", durations.Format(c.MaxExpiry))
	}
	if c.MaxExpiry > 0 && c.DefaultExpiry > c.MaxExpiry {
		r.wrong("RELAY_DEFAULT_EXPIRY", "%s is longer than RELAY_MAX_EXPIRY, %s; lower the one or raise the other",
			durations.Format(c.DefaultExpiry), durations.Format(c.MaxExpiry))
	}
}

// PrivateListen reads and checks RELAY_PRIVATE_LISTEN alone, like
// [Settings.Parse].
func PrivateListen(value string) (string, error) {
	s := Settings{PrivateListen: value}
	fillIn(&s)
	var r reader
	address := r.listen("RELAY_PRIVATE_LISTEN", s.PrivateListen)
	return address, errors.Join(r.mistakes...)
}

// Parse reads and checks the settings of Redis, like [Settings.Parse].
func (s RedisSettings) Parse() (Redis, error) {
	fillIn(&s)
	var r reader
	redis := s.read(&r)
	return redis, errors.Join(r.mistakes...)
}

func (s RedisSettings) read(r *reader) Redis {
	mode := oneOf(r, "RELAY_REDIS_MODE", s.RedisMode, RedisStandalone, RedisSentinel, RedisCluster)
	return Redis{
		Mode: mode,
		URL:  r.redisURL("RELAY_REDIS_URL", r.secret("RELAY_REDIS_URL", s.RedisURL, s.RedisURLFile), mode),
	}
}
