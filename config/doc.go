// Package config reads the relay's settings, checks them and documents them.
//
// [Settings] is the one list of settings. Its fields and their tags are at
// once the command line flags, the environment variables, the help text and
// docs/configuration.md. The command line library fills it with plain strings
// and therefore never stops at the first bad value; [Settings.Parse] then
// reports every mistake together and returns the typed [Config].
//
// Secrets are of type [Secret], which shows itself to nobody who did not ask
// with [Secret.Reveal]. Each can be read from a file instead.
package config
