package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"callback-relay/config"
	"callback-relay/durations"
)

// configCommand describes the settings and the configuration file.
type configCommand struct {
	Check  configCheckCommand  `cmd:"" help:"Check a configuration file: report all mistakes, or what is configured."`
	Schema configSchemaCommand `cmd:"" help:"Print a JSON Schema of the configuration file, for editors."`
	Doc    configDocCommand    `cmd:"" help:"Print docs/configuration.md."`
}

type configCheckCommand struct {
	File      string `arg:"" env:"RELAY_CONFIG_FILE" help:"The file. It is only read."`
	NoSecrets bool   `help:"Do not read the secrets that the file refers to, for use where they are not."`
}

// Run implements the command.
func (c *configCheckCommand) Run(t terminal) error {
	var options []config.FileOption
	if c.NoSecrets {
		options = append(options, config.WithoutSecrets())
	}
	f, err := config.ReadFile(c.File, options...)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "%s has %s\n", f.Path, inFile(f))
	table := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	for _, e := range f.Entries {
		details := e.Secrets
		if e.Keep > 0 {
			hook := "a hook that keeps events for " + durations.Format(e.Keep)
			if e.Unverifiable {
				hook += ", whose URL cannot be verified without verifyToken"
			}
			details = append(slices.Clone(details), hook)
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\n", e.Name, e.Preset, strings.Join(details, ", "))
	}
	return table.Flush()
}

// inFile says what a file has: how many senders, and whose signature tells who has a page
// open.
func inFile(f *config.File) string {
	has := fmt.Sprintf("%d senders", len(f.Entries))
	if len(f.Entries) == 1 {
		has = "1 sender"
	}
	if f.Identity != nil {
		has += ", and an identity with the issuer " + f.Identity.Issuer()
	}
	return has
}

type configSchemaCommand struct{}

// Run implements the command.
func (c *configSchemaCommand) Run(t terminal) error {
	_, err := t.out.Write(config.Schema())
	return err
}

type configDocCommand struct{}

// Run implements the command.
func (c *configDocCommand) Run(t terminal) error {
	_, err := t.out.Write(config.Markdown())
	return err
}
