package config

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"callback-relay/identity"
	"callback-relay/rules"
	"callback-relay/senders"
)

// File is the configuration file, read and checked.
type File struct {
	// Path is how the file was named.
	Path string
	// Senders are the senders by name, ready to check posts. With [WithoutSecrets], only
	// those that need no secret are there.
	Senders map[string]*senders.Sender
	// Hooks are the hooks by the name of their sender, ready to judge events.
	Hooks map[string]Hook
	// Identity tells who has a page open; nil if no proxy signs it.
	Identity *identity.Verifier
	// Entries describe the same senders to people, sorted by name.
	Entries []SenderEntry
	// Digest identifies what was read.
	Digest Digest

	secretFiles []string // sorted; the files that were read, or could not be
}

// SenderEntry is a sender of the file, as it can be shown to people.
type SenderEntry struct {
	Name    string
	Preset  string   // or [senders.OwnProof], or [NoProof]
	Secrets []string // where they are, such as "env STRIPE_SECRET"
	// Keep is how long its hook keeps events; 0 if it has no hook.
	Keep time.Duration
	// Unverifiable says that its sender's test of the hook's URL fails, since there is no
	// verifyToken.
	Unverifiable bool
}

// Digest identifies the content of the configuration file and of all files with secrets
// that it names. Environment variables do not count: they cannot change.
type Digest [sha256.Size]byte

// FileOption is an option of [ReadFile].
type FileOption func(*fileReader)

// WithoutSecrets makes [ReadFile] check everything except the secrets, so that a build
// system, which does not have them, can check the file.
func WithoutSecrets() FileOption { return func(r *fileReader) { r.noSecrets = true } }

// ReadFile reads the configuration file and the secrets that it refers to, and checks
// everything. The error joins a [*FileMistake] for each mistake, in the order of the
// file. Even then the file is returned, for [File.DigestNow].
func ReadFile(path string, options ...FileOption) (*File, error) {
	r := fileReader{file: &File{Path: path, Senders: map[string]*senders.Sender{}, Hooks: map[string]Hook{}}, secrets: map[string]secretRead{}}
	for _, option := range options {
		option(&r)
	}
	content, err := readAtMost(path, largestFile+1)
	if err != nil {
		r.d.wrong("", "%v; name a file that the relay may read", WithoutPath(err))
	} else {
		r.read(content)
	}
	r.file.secretFiles = slices.Sorted(maps.Keys(r.secrets))
	r.file.Digest = r.file.digest(content, err, func(name string) secretRead { return r.secrets[name] })
	return r.file, r.mistakes()
}

// largestFile is in bytes.
const largestFile = 1 << 20

// DigestNow is the digest that [ReadFile] would give the file now, if it still refers to
// the same secrets. So it equals [File.Digest] as long as nothing has changed.
func (f *File) DigestNow() Digest {
	content, err := readAtMost(f.Path, largestFile+1)
	return f.digest(content, err, readSecret)
}

func (f *File) digest(content []byte, err error, secret func(name string) secretRead) Digest {
	h := sha256.New()
	add := func(content []byte, err error) {
		sum := sha256.Sum256(content)
		h.Write(sum[:])
		fmt.Fprintf(h, "%v\n", err)
	}
	add(content, err)
	for _, name := range f.secretFiles {
		read := secret(name)
		add(read.content, read.err)
	}
	return Digest(h.Sum(nil))
}

// fileReader reads one configuration file.
type fileReader struct {
	file      *File
	noSecrets bool
	d         decoder
	secrets   map[string]secretRead // by the name of the file
}

// fileContent is what the file can hold. The names of fields are in the tags for JSON.
type fileContent struct {
	Senders  map[string]*fileSender `json:"senders"`
	Identity *fileIdentity          `json:"identity"`
}

// fileSender is a sender as the file describes it: [senders.Spec], with references
// instead of secrets.
type fileSender struct {
	Preset  string           `json:"preset"`
	Proof   *fileProof       `json:"proof"`
	Secrets []reference      `json:"secrets"`
	Account string           `json:"account"`
	Header  string           `json:"header"`
	User    string           `json:"user"`
	URL     string           `json:"url"`
	Event   *rules.EventSpec `json:"event"`
	Hook    *fileHook        `json:"hook"`
}

// read decodes and checks the content.
func (r *fileReader) read(content []byte) {
	var c fileContent
	r.d.decode(bytes.TrimPrefix(content, []byte("\ufeff")), &c)
	for _, name := range slices.Sorted(maps.Keys(c.Senders)) {
		r.sender(name, c.Senders[name])
	}
	r.identity(c.Identity)
}

// sender checks a sender and adds it to the file.
func (r *fileReader) sender(name string, s *fileSender) {
	at := "senders." + name
	if !senders.ValidName(name) {
		r.d.wrong(at, "is not a valid name: use "+senders.NameForm)
	}
	if s == nil {
		return // decoding has reported it
	}
	spec := senders.Spec{
		Preset: s.Preset, Proof: s.Proof.given(), Account: s.Account, Header: s.Header, User: s.User, URL: s.URL, Event: s.Event,
	}
	unknown := map[string]bool{} // the fields of secrets that could not be read
	entry := SenderEntry{Name: name, Preset: cmp.Or(s.Preset, senders.OwnProof)}
	if s.open() {
		entry.Preset = NoProof
	}
	for i, reference := range s.Secrets {
		field := fmt.Sprintf("secrets[%d]", i)
		secret, found := r.secret(at+"."+field, reference)
		unknown[field] = !found
		spec.Secrets = append(spec.Secrets, secret)
		entry.Secrets = append(entry.Secrets, reference.String())
	}
	if s.Hook != nil && s.Hook.VerifyToken != nil {
		token, _ := r.secret(at+".hook.verifyToken", *s.Hook.VerifyToken)
		spec.VerifyToken = cmp.Or(token, "unread") // so that it is an objection where it is not used
		entry.Secrets = append(entry.Secrets, s.Hook.VerifyToken.String())
	}
	made := r.made(at, s, spec, unknown)
	r.event(at, s.Event)
	entry.Keep = r.hook(name, s, made)
	entry.Unverifiable = entry.Keep > 0 && made != nil && made.WantsVerifyToken()
	r.file.Entries = append(r.file.Entries, entry)
	if made != nil {
		r.file.Senders[name] = made
	}
}

// made makes the sender. It is nil if the file has a mistake in it, or if everybody may
// post. unknown are the fields of secrets that could not be read.
func (r *fileReader) made(at string, s *fileSender, spec senders.Spec, unknown map[string]bool) *senders.Sender {
	if s.open() {
		r.openSender(at, s)
		return nil
	}
	made, err := senders.New(spec)
	for _, err := range append(parts(err), parts(spec.Objections())...) {
		wrong, ok := errors.AsType[*senders.SpecError](err)
		// A preset is missing if its name is misspelt, or the proof cannot be read, too.
		follows := ok && wrong.Field == "preset" && spec.Preset == "" && (r.d.misspelt[at] || r.d.misread[at+".proof"])
		if ok && !unknown[wrong.Field] && !follows {
			field := wrong.Field
			if field == "verifyToken" {
				field = "hook.verifyToken"
			}
			r.d.wrong(at+"."+field, "%s%s", wrong.Problem, orOpen(s, wrong))
		}
	}
	return made
}

// event checks where a sender's events have their id and type.
func (r *fileReader) event(at string, event *rules.EventSpec) {
	if event == nil {
		return
	}
	_, err := rules.Compile(rules.Source{Event: *event, Otherwise: rules.Succeed})
	for _, err := range parts(err) {
		if wrong, ok := errors.AsType[*rules.Error](err); ok {
			r.d.wrong(at+"."+wrong.Path, "%s", wrong.Problem)
		}
	}
}

// secret returns the secret that a reference refers to, and whether it could be read.
func (r *fileReader) secret(at string, ref reference) (string, bool) {
	if r.d.misread[at] || r.d.misread[at+".env"] || r.d.misread[at+".file"] {
		return "", false
	}
	if problem := ref.check(); problem != "" {
		r.d.wrong(at, "%s", problem)
		return "", false
	}
	if r.noSecrets {
		return "", false
	}
	var value, problem string
	if ref.Env != "" {
		value, problem = ref.fromEnvironment()
	} else {
		name := ref.File
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(r.file.Path), name)
		}
		read, known := r.secrets[name]
		if !known {
			read = readSecret(name)
			r.secrets[name] = read
		}
		value, problem = ref.fromFile(read)
	}
	if problem != "" {
		r.d.wrong(at, "%s", problem)
	}
	return value, problem == ""
}

// mistakes returns all mistakes in the order of the file.
func (r *fileReader) mistakes() error {
	slices.SortStableFunc(r.d.mistakes, func(a, b *FileMistake) int {
		return cmp.Or(a.Line-b.Line, a.Column-b.Column, strings.Compare(a.Field, b.Field))
	})
	all := make([]error, len(r.d.mistakes))
	for i, m := range r.d.mistakes {
		m.Path = r.file.Path
		all[i] = m
	}
	return errors.Join(all...)
}

// configFile reads the configuration file; nil without a path.
func (r *reader) configFile(setting, path string) *File {
	if path == "" {
		return nil
	}
	file, err := ReadFile(path)
	for _, err := range parts(err) {
		if wrong, ok := errors.AsType[*FileMistake](err); ok && wrong.Line == 0 {
			err = &Mistake{Setting: setting, Problem: wrong.Problem}
		}
		r.mistakes = append(r.mistakes, err)
	}
	return file
}

// parts returns the errors that were joined into one.
func parts(err error) []error {
	switch joined := err.(type) { //nolint:errorlint // only the joined errors, not wrapped ones
	case nil:
		return nil
	case interface{ Unwrap() []error }:
		return joined.Unwrap()
	}
	return []error{err}
}
