package config

import (
	"bytes"
	_ "embed" // for the template
	"fmt"
	"strings"
	"text/template"
)

//go:embed configuration.md.tmpl
var page string

var pageTemplate = template.Must(template.New("configuration.md").Funcs(template.FuncMap{"table": table}).Parse(page))

// Markdown returns docs/configuration.md: the text of configuration.md.tmpl
// with the tables of settings filled in from the tags of [Settings].
func Markdown() []byte {
	var out bytes.Buffer
	if err := pageTemplate.Execute(&out, nil); err != nil {
		panic(err) // the template is part of the program and takes no data
	}
	return out.Bytes()
}

// table lists the settings of one group.
func table(group string) (string, error) {
	var b strings.Builder
	b.WriteString("| setting | flag | default | what it means |\n|---|---|---|---|\n")
	empty := true
	for _, s := range settings() {
		if s.group != group {
			continue
		}
		empty = false
		fallback := "none"
		if s.fallback != "" {
			fallback = "`" + s.fallback + "`"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", s.env, s.flag, fallback, strings.ReplaceAll(s.help, "|", `\|`))
	}
	if empty {
		return "", fmt.Errorf("no setting is in the group %q", group)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}
