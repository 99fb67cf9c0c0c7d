package store

import (
	"context"
	"embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
)

//go:embed scripts/*.lua
var scriptFiles embed.FS

// The scripts, each named for its one caller.
var (
	createScript     = load("create")
	answerScript     = load("answer", "refusal")
	waitingScript    = load("waiting", "refusal")
	viewScript       = load("view", "refusal")
	decideScript     = load("decide", "refusal")
	guessScript      = load("guess", "refusal")
	revokeScript     = load("revoke", "refusal")
	addLinkScript    = load("addlink", "refusal")
	rescheduleScript = load("reschedule", "refusal")
	cancelScript     = load("cancel", "refusal")
	touchScript      = load("touch")
	expireScript     = load("expire")
	dueScript        = load("due")
	listScript       = load("list")
	claimScript      = load("claim")
	settleScript     = load("settle")
	trimScript       = load("trim")
	announceScript   = load("announce")
	censusScript     = load("census")
	asideScript      = load("aside")
	noteScript       = load("note")
	declineScript    = load("decline", "refusal")
	joinScript       = load("join", "matching")
	eventScript      = load("event", "matching")
	serveScript      = load("serve", "matching")
	takeScript       = load("take", "matching")
	dropScript       = load("drop", "matching")

	markAwaitedScript = load("markawaited")
)

// script is one of the scripts, named for its one caller.
type script struct {
	*redis.Script
	name   string
	source string
}

// load returns a script with the prelude, and what else it shares with others, in front
// of it.
func load(name string, shared ...string) *script {
	var files []string
	for _, file := range slices.Concat([]string{"prelude"}, shared, []string{name}) {
		files = append(files, scriptFile(file))
	}
	source := strings.Join(files, "\n")
	loaded := &script{redis.NewScript(source), name, source}
	ownScripts[loaded.Hash()], ownScripts[source] = true, true
	return loaded
}

// ownScripts has the digests and the texts of the scripts.
var ownScripts = map[string]bool{}

func scriptFile(name string) string {
	source, err := scriptFiles.ReadFile("scripts/" + name + ".lua")
	if err != nil {
		panic(err) // the file is compiled in
	}
	return string(source)
}

// call is one use of a script.
type call struct {
	keys []string
	args []any
}

// run executes a script.
func (s *Store) run(ctx context.Context, script *script, keys []string, args ...any) (reply, error) {
	return first(s.execute(ctx, false, script, []call{{keys, args}}))
}

// runAll executes one script many times, in few round trips. A failed call has a
// nil reply. The error is that of the first failed call.
func (s *Store) runAll(ctx context.Context, script *script, calls []call) ([]reply, error) {
	if len(calls) == 0 {
		return nil, nil
	}
	return s.execute(ctx, false, script, calls)
}

// runDurably runs a script whose result a caller relies on. When it returns,
// everything that the script wrote or found is as durable as the settings ask
// for. With fewer copies it returns [relay.ErrUnavailable]; the write stays, and
// a repeated call finds it.
func (s *Store) runDurably(ctx context.Context, script *script, keys []string, args ...any) (reply, error) {
	return first(s.execute(ctx, s.durability.waits(), script, []call{{keys, args}}))
}

func first(replies []reply, err error) (reply, error) {
	if err != nil {
		return nil, err
	}
	return replies[0], nil
}

// reply is what a script returned: alternating names and values. One of the names
// is verdict.
type reply []string

// readReply reads a reply of any type. A reply that no script of ours returns is an
// error, not a panic.
func readReply(cmd *redis.Cmd) (reply, error) {
	values, err := cmd.Slice()
	if err != nil {
		return nil, unavailable(err)
	}
	r := make(reply, len(values))
	for i, value := range values {
		text, ok := value.(string)
		if !ok && value != nil {
			return nil, unavailable(fmt.Errorf("unexpected %T in a script's reply", value))
		}
		r[i] = text
	}
	return r, nil
}

// verdict returns what the script did or found, or "".
func (r reply) verdict() string { return r.text("verdict") }

// text returns the value with the name, or "" when there is none.
func (r reply) text(name string) string {
	for i := 0; i+1 < len(r); i += 2 {
		if r[i] == name {
			return r[i+1]
		}
	}
	return ""
}

// all returns every value with the name.
func (r reply) all(name string) (values []string) {
	for i := 0; i+1 < len(r); i += 2 {
		if r[i] == name {
			values = append(values, r[i+1])
		}
	}
	return values
}

// number returns the value with the name as an integer, or 0.
func (r reply) number(name string) int64 { return number(r.text(name)) }

// time returns the value with the name, in milliseconds since 1970, or the zero
// time.
func (r reply) time(name string) time.Time { return millis(r.text(name)) }

// holds returns whether the script reported the fact.
func (r reply) holds(fact string) bool { return r.text(fact) == "1" }

func number(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}

// millis reads milliseconds since the epoch; "" is the zero time.
func millis(text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	return time.UnixMilli(number(text)).UTC()
}

// unavailable wraps an error of Redis as [relay.ErrUnavailable].
func unavailable(err error) error {
	return fmt.Errorf("%w: redis: %w", relay.ErrUnavailable, err)
}
