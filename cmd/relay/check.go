package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"callback-relay/config"
	"callback-relay/relay"
	"callback-relay/stepfunctions"
	"callback-relay/store"
	"callback-relay/telemetry"
)

// checkCommand checks everything that a relay with these settings depends on.
type checkCommand struct {
	Output string `short:"o" enum:"table,json" default:"table" help:"table for people, json for programs."`

	config.Settings
}

// Help implements [kong.HelpProvider].
func (*checkCommand) Help() string {
	return `Reads the same settings and configuration file as 'relay serve', and checks Redis, the public URL and
AWS (with one heartbeat for a task that cannot exist). It changes nothing. Prints
one line for each check: ok, warning or failed, and what to do. Exits with 1 if a
check failed.`
}

// How a check ended.
const (
	checkOK      = "ok"
	checkWarning = "warning"
	checkFailed  = "failed"
)

// finding is the result of one check.
type finding struct {
	Check  string `json:"check"`
	Status string `json:"status"`
	Text   string `json:"text"`
}

// Run implements the command.
func (c *checkCommand) Run(ctx context.Context, t terminal) error {
	cfg, err := c.Parse()
	keys, keysErr := parseKeys(cfg.Keys)
	redisErr := checkRedis(cfg.Redis)
	awsConfig, awsErr := loadAWS(ctx, telemetry.NewLogger(t.err, cfg.LogLevel, string(config.LogText)))
	if err := errors.Join(err, redisErr, keysErr, awsErr); err != nil {
		return err
	}
	sender, err := stepfunctions.New(awsConfig, stepfunctions.Options{Timeout: cfg.StepFunctionsTimeout})
	if err != nil {
		return err
	}
	defer sender.Close()
	findings, err := checkStore(ctx, cfg, keys)
	if err != nil {
		return err
	}
	if cfg.File != nil {
		findings = append(findings, finding{checkConfigFile, checkOK, "has " + inFile(cfg.File)})
	}
	findings = append(findings, checkAddress(ctx, publicAddress{url: cfg.PublicURL, keys: keys}), checkCalls(ctx, sender))
	if err := c.show(t.out, findings); err != nil {
		return err
	}
	failed := slices.DeleteFunc(findings, func(f finding) bool { return f.Status != checkFailed })
	switch len(failed) {
	case 0:
		return nil
	case 1:
		return errors.New("1 check failed")
	default:
		return fmt.Errorf("%d checks failed", len(failed))
	}
}

func (c *checkCommand) show(out io.Writer, findings []finding) error {
	if c.Output == "json" {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(map[string][]finding{"checks": findings})
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, f := range findings {
		fmt.Fprintf(table, "%s\t%s\t%s\n", f.Status, f.Check, f.Text)
	}
	return table.Flush()
}

// checkStore checks Redis as readiness does.
func checkStore(ctx context.Context, cfg config.Config, keys *relay.KeyRing) ([]finding, error) {
	client, err := openRedis(cfg.Redis)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	found := store.New(client, store.Options{Keys: keys, Durability: storeDurability(cfg.Durability)}).Check(ctx)
	reasons := map[string]string{}
	for _, o := range found.FailedChecks {
		reasons[o.Check] = o.Reason
	}
	var findings []finding
	for _, check := range store.Checks {
		if reason, fails := reasons[check]; fails {
			findings = append(findings, finding{check, checkFailed, reason})
		} else if reasons[store.CheckRedis] == "" { // otherwise the other checks could not be made
			findings = append(findings, finding{check, checkOK, storeChecked[check]})
		}
	}
	if found.Low() {
		findings = append(findings, finding{checkRegistrations, checkWarning, "stopped, since redis has little memory left: give it more"})
	}
	return findings, nil
}

// storeChecked says for each check of the store what is right.
var storeChecked = map[string]string{
	store.CheckRedis:      "answers",
	store.CheckKeyspace:   "has a version that this release knows",
	store.CheckEviction:   "redis does not evict callbacks",
	store.CheckMemory:     "redis has memory left",
	store.CheckWritable:   "redis accepts writes",
	store.CheckDurability: "redis can make the copies that RELAY_REDIS_DURABILITY requires",
	store.CheckClock:      "agrees with the clock of redis",
}

// checkAddress checks the public URL. If the URL cannot be reached from here, it
// may still be reachable from outside; if the server there is busy, it does not
// say whether it is this relay. Both are warnings.
func checkAddress(ctx context.Context, address publicAddress) finding {
	ctx, cancel := context.WithTimeout(ctx, lookOutsideFor)
	defer cancel()
	switch err := address.reach(ctx); {
	case err == nil:
		return finding{checkPublicURL, checkOK, address.url.Host + " leads to this relay"}
	case errors.Is(err, errUnreachable), errors.Is(err, errNotKnown):
		return finding{checkPublicURL, checkWarning, err.Error()}
	default:
		return finding{checkPublicURL, checkFailed, err.Error()}
	}
}

// noTask is a task token that AWS never issued. The check is whether Step
// Functions says so.
const noTask relay.TaskToken = "relay-check-of-no-task"

// checkTries is how often a call is made if it fails for a reason that may have
// passed already, such as a wrong clock or old credentials.
const checkTries = 3

// checkCalls makes one heartbeat for a task that does not exist. If Step
// Functions says that it does not know the task, then the network path, the
// credentials, the role and the clock are right.
func checkCalls(ctx context.Context, sender *stepfunctions.Sender) finding {
	setup := sender.Setup()
	where := fmt.Sprintf("%s (region %s, credentials from %s)", setup.Endpoint, setup.Region, setup.Credentials)
	var failure *relay.SendError
	for try := range checkTries {
		err := sender.Heartbeat(ctx, noTask)
		if err == nil {
			return finding{checkAWS, checkWarning, where + " accepted a heartbeat for a task that does not exist, so it is not Step Functions"}
		}
		if !errors.As(err, &failure) {
			return finding{checkAWS, checkFailed, where + ": " + err.Error()}
		}
		if failure.Code == "InvalidToken" {
			return finding{checkAWS, checkOK, where + " can be called"}
		}
		if failure.Class != relay.SendNotExecuted && failure.Class != relay.SendThrottled {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(try) * time.Second):
		}
	}
	text := fmt.Sprintf("%s: %s: %v", where, failure.Code, failure.Err)
	if advice := adviceOn[failure.Code]; advice != "" {
		text += "; " + advice
	}
	return finding{checkAWS, checkFailed, text}
}

// adviceOn says what to do about an error code. docs/runbook.md has more.
var adviceOn = map[string]string{ //nolint:gosec // codes and advice, no credentials
	"AccessDenied":                allowCalls,
	"AccessDeniedException":       allowCalls,
	"ExpiredToken":                "renew the credentials",
	"ExpiredTokenException":       "renew the credentials",
	"InvalidClientTokenId":        "AWS does not know these credentials, or no longer: are they for this partition?",
	"UnrecognizedClientException": "AWS does not know these credentials, or no longer: are they for this partition?",
	"InvalidSignatureException":   "access key and secret do not belong together, or the clock is wrong",
	"no-connection":               "does the region exist, and is there a network path to it: a NAT, a VPC endpoint, HTTPS_PROXY?",
	"timeout":                     "is there a network path to it: a NAT, a VPC endpoint, HTTPS_PROXY?",
}

const allowCalls = "allow the role states:SendTaskSuccess, states:SendTaskFailure and states:SendTaskHeartbeat " +
	"(a policy that allows only some state machines may deny this check, and still allow deliveries)"
