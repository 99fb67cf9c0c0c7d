package config_test

import (
	"bytes"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"callback-relay/config"
)

// fields returns every field of Settings that is a setting.
func fields() []reflect.StructField {
	var all []reflect.StructField
	for _, f := range reflect.VisibleFields(reflect.TypeFor[config.Settings]()) {
		if !f.Anonymous {
			all = append(all, f)
		}
	}
	return all
}

// serve embeds the settings as a command does.
type serve struct{ config.Settings }

// parse fills the settings from only this environment, and from these flags.
func parse(t *testing.T, env map[string]string, args ...string) config.Settings {
	t.Helper()
	for _, f := range fields() {
		name := f.Tag.Get("env")
		t.Setenv(name, env[name]) // put back after the test
		if _, set := env[name]; !set {
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	var cli serve
	if _, err := kong.Must(&cli).Parse(args); err != nil {
		t.Fatal(err)
	}
	return cli.Settings
}

func TestEveryFieldIsDescribed(t *testing.T) {
	for _, f := range fields() {
		for _, tag := range []string{"env", "group", "help"} {
			if f.Tag.Get(tag) == "" {
				t.Errorf("%s has no %s tag", f.Name, tag)
			}
		}
		if help := f.Tag.Get("help"); !strings.HasSuffix(help, ".") {
			t.Errorf("%s: the help is not a sentence: %q", f.Name, help)
		}
		_, hasDefault := f.Tag.Lookup("default")
		if _, hasPlaceholder := f.Tag.Lookup("placeholder"); hasDefault == hasPlaceholder {
			t.Errorf("%s wants either a default or a placeholder", f.Name)
		}
	}
}

// TestRequiredIsSaid compares the settings that the help calls required with those
// that Parse reports as missing.
func TestRequiredIsSaid(t *testing.T) {
	said := map[string]bool{}
	for _, f := range fields() {
		if strings.HasPrefix(f.Tag.Get("help"), "Required. ") {
			said[f.Tag.Get("env")] = true
		}
	}
	_, err := config.Settings{}.Parse()
	missed := map[string]bool{}
	for env := range problems(t, err) {
		missed[env] = true
	}
	if diff := cmp.Diff(missed, said); diff != "" {
		t.Errorf("required settings (-by Parse +by help):\n%s", diff)
	}
}

func TestEverySecretHasAFile(t *testing.T) {
	byEnv := map[string]reflect.StructField{}
	for _, f := range fields() {
		byEnv[f.Tag.Get("env")] = f
	}
	for env, f := range byEnv {
		twin, found := byEnv[env+"_FILE"]
		if isSecret := f.Type == reflect.TypeFor[config.Secret](); isSecret != found {
			t.Errorf("%s: is a secret: %t, has a file setting: %t", env, isSecret, found)
		}
		if found && twin.Name != f.Name+"File" {
			t.Errorf("%s is called %s, want %sFile", env+"_FILE", twin.Name, f.Name)
		}
	}
}

// TestFlagsAndEnvironmentCorrespond asks the command line library itself which
// flags it made: --x-y for RELAY_X_Y.
func TestFlagsAndEnvironmentCorrespond(t *testing.T) {
	want, got := map[string]string{}, map[string]string{}
	for _, f := range fields() {
		env := f.Tag.Get("env")
		name, _ := strings.CutPrefix(env, "RELAY_")
		want[env] = strings.ToLower(strings.ReplaceAll(name, "_", "-"))
	}
	for _, flag := range kong.Must(&serve{}).Model.Flags {
		if flag.Name != "help" {
			got[strings.Join(flag.Envs, ",")] = flag.Name
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("flags by environment variable (-want +got):\n%s", diff)
	}
}

func TestFlagBeatsEnvironmentBeatsDefault(t *testing.T) {
	got := parse(t, map[string]string{
		"RELAY_PUBLIC_URL":     "https://env.example.com",
		"RELAY_PUBLIC_LISTEN":  ":1",
		"RELAY_PRIVATE_LISTEN": "",
		"RELAY_KEYS":           "from the environment",
		"RELAY_REDIS_MODE":     "cluster",
	}, "--public-url=https://flag.example.com", "--keys", "from a flag", "--redis-url-file=/run/url")

	want := config.Settings{
		PublicURL:            "https://flag.example.com",
		PublicListen:         ":1",
		PrivateListen:        "", // Parse gives it its default
		RedisDurability:      "none",
		RedisSettings:        config.RedisSettings{RedisURL: "redis://127.0.0.1:6379/0", RedisURLFile: "/run/url", RedisMode: "cluster"},
		Keys:                 "from a flag",
		DefaultExpiry:        "24h",
		MaxExpiry:            "8760h",
		Retention:            "192h",
		MaxOutputBytes:       "262144",
		MaxBodyBytes:         "1048576",
		AnswerWait:           "1s",
		StepFunctionsTimeout: "5s",
		StepFunctionsRate:    "400",
		LogLevel:             "info",
		LogFormat:            "json",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

// TestBadValuesReachParse: the command line library must not stop at a bad value.
func TestBadValuesReachParse(t *testing.T) {
	settings := parse(t, map[string]string{"RELAY_MAX_OUTPUT_BYTES": "lots", "RELAY_LOG_LEVEL": "loud"}, "--answer-wait=soon")
	_, err := settings.Parse()
	got := problems(t, err)
	for _, env := range []string{"RELAY_MAX_OUTPUT_BYTES", "RELAY_LOG_LEVEL", "RELAY_ANSWER_WAIT"} {
		if got[env] == "" {
			t.Errorf("%s is not among the mistakes: %v", env, err)
		}
	}
}

func TestHelpShowsNoSecret(t *testing.T) {
	t.Setenv("RELAY_KEYS", "k1:hunter2")
	var out bytes.Buffer
	app := kong.Must(&serve{}, kong.Writers(&out, &out), kong.Exit(func(int) {}))
	_, _ = app.Parse([]string{"--help"}) // continues after Exit; the result does not matter
	if !strings.Contains(out.String(), "RELAY_KEYS") || strings.Contains(out.String(), "hunter2") {
		t.Errorf("help:\n%s", out.String())
	}
}
