package config

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// reference says where a secret is. The configuration file has no secrets itself.
type reference struct {
	Env  string `json:"env"`  // the name of an environment variable
	File string `json:"file"` // the name of a file, relative to the configuration file
}

// String returns the reference for people.
func (r reference) String() string {
	if r.Env != "" {
		return "env " + r.Env
	}
	return "file " + r.File
}

// check returns what is wrong with the reference; "" if nothing is.
func (r reference) check() string {
	switch {
	case (r.Env == "") == (r.File == ""):
		return "must have either env, the name of an environment variable, or file, the path of a file"
	case r.Env != "" && !envName.MatchString(r.Env):
		return "env must be the name of an environment variable, such as PARTNER_SECRET, and not the secret itself"
	}
	return ""
}

// envName is the form of the names of environment variables. Names in lower case are
// possible, but unusual, and many secrets look like them.
var envName = regexp.MustCompile(`^[A-Z_][A-Z0-9_]{0,127}$`)

// fromEnvironment returns the value of the variable, or what is wrong with it.
func (r reference) fromEnvironment() (value, problem string) {
	value, found := os.LookupEnv(r.Env)
	switch {
	case !found:
		return "", "the environment variable " + r.Env + " is not set"
	case value == "":
		return "", "the environment variable " + r.Env + " is empty"
	}
	return value, ""
}

// secretRead is what came of reading a file with a secret.
type secretRead struct {
	content []byte
	err     error
}

// largestSecretFile is in bytes, and far above the longest secret.
const largestSecretFile = 64 << 10

func readSecret(name string) secretRead {
	content, err := readAtMost(name, largestSecretFile+1)
	return secretRead{content, err}
}

// fromFile returns the secret in the file, without the line breaks at its end, or what
// is wrong with it.
func (r reference) fromFile(read secretRead) (value, problem string) {
	value = strings.TrimRight(string(read.content), "\r\n")
	switch {
	case read.err != nil:
		return "", "the file " + r.shown() + "cannot be read: " + WithoutPath(read.err).Error()
	case value == "":
		return "", "the file " + r.shown() + "is empty"
	case len(read.content) > largestSecretFile:
		return "", "the file " + r.shown() + "is too long for a secret"
	}
	return value, ""
}

// shown is the name of the file for an error, unless it may be a secret in the wrong
// place: secrets are long, do not begin with a slash, and mix letters and digits.
func (r reference) shown() string {
	if filepath.IsAbs(r.File) || shortName.MatchString(r.File) {
		return r.File + " "
	}
	return ""
}

var shortName = regexp.MustCompile(`^([a-z_-]{1,24}|[A-Za-z0-9_-]{0,12}[./][A-Za-z0-9./_-]{0,12})$`)
