package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"callback-relay/durations"
)

// reader turns single settings into values. A setting that it cannot read
// becomes the zero value, and a mistake is added.
type reader struct {
	mistakes []error
}

// wrong adds one mistake.
func (r *reader) wrong(setting, format string, args ...any) {
	r.mistakes = append(r.mistakes, &Mistake{Setting: setting, Problem: fmt.Sprintf(format, args...)})
}

// secret returns the value of a required setting, or the content of the file
// that its twin X_FILE names, without the newlines at its end.
func (r *reader) secret(setting string, value Secret, path string) Secret {
	twin := setting + "_FILE"
	switch {
	case path == "" && value == "":
		r.wrong(setting, "is missing; set it, or %s to a file that holds it", twin)
		return ""
	case path == "":
		return value
	case value != "" && value.Reveal() != fallbackOf(setting):
		r.wrong(twin, "is set, and so is %s; keep one of them", setting)
		return ""
	}
	content, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		r.wrong(twin, "%v; name a file that the relay may read", WithoutPath(err))
		return ""
	}
	value = Secret(strings.TrimRight(string(content), "\r\n"))
	if value == "" {
		r.wrong(twin, "%s is empty; put the value of %s in it", path, setting)
	}
	return value
}

// file returns the content of a file of limited size; nil without a path.
func (r *reader) file(setting, path string, most int) []byte {
	if path == "" {
		return nil
	}
	content, err := readAtMost(path, most+1)
	switch {
	case err != nil:
		r.wrong(setting, "%v; name a file that the relay may read", WithoutPath(err))
	case len(content) == 0:
		r.wrong(setting, "the file is empty")
	case len(content) > most:
		r.wrong(setting, "the file has more than %d bytes; make it smaller", most)
	default:
		return content
	}
	return nil
}

// readAtMost reads the first bytes of a file.
func readAtMost(path string, most int) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, int64(most)))
}

// WithoutPath returns why a file cannot be read, without the file's name:
// someone may have given the secret itself instead of a file name.
func WithoutPath(err error) error {
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return failed.Err
	}
	return err
}

// pathPrefix is what may follow the host in the public URL. Only plain segments
// are allowed, so that links need no escaping and routes are unambiguous.
var pathPrefix = regexp.MustCompile(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?$`)

func (r *reader) publicURL(setting, value string) *url.URL {
	const want = "write it like https://relay.example.com or https://example.com/relay"
	if value == "" {
		r.wrong(setting, "is missing; %s", want)
		return nil
	}
	u, err := url.Parse(value)
	switch {
	case err != nil:
		r.wrong(setting, "cannot be read as a URL; %s", want)
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		r.wrong(setting, "%q is not an absolute http or https URL; %s", u.Redacted(), want)
	case u.User != nil:
		r.wrong(setting, "holds a user or password, which every link would show; leave them out")
	case strings.ContainsAny(value, "?#"):
		r.wrong(setting, "%q has a query or a fragment; leave it out", value)
	case !pathPrefix.MatchString(u.EscapedPath()):
		r.wrong(setting, "%q has an unusual path; use letters, digits and -._~ between single slashes", value)
	default:
		u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/"), ""
		return u
	}
	return nil
}

func (r *reader) listen(setting, value string) string {
	_, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		r.wrong(setting, "%q is not host:port; write it like :8080 or 127.0.0.1:8080", value)
		return ""
	}
	return value
}

// sameListener reports whether two listen addresses would use the same port.
// Port 0 is never the same: it means any free port.
func sameListener(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || portA == "0" {
		return false
	}
	return hostA == hostB || anyAddress(hostA) || anyAddress(hostB)
}

func anyAddress(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "" || err == nil && addr.IsUnspecified()
}

// redisURL checks the form of a Redis URL. Its mistakes show no part of the
// URL, since parse errors quote what may be a password.
func (r *reader) redisURL(setting string, value Secret, mode RedisMode) Secret {
	if value == "" {
		return "" // secret has said so
	}
	u, err := url.Parse(value.Reveal())
	switch {
	case err != nil:
		r.wrong(setting, "cannot be read as a URL; percent-encode special characters of the password")
	case u.Scheme != "redis" && u.Scheme != "rediss" && u.Scheme != "unix":
		r.wrong(setting, "does not begin with redis://, rediss:// or unix://")
	case u.Scheme == "unix" && mode != RedisStandalone && mode != "":
		r.wrong(setting, "unix:// works only with RELAY_REDIS_MODE standalone; begin with redis:// or rediss://")
	case mode == RedisSentinel && u.Query().Get("master_name") == "":
		r.wrong(setting, "RELAY_REDIS_MODE sentinel needs the name of the master; add ?master_name=NAME")
	default:
		return value
	}
	return ""
}

// durability reads what a write must wait for.
func (r *reader) durability(setting, value string) Durability {
	kind, counts, _ := strings.Cut(value, ":")
	local, replicas, both := strings.Cut(counts, ",")
	if !both {
		local, replicas = "0", counts
	}
	d := Durability{AOF: both, Trusted: value == "trusted"}
	var localErr, replicasErr error
	d.Local, localErr = strconv.Atoi(local)
	d.Replicas, replicasErr = strconv.Atoi(replicas)
	switch {
	case value == "none" || value == "trusted":
		return Durability{Trusted: d.Trusted}
	case kind == "wait" && !both || kind == "waitaof" && both:
		if localErr == nil && replicasErr == nil && d.Local >= 0 && d.Local <= 1 &&
			d.Replicas >= 0 && d.Replicas <= mostReplicas && d.Local+d.Replicas > 0 {
			return d
		}
	}
	r.wrong(setting, "%q is not valid; write none, trusted, wait:N or waitaof:L,N, where L is 0 or 1, N is at most %d, and one of them is above 0",
		value, mostReplicas)
	return Durability{}
}

// IsAPIKeyName reports whether a name is valid for a caller of the private API:
// 1 to 64 letters, digits and ._-, beginning with a letter or digit.
func IsAPIKeyName(name string) bool { return apiKeyName.MatchString(name) }

var apiKeyName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// apiKeys reads "name:sha256,…". Its mistakes number the entries from 1 and
// quote none: someone may have given the key itself instead of its hash.
func (r *reader) apiKeys(setting string, value Secret) []APIKey {
	if value == "" {
		return nil // secret has said so
	}
	var keys []APIKey
	for i, entry := range strings.Split(value.Reveal(), ",") {
		name, digest, found := strings.Cut(strings.TrimSpace(entry), ":")
		hash, err := hex.DecodeString(digest)
		switch {
		case !found:
			r.wrong(setting, "entry %d has no colon; write it as name:hash", i+1)
		case !IsAPIKeyName(name):
			r.wrong(setting, "entry %d has no valid name; write up to 64 letters, digits and ._-, then a colon", i+1)
		case err != nil || len(hash) != sha256.Size:
			r.wrong(setting, "entry %d is not name:hash with a SHA-256 in hex, which has 64 characters; 'relay keys api' prints the entry", i+1)
		case slices.ContainsFunc(keys, func(k APIKey) bool { return k.Name == name }):
			r.wrong(setting, "entry %d repeats the name %q; give every key its own", i+1, name)
		default:
			keys = append(keys, APIKey{Name: name, Hash: [sha256.Size]byte(hash)})
		}
	}
	return keys
}

func (r *reader) duration(setting, value string, atLeast, atMost time.Duration) time.Duration {
	d, problem := durationWithin(value, atLeast, atMost)
	if problem != "" {
		r.wrong(setting, "%s", problem)
	}
	return d
}

// durationWithin reads a duration between two others. If it cannot, it returns 0 and says
// what is wrong.
func durationWithin(value string, atLeast, atMost time.Duration) (_ time.Duration, problem string) {
	d, err := durations.Parse(value)
	switch {
	case err != nil:
		return 0, fmt.Sprintf("%q is not a duration; write it like 500ms, 90s, 24h or 7d", value)
	case d < atLeast:
		return 0, fmt.Sprintf("%q is too short; use at least %s", value, durations.Format(atLeast))
	case d > atMost:
		return 0, fmt.Sprintf("%q is too long; use at most %s", value, durations.Format(atMost))
	}
	return d, ""
}

func (r *reader) integer(setting, value string, lowest, highest int) int {
	n, err := strconv.Atoi(value)
	if err != nil || n < lowest || n > highest {
		r.wrong(setting, "%q is not a whole number from %d to %d", value, lowest, highest)
		return 0
	}
	return n
}

func (r *reader) rate(setting, value string) float64 {
	rate, err := strconv.ParseFloat(value, 64)
	if err != nil || !(rate >= 0) || math.IsInf(rate, 0) { // not rate < 0: NaN is neither
		r.wrong(setting, "%q is not a number of calls a second; write it like 400 or 0.5, or 0 for no limit", value)
		return 0
	}
	return rate
}

func (r *reader) logLevel(setting, value string) slog.Level {
	var level slog.Level
	// slog would accept "info+1" too, so it gets only the four names.
	if name := oneOf(r, setting, value, "debug", "info", "warn", "error"); name != "" {
		_ = level.UnmarshalText([]byte(name)) // knows all four
	}
	return level
}

// oneOf reads a setting that must have one of a few values.
func oneOf[T ~string](r *reader, setting, value string, allowed ...T) T {
	if slices.Contains(allowed, T(value)) {
		return T(value)
	}
	names := make([]string, len(allowed))
	for i, a := range allowed {
		names[i] = string(a)
	}
	r.wrong(setting, "%q is not valid; use one of %s", value, strings.Join(names, ", "))
	return ""
}
