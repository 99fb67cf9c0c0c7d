package config

import (
	"bytes"
	_ "embed" // for the template
	"encoding/json"
	"text/template"

	"callback-relay/identity"
	"callback-relay/senders"
)

//go:embed schema.json.tmpl
var schemaText string

var schemaTemplate = template.Must(template.New("schema.json").Parse(schemaText))

// Schema returns a JSON Schema (draft 7, which editors know best) of the configuration
// file. What it cannot express, such as whether a secret is there, only [ReadFile] checks.
func Schema() []byte {
	var presets, withoutSecret, withAccount []string
	for _, p := range senders.Presets() {
		presets = append(presets, p.Name)
		if p.Secret == "" {
			withoutSecret = append(withoutSecret, p.Name)
		}
		if p.Account != "" {
			withAccount = append(withAccount, p.Name)
		}
	}
	list := func(names []string) string {
		text, _ := json.Marshal(names) // cannot fail
		return string(text)
	}
	var out bytes.Buffer
	err := schemaTemplate.Execute(&out, map[string]string{
		"Presets": list(presets), "WithoutSecret": list(withoutSecret), "WithAccount": list(withAccount),
		"Proxies": list(identity.Types),
	})
	if err != nil {
		panic(err) // the template is part of the program
	}
	return out.Bytes()
}
