package config_test

import (
	"errors"
	"flag"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"callback-relay/config"
	"callback-relay/senders"
)

var update = flag.Bool("update", false, "write the mistakes of the files in testdata")

// setSecrets sets the variables that the files of the tests refer to.
func setSecrets(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"STRIPE_SECRET": "whsec_c2VjcmV0c2VjcmV0c2VjcmV0", "STRIPE_SIGNING_SECRET": "whsec_c2lnbmluZw", "STRIPE_NEXT": "whsec_bmV4dG5leHRuZXh0bmV4dG5l",
		"ASSEMBLY_SECRET": "assembly-secret-assembly", "PARTNER_SECRET": "partner-secret-partner",
		"PUBLIC_KEY": strings.Repeat("ab", 32), "SHORT": "hunter2", "EMPTY": "",
	} {
		t.Setenv(name, value)
	}
}

// filesIn returns the files of a folder in testdata/files.
func filesIn(t *testing.T, folder string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata/files", folder, "*.yaml"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no files in %s: %v", folder, err)
	}
	return names
}

// write puts a configuration file into a folder.
func write(t *testing.T, folder, name, content string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestGoodFiles(t *testing.T) {
	setSecrets(t)
	for _, name := range filesIn(t, "good") {
		f, err := config.ReadFile(name)
		if err != nil {
			t.Errorf("%v", err)
		}
		for _, entry := range f.Entries {
			hook, hooked := f.Hooks[entry.Name]
			if sender := f.Senders[entry.Name]; (sender == nil) != (entry.Preset == config.NoProof) || hooked && hook.Sender != sender {
				t.Errorf("%s: %s is %v, its hook %v", name, entry.Name, sender, hook)
			}
			if hooked != (entry.Keep > 0) || hook.Keep != entry.Keep || hooked && hook.Rule == nil {
				t.Errorf("%s: the hook of %s is %v, shown as %v", name, entry.Name, hook, entry)
			}
		}
		without, err := config.ReadFile(name, config.WithoutSecrets())
		if err != nil {
			t.Errorf("without secrets: %v", err)
		}
		if diff := cmp.Diff(f.Entries, without.Entries); diff != "" {
			t.Errorf("%s: entries with secrets (-) and without (+):\n%s", name, diff)
		}
	}
}

// Every mistake is reported, with its place, and nothing that could be a secret.
func TestBadFiles(t *testing.T) {
	setSecrets(t)
	for _, name := range append(filesIn(t, "bad"), filesIn(t, "beyond")...) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			_, err := config.ReadFile(name)
			if err == nil {
				t.Fatal("no mistake is reported")
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("it may show a secret: %v", err)
			}
			for _, err := range err.(interface{ Unwrap() []error }).Unwrap() {
				mistake, ok := errors.AsType[*config.FileMistake](err)
				if !ok || mistake.Path != name || mistake.Line == 0 || mistake.Column == 0 {
					t.Errorf("no place: %#v", err)
				}
			}
			got := strings.ReplaceAll(err.Error(), name+":", "") + "\n"
			golden := strings.TrimSuffix(name, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("mistakes (-want +got):\n%s", diff)
			}
		})
	}
}

var yamlBlock = regexp.MustCompile("(?ms)^ *```yaml\n *(senders:.*?)^ *```")

// documented returns the examples of the pages.
func documented(t *testing.T) map[string][]string {
	t.Helper()
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for _, page := range append(pages, "../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range yamlBlock.FindAllSubmatch(text, -1) {
			all[page] = append(all[page], string(found[1]))
		}
	}
	if len(all) == 0 {
		t.Fatal("the pages have no example")
	}
	return all
}

// The examples of the pages are valid files.
func TestDocumentedFiles(t *testing.T) {
	setSecrets(t)
	for page, examples := range documented(t) {
		for _, example := range examples {
			folder := t.TempDir()
			write(t, folder, "partner-next", "the next secret of the partner\n")
			example = strings.ReplaceAll(example, "/run/secrets/", folder+"/")
			for _, name := range []string{"stripe", "stripe-next"} {
				write(t, folder, name, "whsec_c2VjcmV0c2VjcmV0c2VjcmV0\n")
			}
			f, err := config.ReadFile(write(t, folder, "config.yaml", example))
			if err != nil || len(f.Entries) == 0 {
				t.Errorf("%s: %d senders, %v", page, len(f.Entries), err)
			}
		}
	}
}

// stripeWith is a file with one sender, whose secret is in a file.
const stripeWith = "senders: {stripe: {preset: stripe, secrets: [{file: stripe}]}}\n"

// A relative path begins at the configuration file, and line breaks at the end of a
// secret's file are not part of it.
func TestSecretFromFile(t *testing.T) {
	folder := t.TempDir()
	path := write(t, folder, "config.yaml", "\ufeff"+strings.ReplaceAll(stripeWith, "preset: stripe", "preset: header-secret"))
	for content, problem := range map[string]string{
		"1234567890123456\r\n\n":    "",
		"123456789012345\n":         "15 characters",
		"\n":                        "the file stripe is empty",
		strings.Repeat("x", 5000):   "has 5000 bytes",
		strings.Repeat("x", 70_000): "too long for a secret",
	} {
		write(t, folder, "stripe", content)
		_, err := config.ReadFile(path)
		if problem == "" && err != nil || problem != "" && (err == nil || !strings.Contains(err.Error(), "senders.stripe.secrets[0]: ") || !strings.Contains(err.Error(), problem)) {
			t.Errorf("%.20q: %v, want %q", content, err, problem)
		}
	}
}

// What the sender of a hook must show is a secret like the others: it can be in a file,
// and a new one is noticed. Without secrets, it is still said where it is of no use.
func TestVerifyToken(t *testing.T) {
	setSecrets(t)
	folder := t.TempDir()
	const sender = "senders: {meta: {preset: PRESET, secrets: [{env: STRIPE_SECRET}], hook: {key: body.id, verifyToken: {file: token}}}}"
	path := write(t, folder, "config.yaml", strings.ReplaceAll(sender, "PRESET", "meta"))
	write(t, folder, "token", "chosen for Meta\n")
	f, err := config.ReadFile(path)
	if err != nil || f.Senders["meta"] == nil {
		t.Fatal(err)
	}
	request := senders.Request{Method: http.MethodGet, Query: url.Values{
		"hub.mode": {"subscribe"}, "hub.challenge": {"1"}, "hub.verify_token": {"chosen for Meta"},
	}}
	if _, found, err := senders.Probe(f.Hooks["meta"].Sender, request); !found || err != nil {
		t.Errorf("the token is not known: %t, %v", found, err)
	}
	if got := f.Entries[0].Secrets; len(got) != 2 || got[1] != "file token" {
		t.Errorf("the secrets are shown as %q", got)
	}
	write(t, folder, "token", "another\n")
	if f.DigestNow() == f.Digest {
		t.Error("a new token goes unnoticed")
	}
	path = write(t, folder, "config.yaml", strings.ReplaceAll(sender, "PRESET", "github"))
	_, err = config.ReadFile(path, config.WithoutSecrets())
	if err == nil || !strings.Contains(err.Error(), "senders.meta.hook.verifyToken: is not used") {
		t.Errorf("at another sender: %v", err)
	}
}

// The digest changes with the file and with each secret, and with nothing else.
func TestDigest(t *testing.T) {
	folder := t.TempDir()
	path := write(t, folder, "config.yaml", stripeWith)
	secret := write(t, folder, "stripe", "whsec_1\n")
	seen := map[config.Digest]bool{}
	step := func(what string, isNew bool) {
		t.Helper()
		f, _ := config.ReadFile(path)
		if f.DigestNow() != f.Digest {
			t.Errorf("%s: the digest differs although nothing has changed", what)
		}
		if seen[f.Digest] == isNew {
			t.Errorf("%s: seen %t", what, !isNew)
		}
		seen[f.Digest] = true
	}
	step("at first", true)
	before, _ := config.ReadFile(path)
	step("read again", false)
	write(t, folder, "other", "x")
	step("another file", false)
	write(t, folder, "stripe", "whsec_2\n")
	step("another secret", true)
	if before.DigestNow() == before.Digest {
		t.Error("a new secret goes unnoticed")
	}
	if err := os.Remove(secret); err != nil {
		t.Fatal(err)
	}
	step("no secret", true)
	write(t, folder, "config.yaml", stripeWith+"\n")
	step("another text", true)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	step("no file", true)
	write(t, folder, "config.yaml", stripeWith)
	write(t, folder, "stripe", "whsec_1\n")
	step("as at first", false)
}

// What would take the parser long is refused before it.
func TestFileIsBounded(t *testing.T) {
	folder := t.TempDir()
	for name, content := range map[string]string{
		"bytes":    "# " + strings.Repeat("x", 1<<20),
		"depth":    "senders: " + strings.Repeat("[", 1<<19),
		"mappings": "senders: " + strings.Repeat("{a: ", 1<<17),
		"lists":    "senders: " + strings.Repeat("- ", 1<<18),
		"keys":     strings.Repeat("a: b\n", 1<<17),
		"latin1":   "senders: # \xe4\n",
	} {
		_, err := config.ReadFile(write(t, folder, name, content))
		if err == nil || !regexp.MustCompile("has more than|is not UTF-8").MatchString(err.Error()) {
			t.Errorf("%s: %.200v", name, err)
		}
	}
	// A file with as many words as are allowed is read in its depth.
	if _, err := config.ReadFile(write(t, folder, "deep", "senders: "+strings.Repeat("[", 24_000))); err == nil {
		t.Error("a list without an end is no mistake")
	}
}

// The mistakes of the file are reported together with those of the settings.
func TestFileAmongSettings(t *testing.T) {
	setSecrets(t)
	folder := t.TempDir()
	s := enough()
	s.LogLevel = "loud"
	s.ConfigFile = write(t, folder, "config.yaml", "senders:\n  a: {preset: strip}\n  b: {}\n")
	_, err := s.Parse()
	for _, want := range []string{"RELAY_LOG_LEVEL: ", "config.yaml:2:15: senders.a.preset: ", "config.yaml:3:3: senders.b.preset: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
	s = enough()
	s.ConfigFile = filepath.Join(folder, "missing.yaml")
	_, err = s.Parse()
	if got := problems(t, err)["RELAY_CONFIG_FILE"]; got != "no such file or directory; name a file that the relay may read" {
		t.Errorf("a missing file: %q", got)
	}
	s.ConfigFile = write(t, folder, "config.yaml", "senders: {a: {preset: github, secrets: [{env: PARTNER_SECRET}]}}")
	cfg, err := s.Parse()
	if err != nil || cfg.File.Senders["a"].Preset() != "github" {
		t.Errorf("%v, %+v", err, cfg.File)
	}
}

// Reading a file never fails in another way than with mistakes, each in a line of it.
func FuzzFile(f *testing.F) {
	for _, folder := range []string{"good", "bad", "beyond"} {
		names, _ := filepath.Glob(filepath.Join("testdata/files", folder, "*.yaml"))
		for _, name := range names {
			content, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(content))
		}
	}
	f.Fuzz(func(t *testing.T, content string) {
		path := write(t, t.TempDir(), "config.yaml", content)
		file, err := config.ReadFile(path, config.WithoutSecrets())
		if err == nil {
			return
		}
		if len(file.Senders) > len(file.Entries) {
			t.Errorf("%d senders of %d entries", len(file.Senders), len(file.Entries))
		}
		for _, err := range err.(interface{ Unwrap() []error }).Unwrap() {
			mistake, ok := errors.AsType[*config.FileMistake](err)
			if !ok || mistake.Problem == "" || mistake.Line > strings.Count(content, "\n")+1 {
				t.Errorf("%#v", err)
			}
		}
	})
}
