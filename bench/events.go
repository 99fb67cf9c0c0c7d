package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// The two kinds of event that no callback awaits, as the field kind of their bodies.
const (
	unwanted   = "unwanted"   // the hook's condition does not hold
	unexpected = "unexpected" // nobody waits: the relay keeps it
)

// eventSecret signs the events, as GitHub does.
const eventSecret = "a secret that the sender and the relay share"

// writeHook writes a configuration file with a hook, and returns the settings that name
// the file.
func writeHook(dir string) ([]string, error) {
	file := filepath.Join(dir, "relay.yaml")
	content := `
senders:
  bench:
    preset: github
    secrets: [{env: BENCH_SECRET}]
    hook: {key: body.order, accept: "body.kind != '` + unwanted + `'"}
`
	return []string{"RELAY_CONFIG_FILE=" + file, "BENCH_SECRET=" + eventSecret}, os.WriteFile(file, []byte(content), 0o600)
}

// hookURL asks the relay for the URL of the hook.
func hookURL(ctx context.Context, private, apiKey string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, private+"/v1/senders", http.NoBody)
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "Bearer "+apiKey)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var list struct {
		Senders []struct {
			Hook struct {
				URL string `json:"url"`
			} `json:"hook"`
		} `json:"senders"`
	}
	if err := json.NewDecoder(response.Body).Decode(&list); err != nil {
		return "", err
	}
	if len(list.Senders) != 1 || list.Senders[0].Hook.URL == "" {
		return "", errors.New("the relay has no hook")
	}
	return list.Senders[0].Hook.URL, nil
}

// postAll posts the output of every task as a signed event. The bare handler answers 204
// without looking at it.
func (g *generator) postAll(ctx context.Context, tasks []*task) ([]time.Duration, error) {
	return g.each(ctx, tasks, func(t *task) error {
		mac := hmac.New(sha256.New, []byte(eventSecret))
		mac.Write([]byte(t.output))
		signature := mac.Sum(nil)
		header := http.Header{
			"Content-Type":        {"application/json"},
			"X-Github-Event":      {"push"},
			"X-Github-Delivery":   {hex.EncodeToString(signature[:16])},
			"X-Hub-Signature-256": {"sha256=" + hex.EncodeToString(signature)},
		}
		status, text, err := g.send(ctx, g.subject.events, header, []byte(t.output))
		if err != nil {
			return err
		}
		if status == http.StatusNoContent {
			g.saw("204")
			return nil
		}
		var got answered
		if err := json.Unmarshal(text, &got); err != nil || status != http.StatusOK {
			return fmt.Errorf("an event got %d: %.300s", status, text)
		}
		g.saw(got.Status)
		return nil
	})
}

// events measures how a server takes events of one kind that no callback awaits. The
// relay must answer each with the status, and the bare handler with 204.
func events(kind, status string) measurement {
	return func(ctx context.Context, b *bed) (result, error) {
		want := status
		if b.subject.apiKey == "" {
			want = "204"
		}
		return b.measure(ctx, b.load.postAll, makeTasks(kind, b.warmUp+b.requests, b.payload), want)
	}
}
