package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"callback-relay/config"
	"callback-relay/relay"
)

// keysCommand makes keys. It stores nothing.
type keysCommand struct {
	New newKeyCommand `cmd:"" help:"Make a master key for RELAY_KEYS."`
	API apiKeyCommand `cmd:"" name:"api" help:"Make an API key and its hash for RELAY_API_KEYS."`
}

type newKeyCommand struct {
	Name string `arg:"" optional:"" help:"Name of the key, a-z, 0-9 and -; today's date by default."`
}

// Run implements the command.
func (c *newKeyCommand) Run(t terminal) error {
	if c.Name == "" {
		c.Name = "k" + time.Now().UTC().Format("20060102")
	}
	line, err := relay.NewMasterKey(c.Name)
	if err != nil {
		return &config.Mistake{Setting: "NAME", Problem: err.Error()}
	}
	_, err = fmt.Fprintln(t.out, line)
	return err
}

type apiKeyCommand struct {
	Name string `arg:"" help:"Who will use the key, such as orders-workflow."`
}

// Run implements the command. The key is shown only once; the hash can be
// computed from it again.
func (c *apiKeyCommand) Run(t terminal) error {
	if !config.IsAPIKeyName(c.Name) {
		return &config.Mistake{Setting: "NAME", Problem: "want 1 to 64 letters, digits and ._-, beginning with a letter or digit"}
	}
	key := "relay_" + rand.Text() // 130 bits
	hash := sha256.Sum256([]byte(key))
	_, err := fmt.Fprintf(t.out, `API key, shown only once. Give it to the caller:
  %s
Entry for RELAY_API_KEYS:
  %s:%s
`, key, c.Name, hex.EncodeToString(hash[:]))
	return err
}
