package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"callback-relay/config"
)

// fileSchema returns what validates a file by the schema.
func fileSchema(t *testing.T) func(content []byte) error {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(config.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiler.AddResource("schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return func(content []byte) error {
		content, err := yaml.YAMLToJSON(content)
		if err != nil {
			return err
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(content))
		if err != nil {
			return err
		}
		return schema.Validate(value)
	}
}

// The schema accepts what the relay accepts, and refuses what the relay refuses, except
// for what a schema cannot express.
func TestSchemaAgrees(t *testing.T) {
	validate := fileSchema(t)
	for folder, valid := range map[string]bool{"good": true, "beyond": true, "bad": false} {
		for _, name := range filesIn(t, folder) {
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if len(bytes.TrimSpace(content)) == 0 {
				continue // the library makes no JSON of it
			}
			if slices.Contains([]string{"aliases.yaml", "directive.yaml", "documents.yaml", "keys.yaml"}, filepath.Base(name)) {
				continue // no schema sees how YAML is written
			}
			if err := validate(content); (err == nil) != valid {
				t.Errorf("%s: the schema says %v", name, err)
			}
		}
	}
	for page, examples := range documented(t) {
		for _, example := range examples {
			if err := validate([]byte(example)); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}

// The schema and the relay agree on senders with one mistake, or none.
func TestSchemaAgreesOnOneMistake(t *testing.T) {
	setSecrets(t)
	validate := fileSchema(t)
	folder := t.TempDir()
	const proof = "secrets: [{env: STRIPE_SECRET}], proof: "
	for sender, valid := range map[string]bool{
		"preset: github, secrets: [{env: STRIPE_SECRET}]":                                                           true,
		"preset: githup, secrets: [{env: STRIPE_SECRET}]":                                                           false,
		"secrets: [{env: STRIPE_SECRET}]":                                                                           false,
		"preset: github":                                                                                            false,
		"preset: github, secrets: []":                                                                               false,
		"preset: github, secrets: [{}]":                                                                             false,
		"preset: github, secrets: [{env: STRIPE_SECRET, file: x}]":                                                  false,
		"preset: github, secrets: [STRIPE_SECRET]":                                                                  false,
		"preset: github, secrets: [{env: 'no name'}]":                                                               false,
		"preset: github, secrets: [" + strings.Repeat("{env: STRIPE_SECRET},", 10) + "]":                            true,
		"preset: github, secrets: [" + strings.Repeat("{env: STRIPE_SECRET},", 11) + "]":                            false,
		"preset: github, secrets: [{env: STRIPE_SECRET}], outcomes: []":                                             false,
		"preset: github, secrets: [{env: STRIPE_SECRET}], event: {name: body.id}":                                   false,
		"preset: github, secrets: [{env: STRIPE_SECRET}], event: {id: 5}":                                           false,
		"preset: github, secrets: [{env: STRIPE_SECRET}], url: ftp://x":                                             false,
		"preset: header-secret, secrets: [{env: STRIPE_SECRET}], header: 'a b'":                                     false,
		"preset: fal, account: user_1":                                                                              true,
		"preset: fal":                                                                                               false,
		"preset: fal, account: user_1, secrets: [{env: STRIPE_SECRET}]":                                             false,
		"preset: github, secrets: [{env: STRIPE_SECRET}], hook: {key: body.id}":                                     true,
		"preset: github, secrets: [{env: STRIPE_SECRET}], hook: {key: body.id, accept: 'body.ok', keep: 1h30m}":     true,
		"preset: github, secrets: [{env: STRIPE_SECRET}], hook: {key: body.id, keep: 1d}":                           true,
		"preset: github, secrets: [{env: STRIPE_SECRET}], hook: {key: body.id, keep: 900}":                          false,
		"preset: github, secrets: [{env: STRIPE_SECRET}], hook: {key: body.id, keep: 15}":                           false,
		"preset: github, secrets: [{env: STRIPE_SECRET}], hook: {key: body.id, keep: 15 minutes}":                   false,
		"preset: github, secrets: [{env: STRIPE_SECRET}], hook: {accept: body.ok}":                                  false,
		"preset: github, secrets: [{env: STRIPE_SECRET}], hook: {key: ''}":                                          false,
		"preset: github, secrets: [{env: STRIPE_SECRET}], hook: {key: 5}":                                           false,
		"preset: github, secrets: [{env: STRIPE_SECRET}], hook: {key: body.id, url: x}":                             false,
		"preset: github, secrets: [{env: STRIPE_SECRET}], hook: body.id":                                            false,
		"preset: github, secrets: [{env: STRIPE_SECRET}], hook: ":                                                   false,
		"secrets: [{env: STRIPE_SECRET}], hook: {key: body.id}":                                                     false,
		"hook: {key: body.id}":                                                                                      false,
		"preset: meta, secrets: [{env: STRIPE_SECRET}], hook: {key: body.id, verifyToken: {env: PARTNER_SECRET}}":   true,
		"preset: meta, secrets: [{env: STRIPE_SECRET}], hook: {key: body.id, verifyToken: hunter2}":                 false,
		"preset: meta, secrets: [{env: STRIPE_SECRET}], hook: {key: body.id, verifyToken: {}}":                      false,
		"preset: meta, secrets: [{env: STRIPE_SECRET}], verifyToken: {env: PARTNER_SECRET}":                         false,
		"preset: github, secrets: [{env: STRIPE_SECRET}], hook: {key: body.id, verifyToken: {env: PARTNER_SECRET}}": false,
		"proof: none, hook: {key: body.id, verifyToken: {env: PARTNER_SECRET}}":                                     false,
		"proof: none, hook: {key: body.id}":                                                                         true,
		"proof: none, event: {id: body.id}, hook: {key: body.id}":                                                   true,
		"proof: none":                                                                                                                              false,
		"proof: 'no', hook: {key: body.id}":                                                                                                        false,
		"proof: no, hook: {key: body.id}":                                                                                                          false,
		"proof: null, hook: {key: body.id}":                                                                                                        false,
		"proof: none, hook: {key: body.id}, preset: github":                                                                                        false,
		"proof: none, hook: {key: body.id}, secrets: [{env: STRIPE_SECRET}]":                                                                       false,
		"proof: none, hook: {key: body.id}, account: me":                                                                                           false,
		"proof: none, hook: {key: body.id}, header: x-secret":                                                                                      false,
		"proof: none, hook: {key: body.id}, user: me":                                                                                              false,
		"proof: none, hook: {key: body.id}, url: 'https://example.com'":                                                                            false,
		proof + "{algorithm: hmac-sha256, header: x, encoding: hex, signed: [body]}":                                                               true,
		proof + "{algorithm: hmac-sha256, header: x, encoding: hex, signed: [body]}, preset: github":                                               false,
		proof + "{algorithm: hmac-md5, header: x, encoding: hex, signed: [body]}":                                                                  false,
		proof + "{header: x, encoding: hex, signed: [body]}":                                                                                       false,
		proof + "{algorithm: hmac-sha256, encoding: hex, signed: [body]}":                                                                          false,
		proof + "{algorithm: hmac-sha256, header: [], encoding: hex, signed: [body]}":                                                              false,
		proof + "{algorithm: hmac-sha256, header: x, signed: [body]}":                                                                              false,
		proof + "{algorithm: hmac-sha256, header: x, encoding: text, signed: [body]}":                                                              false,
		proof + "{algorithm: hmac-sha256, header: x, encoding: hex}":                                                                               false,
		proof + "{algorithm: hmac-sha256, header: x, encoding: hex, signed: [url]}":                                                                false,
		proof + "{algorithm: hmac-sha256, header: x, encoding: hex, signed: [body, all]}":                                                          false,
		proof + "{algorithm: hmac-sha256, header: x, query: y, encoding: hex, signed: [body]}":                                                     false,
		proof + "{algorithm: hmac-sha256, header: x, encoding: hex, signed: [body], secretEncoding: base32}":                                       false,
		proof + "{algorithm: hmac-sha256, header: x, encoding: hex, signed: [body], require: {'a b': c}}":                                          false,
		proof + "{algorithm: ecdsa-p256, header: x, encoding: hex, signed: [body]}":                                                                false,
		proof + "{algorithm: hmac-sha256, header: x, encoding: hex, signed: [timestamp, body], timestamp: {header: y, unit: s}}":                   true,
		proof + "{algorithm: hmac-sha256, header: x, encoding: hex, signed: [timestamp, body], timestamp: {header: y}}":                            false,
		proof + "{algorithm: hmac-sha256, header: x, encoding: hex, signed: [timestamp, body], timestamp: {unit: s}}":                              false,
		proof + "{algorithm: hmac-sha256, header: x, encoding: hex, signed: [timestamp, body], timestamp: {header: y, take: z, unit: s}}":          false,
		proof + "{algorithm: hmac-sha256, header: x, encoding: hex, signed: [body], timestamp: {body: y, unit: s}}":                                false,
		proof + "{algorithm: hmac-sha256, header: x, encoding: hex, signed: [timestamp, body], timestamp: {header: y, unit: s, tolerance: 86401}}": false,
		proof + "{algorithm: shared-secret, header: x}":                                                                                            true,
		proof + "{algorithm: shared-secret}":                                                                                                       false,
		proof + "{algorithm: shared-secret, header: x, query: y}":                                                                                  false,
		proof + "{algorithm: shared-secret, header: x, signed: [body]}":                                                                            false,
	} {
		content := "senders: {one: {" + sender + "}}\n"
		_, err := config.ReadFile(write(t, folder, "config.yaml", content))
		if bySchema := validate([]byte(content)); (err == nil) != valid || (bySchema == nil) != valid {
			t.Errorf("%s\nthe relay says %v\nthe schema says %v\nwant valid: %t", content, err, bySchema, valid)
		}
	}
}
