package config

import (
	"reflect"
	"strings"
)

// Settings holds every setting as the operator wrote it. A command embeds it
// to read every setting from a flag or from the environment; the flag wins.
//
// Fields are strings on purpose: see [Settings.Parse].
type Settings struct {
	PublicURL     string `env:"RELAY_PUBLIC_URL" group:"Addresses" placeholder:"URL" help:"Required. Address at which third parties reach the public listener, such as https://relay.example.com; it may have a path prefix. Every link begins with it. If you change it, keep the old address routed here for as long as old links are in use."`
	PublicListen  string `env:"RELAY_PUBLIC_LISTEN" group:"Addresses" default:":8080" help:"Address and port of the public listener, which serves the links. Safe to expose to the internet behind TLS."`
	PrivateListen string `env:"RELAY_PRIVATE_LISTEN" group:"Addresses" default:":8081" help:"Address and port of the private listener, which serves the API, the metrics and the health checks. Keep it inside your network."`

	RedisSettings
	RedisDurability string `env:"RELAY_REDIS_DURABILITY" group:"Redis" default:"none" help:"What the relay waits for before it acknowledges a registration or an answer. none: Redis has stored it; a failover can lose it. wait:N: N replicas have it too (WAIT). waitaof:L,N: it is synced to disk in the append-only files of L servers (0 or 1, the primary) and N replicas (WAITAOF, Redis 7.2 or Valkey). trusted: like none, for a store that is durable by itself, such as Amazon MemoryDB. With fewer copies than required, callers get 503 and try again. See docs/promises.md for what each value means."`

	Keys        Secret `env:"RELAY_KEYS" group:"Keys" placeholder:"NAME:BASE64,..." help:"Required. Master keys, newest first: each a name and 32 bytes in base64; 'relay keys new' makes one. The first one makes new links and encrypts what is stored; the others only recognise old links and decrypt old data. Replacing a key takes three restarts, otherwise links break: see docs/procedures.md."`
	KeysFile    string `env:"RELAY_KEYS_FILE" group:"Secrets from files" placeholder:"PATH" help:"File that holds the master keys."`
	APIKeys     Secret `env:"RELAY_API_KEYS" group:"Keys" placeholder:"NAME:SHA256,..." help:"Required. Who may use the private API: for each caller a name of your choice and the SHA-256 of its API key in hex; 'relay keys api NAME' makes the key and prints this entry. The name is not secret. To replace a key, list the new one under another name beside the old one until all callers use it."`
	APIKeysFile string `env:"RELAY_API_KEYS_FILE" group:"Secrets from files" placeholder:"PATH" help:"File that holds the hashes of the API keys."`

	DefaultExpiry  string `env:"RELAY_DEFAULT_EXPIRY" group:"Callbacks" default:"24h" help:"How long a callback waits for its answer if its registration does not say. At most RELAY_MAX_EXPIRY."`
	MaxExpiry      string `env:"RELAY_MAX_EXPIRY" group:"Callbacks" default:"8760h" help:"Longest wait that a registration may request. At most 8760h, a year, which is how long Step Functions runs an execution. Lower it to limit how much Redis holds."`
	Retention      string `env:"RELAY_RETENTION" group:"Callbacks" default:"192h" help:"How long the relay remembers a finished callback, without its payload, so that a sender that retries gets the result and not 404. Keep it longer than your most patient sender retries."`
	MaxOutputBytes string `env:"RELAY_MAX_OUTPUT_BYTES" group:"Callbacks" default:"262144" help:"Largest accepted answer, in bytes as sent to Step Functions, from 1 to 262144, which is the limit of Step Functions. Larger answers are refused with 413. Lower it to use less memory for each request."`
	MaxBodyBytes   string `env:"RELAY_MAX_BODY_BYTES" group:"Callbacks" default:"1048576" help:"Largest body that a link with a sender or outcomes accepts, in bytes of the JSON that it becomes, at most 4194304. Its outcomes can pick a smaller output from it. At least RELAY_MAX_OUTPUT_BYTES. Larger bodies are refused with 413. Lower it to use less memory for each request."`
	AnswerWait     string `env:"RELAY_ANSWER_WAIT" group:"Callbacks" default:"1s" help:"How long a sender waits for Step Functions to confirm its stored answer. After that it gets 'accepted', and delivery continues in the background. 0s does not wait; raise it if senders should see 'delivered' more often. For a sender whose preset is known to give up after 3 or 5 seconds, this wait ends half a second before that. At most 30s."`

	StepFunctionsTimeout string `env:"RELAY_STEP_FUNCTIONS_TIMEOUT" group:"Step Functions" default:"5s" help:"Time limit of one call to Step Functions. A call that takes longer counts as unclear and is repeated. Raise it if the network to AWS is slow. At most 30s."`
	StepFunctionsRate    string `env:"RELAY_STEP_FUNCTIONS_RATE" group:"Step Functions" default:"400" help:"Calls to Step Functions per second for all replicas together; each takes its share. Heartbeats count too, and get at most half. 0 means no limit, and the relay then does not slow down when Step Functions throttles. Keep it under your account's quota, which other callers of Step Functions use too."`

	ConfigFile string `env:"RELAY_CONFIG_FILE" group:"Configuration file" placeholder:"PATH" help:"YAML file with the senders that registrations can name. The relay reads it again when the file or a secret that it refers to changes, and on SIGHUP; a file with a mistake changes nothing, and a warning says so. 'relay config check' checks it."`

	BrandName     string `env:"RELAY_BRAND_NAME" group:"Approval pages" placeholder:"NAME" help:"Name at the top of the pages on which people decide, such as that of your company. At most 80 characters."`
	BrandLogoFile string `env:"RELAY_BRAND_LOGO_FILE" group:"Approval pages" placeholder:"PATH" help:"File with the logo at the top of the pages: PNG, JPEG, WebP or SVG of at most 12 KiB. Every page contains it, so that pages load nothing from other hosts."`
	BrandColor    string `env:"RELAY_BRAND_COLOR" group:"Approval pages" placeholder:"#RRGGBB" help:"Colour of the main button on the pages, such as #1a5fb4. The button's text is black or white, whichever is easier to read."`

	LogLevel  string `env:"RELAY_LOG_LEVEL" group:"Logging" default:"info" help:"Lowest severity that is logged: debug, info, warn or error."`
	LogFormat string `env:"RELAY_LOG_FORMAT" group:"Logging" default:"json" help:"Format of the log: json for collectors, text for people."`
}

// RedisSettings is the part of [Settings] that locates Redis. A command that
// needs only Redis embeds just this part.
type RedisSettings struct {
	RedisURL     Secret `env:"RELAY_REDIS_URL" group:"Redis" default:"redis://127.0.0.1:6379/0" help:"URL of Redis, with user and password if it needs them; rediss:// connects with TLS. A secret if it holds a password."`
	RedisURLFile string `env:"RELAY_REDIS_URL_FILE" group:"Secrets from files" placeholder:"PATH" help:"File that holds the Redis URL."`
	RedisMode    string `env:"RELAY_REDIS_MODE" group:"Redis" default:"standalone" help:"How Redis runs: standalone, sentinel or cluster. A managed service with one endpoint and no cluster mode is standalone."`
}

// setting is one field of [Settings] as its tags describe it.
type setting struct {
	env, flag, fallback, group, help string
}

// settings returns every setting in the order of declaration.
func settings() []setting {
	var all []setting
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Settings]()) {
		if f.Anonymous {
			continue
		}
		env := f.Tag.Get("env")
		all = append(all, setting{
			env:      env,
			flag:     flagOf(env),
			fallback: f.Tag.Get("default"),
			group:    f.Tag.Get("group"),
			help:     f.Tag.Get("help"),
		})
	}
	return all
}

// flagOf names the flag of a setting: --public-url for RELAY_PUBLIC_URL.
func flagOf(env string) string {
	name := strings.ToLower(strings.TrimPrefix(env, "RELAY_"))
	return "--" + strings.ReplaceAll(name, "_", "-")
}

// fallbackOf returns the default of a setting, "" when it has none.
func fallbackOf(env string) string {
	for _, s := range settings() {
		if s.env == env {
			return s.fallback
		}
	}
	return ""
}

// fillIn gives every empty field of a settings struct its default. Deployment
// templates often leave a variable empty to mean "not set".
func fillIn(settings any) {
	v := reflect.ValueOf(settings).Elem()
	for _, f := range reflect.VisibleFields(v.Type()) {
		if field := v.FieldByIndex(f.Index); !f.Anonymous && field.IsZero() {
			field.SetString(f.Tag.Get("default"))
		}
	}
}
