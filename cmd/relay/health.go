package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"callback-relay/api"
	"callback-relay/config"
)

// healthPatience is how long to wait for a health response. A relay whose Redis
// hangs says so within 3 s.
const healthPatience = 4 * time.Second

// maxHealth is the longest health response, in bytes. It names a few checks.
const maxHealth = 64 << 10

// healthCommand asks the relay on this machine for its health.
type healthCommand struct {
	PrivateListen string `env:"RELAY_PRIVATE_LISTEN" placeholder:"ADDRESS" help:"Address and port of the private listener, as for 'relay serve'."`
	Live          bool   `help:"Ask only whether the process runs and responds. Use this to decide about restarts: a restart does not bring Redis back."`
}

// Help implements [kong.HelpProvider].
func (*healthCommand) Help() string {
	return `Asks the private listener of this machine for /readyz: can the relay serve now?
If not, the command prints each failed check and exits with 5. Other possible
problems are printed as warnings. With --live it asks for /healthz, which depends
only on the process.`
}

// Run implements the command.
func (c *healthCommand) Run(ctx context.Context, t terminal) error {
	address, err := config.PrivateListen(c.PrivateListen)
	if err != nil {
		return err
	}
	if strings.HasSuffix(address, ":0") {
		return &config.Mistake{Setting: "RELAY_PRIVATE_LISTEN", Problem: "port 0 means any free port, so the command cannot know which one to ask; give the port of the relay"}
	}
	path := "/readyz"
	if c.Live {
		path = "/healthz"
	}
	ctx, cancel := context.WithTimeout(ctx, healthPatience)
	defer cancel()
	status, err := askHealth(ctx, address, path)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(t.out, status)
	return err
}

// askHealth asks a listener for its health. If it listens on all addresses, such
// as :8081 or 0.0.0.0:8081, the request goes to loopback: the dialer does that for
// addresses that no URL can hold.
func askHealth(ctx context.Context, listener, path string) (status string, err error) {
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, listener)
		},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+path, nil)
	if err != nil {
		return "", err
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return "", fmt.Errorf("the relay %w: %w", errUnreachable, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxHealth))
	if err != nil {
		return "", fmt.Errorf("the relay %w: %w", errUnreachable, err)
	}
	return readHealth(response.StatusCode, body)
}

// readHealth reads the relay's response.
func readHealth(statusCode int, body []byte) (status string, err error) {
	var health api.Health
	if statusCode == http.StatusOK && json.Unmarshal(body, &health) == nil && health.Status != "" {
		lines := []string{health.Status}
		for _, w := range health.Warnings {
			lines = append(lines, "  warning: "+w.Check+": "+w.Reason)
		}
		return strings.Join(lines, "\n"), nil
	}
	var problem api.Problem
	if statusCode == http.StatusServiceUnavailable && json.Unmarshal(body, &problem) == nil && len(problem.FailedChecks) > 0 {
		return "", notReady(problem.FailedChecks)
	}
	return "", &config.Mistake{
		Setting: "RELAY_PRIVATE_LISTEN",
		Problem: fmt.Sprintf("want the private listener of a relay, but the server at this address responds with status %d", statusCode),
	}
}

// notReady is everything that keeps a relay from serving.
type notReady []api.FailedCheck

// Error implements error, with a line for each failed check.
func (n notReady) Error() string {
	lines := []string{"not ready"}
	for _, o := range n {
		lines = append(lines, "  "+o.Check+": "+o.Reason)
	}
	return strings.Join(lines, "\n")
}

// Unwrap is for the exit code: something that the relay needs is unavailable.
func (n notReady) Unwrap() error { return errUnreachable }
