//go:build !release

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"callback-relay/devmode/samples"
	"callback-relay/senders"
)

// devSendersCommands are commands about senders that a release build does not have.
type devSendersCommands struct {
	Doc sendersDocCommand `cmd:"" hidden:"" help:"Write the sections of the presets into docs/senders.md."`
}

// sendersDocCommand writes the generated part of a page.
type sendersDocCommand struct {
	Page string `arg:"" help:"The page."`
}

// Run implements the command.
func (c *sendersDocCommand) Run() error {
	page, err := os.ReadFile(c.Page)
	if err != nil {
		return err
	}
	fresh, err := withPresets(string(page))
	if err != nil {
		return err
	}
	return os.WriteFile(c.Page, []byte(fresh), 0o644) //nolint:gosec // a page that everybody may read
}

// presetsBegin is the line of docs/senders.md after which everything is generated.
const presetsBegin = "<!-- Everything below is generated from devmode/samples: edit the samples and run make docs. -->\n"

// withPresets returns the page with what is generated of it.
func withPresets(page string) (string, error) {
	written, _, found := strings.Cut(page, presetsBegin)
	if !found {
		return "", errors.New("the page has no line that says where its generated part begins")
	}
	var b strings.Builder
	b.WriteString(written + presetsBegin + "\n")
	writeScopes(&b)
	for _, p := range senders.Presets() {
		sample, err := samples.Load(p.Name)
		if err != nil {
			return "", err
		}
		writePreset(&b, p, sample)
	}
	return b.String(), nil
}

// writeScopes writes the table of contents.
func writeScopes(b *strings.Builder) {
	b.WriteString("| one URL for | presets |\n|---|---|\n")
	for _, scope := range []senders.Scope{senders.PerRequest, senders.PerObject, senders.PerAccount} {
		var links []string
		for _, p := range senders.Presets() {
			if p.Scope == scope {
				links = append(links, "["+p.Name+"](#"+p.Name+")")
			}
		}
		fmt.Fprintf(b, "| %s | %s |\n", scopes[scope], strings.Join(links, ", "))
	}
}

// writePreset writes the section of a preset.
func writePreset(b *strings.Builder, p senders.Preset, sample samples.Sample) {
	scope := scopes[p.Scope]
	if p.Scope == senders.PerAccount {
		scope = "[" + scope + "](#one-url-for-a-whole-account)"
	}
	fmt.Fprintf(b, "\n### %s\n\n**%s.** One URL for %s.", p.Name, strings.ToUpper(p.Title[:1])+p.Title[1:], scope)
	if p.Secret != "" {
		fmt.Fprintf(b, " `secret`: %s%s.", p.Secret, map[bool]string{true: "; left out, the relay chooses it"}[p.ChosenByRelay])
	}
	if p.Account != "" {
		fmt.Fprintf(b, " `account`: %s.", p.Account)
	}
	fmt.Fprintf(b, "\n\n%s\n\n", sample.Text)
	writeDefaults(b, p)
	fmt.Fprintf(b, "```json\n%s\n```\n\n```http\n", sample.Registration)
	for i, e := range sample.Events {
		if i > 0 {
			b.WriteString("\n")
		}
		writeEvent(b, e)
	}
	b.WriteString("```\n")
}

// writeDefaults says what events mean without outcomes, where that depends on the event.
func writeDefaults(b *strings.Builder, p senders.Preset) {
	if len(p.Outcomes) < 2 {
		return
	}
	b.WriteString("Without `outcomes`:\n\n")
	for _, o := range p.Outcomes {
		does := string(o.Do)
		if o.Error != "" {
			does += " with `" + o.Error + "`"
		}
		fmt.Fprintf(b, "- `%s`: %s\n", o.When, does)
	}
	b.WriteString("\n")
}

// writeEvent writes an event as it is posted, without what is signed.
func writeEvent(b *strings.Builder, e samples.Event) {
	fmt.Fprintf(b, "# %s: %s\n", e.Name, e.Expected.Text)
	if e.Query != "" {
		fmt.Fprintf(b, "POST ?%s\n", e.Query)
	}
	header, body := e.At(samples.At)
	for _, f := range e.Header {
		fmt.Fprintf(b, "%s: %s\n", f.Name, header.Get(f.Name))
	}
	text := strings.NewReplacer(senders.SignatureMark, "...", senders.SecretMark, "...", "\r\n", "\n").Replace(string(body))
	if text != "" {
		fmt.Fprintf(b, "\n%s\n", text)
	}
}
