// Package config reads the relay's settings and its configuration file, checks them and
// documents them.
//
// [Settings] is the only list of settings. Its fields and their tags define the
// command line flags, the environment variables, the help text and
// docs/configuration.md. The command line library fills it with plain strings, so
// it never stops at the first bad value; [Settings.Parse] then reports all
// mistakes together and returns the typed [Config].
//
// [ReadFile] reads the configuration file, which [Settings.ConfigFile] names. It reports
// all mistakes with their places, too, and [Schema] describes the file to editors.
//
// Secrets are of type [Secret], which shows its value only through
// [Secret.Reveal]. Each can be read from a file instead.
package config
