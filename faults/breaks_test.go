package faults

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callback-relay/store/redistest"
)

// edit changes one file of the relay, or adds it if old is empty.
type edit struct{ file, old, new string }

// breaks are ways in which the relay could be wrong, each with the test that must
// notice it.
var breaks = []struct {
	name     string
	edits    []edit
	scenario string
	objects  string // what the scenario then says
}{
	{
		name: "any lease can settle a delivery",
		edits: []edit{{"store/scripts/settle.lua",
			"if cb.state ~= ARGV[3] or cb.leased ~= ARGV[2] then", "if cb.state ~= ARGV[3] then"}},
		scenario: "TestLateResult", objects: "state refused, and there is an effect",
	},
	{
		name: "acknowledged although the script failed",
		edits: []edit{{"store/answer.go",
			`return relay.Recorded{}, fmt.Errorf("answer %s: %w", id, err)`,
			"_ = fmt.Sprint\n\t\treturn relay.Recorded{State: transition.To, Duplicate: true}, nil"}},
		scenario: "TestFaults/standalone", objects: objection + lost,
	},
	{
		name: "the due set has another hash tag than its callbacks",
		edits: []edit{{"store/keys.go",
			`return partitionKey(partition, "due")`,
			`return fmt.Sprintf("relay:v1:{d%02d}:due", partition)`}},
		scenario: "TestFaults/cluster", objects: "a client got no answer",
	},
	{
		name: "the script that records an answer does not check the deadline",
		edits: []edit{{"store/scripts/refusal.lua",
			"overdue = at >= tonumber(ends)", "overdue = false"}},
		scenario: "TestFaults/standalone", objects: "after the deadline and acknowledged",
	},
	{
		name: "leased deliveries are claimed",
		edits: []edit{
			{"store/scripts/due.lua", "local latest = text(now())", "local latest = '+inf'"},
			{"store/scripts/claim.lua", "if not due or tonumber(due) > at then", "if not due then"},
		},
		scenario: "TestLease", objects: "attempted by somebody else too",
	},
	{
		name: "an attempt is not recorded as unclear",
		edits: []edit{
			{"store/scripts/answer.lua", "'unclear', '1'", "'unclear', '0'"},
			{"store/scripts/claim.lua", "attempts + 1, unclear + 1", "attempts + 1, unclear"},
		},
		scenario: "TestFaults/standalone", objects: "state refused, and there is an effect",
	},
	{
		name: "settled without being sent",
		edits: []edit{{"outbox/deliver.go",
			"err := o.sender.Send(ctx, d.TaskToken, d.Outcome)", "var err error"}},
		scenario: "TestFaults/standalone", objects: "state delivered, and there is no effect",
	},
	{
		name: "an empty Redis is accepted as correct",
		edits: []edit{{"store/ready.go",
			`return "", fmt.Errorf("%w: redis is not initialised, run relay migrate up", errSchema)`, `return "", nil`}},
		scenario: "TestWiped", objects: "a sender got 404",
	},
	{
		name: "missing copies are ignored",
		edits: []edit{{"store/durability.go",
			"if err == nil && got < d.Replicas {", "if err == nil && got < 0 {"}},
		scenario: "TestFewerCopies/wait:1", objects: "without the copy",
	},
	{
		name: "missing copies are ignored, in a failover",
		edits: []edit{{"store/durability.go",
			"if err == nil && got < d.Replicas {", "if err == nil && got < 0 {"}},
		scenario: "TestFailoverToStaleReplica/wait:1", objects: objection + lost,
	},
	{
		name: "every sender is refused",
		edits: []edit{{"store/scripts/refusal.lua",
			"overdue = at >= tonumber(ends)", "overdue = true"}},
		scenario: "TestFaults/standalone", objects: "no sender was served",
	},
	{
		name: "an old key no longer works beside a newer one",
		edits: []edit{{"relay/keys.go",
			"for _, master := range r.keys {\n\t\tfor _, kind", "for _, master := range r.keys[:1] {\n\t\tfor _, kind"}},
		scenario: "TestRotation", objects: "a link of the old key",
	},
	{
		name: "a migration does not wait for replicas that do not know it",
		edits: []edit{{"migrations/replicas.go",
			"if len(older) > 0 {", "if len(older) < 0 {"}},
		scenario: "TestUpgrade", objects: "waited in vain until the old replicas have announced themselves",
	},
	{
		name: "an unknown layout is accepted as known",
		edits: []edit{{"store/ready.go",
			"case !slices.Contains(schemaMarkers, marker):", "case !slices.Contains(schemaMarkers, marker) && false:"}},
		scenario: "TestMigration", objects: "waited in vain until the old replica steps aside",
	},
	{
		name: "a callback does not get the event that came before it",
		edits: []edit{{"store/scripts/join.lua",
			"for _, e in ipairs(m.events) do\n  offer(m, e)\nend\n", ""}},
		scenario: "TestPairs", objects: objection + lost,
	},
	{
		name: "nobody takes over the events that another process has not given",
		edits: []edit{{"cmd/relay/node.go",
			"return n.service.GiveDue(ctx) }", "return false, nil }"}},
		scenario: "TestEventsAreTakenOver", objects: "waited in vain until the callback is delivered",
	},
	{
		name: "a callback that is over uses its event up",
		edits: []edit{{"relay/give.go",
			"return Fate{UsePassed, was != nil || isOver(err)}, nil", "return Fate{UseSpent, was != nil || isOver(err)}, nil"}},
		scenario: "TestPairs", objects: objection + lost,
	},
	{
		name: "a batch's results handed to the wrong callers",
		edits: []edit{{"store/batch.go",
			"\t\tfor _, c := range batch {\n\t\t\tc.done.finish()",
			"\t\tfor i := 0; i+1 < len(batch); i += 2 {\n" +
				"\t\t\tbatch[i].got, batch[i+1].got = batch[i+1].got, batch[i].got\n\t\t}\n" +
				"\t\tfor _, c := range batch {\n\t\t\tc.done.finish()"}},
		scenario: "TestFaults/standalone", objects: objection + lost,
	},
}

// TestBreaks breaks the relay in each of these ways, and runs the scenario that
// must notice. It takes minutes, and runs only on request.
func TestBreaks(t *testing.T) {
	if !*breaksFlag || !redistest.Available(t) {
		t.Log("runs with -breaks only")
		return
	}
	self, err := os.Executable()
	must(t, err)
	for _, b := range breaks {
		t.Run(b.name, func(t *testing.T) {
			binary := filepath.Join(t.TempDir(), "relay")
			must(t, build(binary, "-overlay", overlay(t, b.edits)))
			began := time.Now()
			out, err := exec.Command(self, "-test.run", b.scenario, "-binary", binary,
				"-round", "20s", "-settle", "20s").CombinedOutput()
			if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if err == nil || !strings.Contains(string(out), b.objects) {
				t.Fatalf("%s does not notice (want %q): %v\n%s", b.scenario, b.objects, err, out)
			}
			t.Logf("%s notices in %s: %s", b.scenario, time.Since(began).Round(time.Second), lineWith(string(out), b.objects))
		})
	}
}

// TestBreaksApply checks that each break still finds the code it changes, so that
// an outdated break is noticed at once, and not when somebody runs the breaks.
func TestBreaksApply(t *testing.T) {
	for _, b := range breaks {
		t.Run(b.name, func(t *testing.T) { overlay(t, b.edits) })
	}
	t.Run("the next release", func(t *testing.T) { overlay(t, nextRelease) })
}

// overlay makes the edits in copies, and returns the Go command's overlay for them.
func overlay(t *testing.T, edits []edit) string {
	t.Helper()
	dir := t.TempDir()
	replace := map[string]string{}
	for _, e := range edits {
		path, err := filepath.Abs(filepath.Join("..", e.file))
		must(t, err)
		edited, again := replace[path]
		if !again {
			edited = path
		}
		source := []byte(e.old)
		if e.old != "" {
			source, err = os.ReadFile(edited)
			must(t, err)
		}
		if e.old != "" && strings.Count(string(source), e.old) != 1 {
			t.Fatalf("%s does not have %q once: the edit is out of date", e.file, e.old)
		}
		broken := filepath.Join(dir, filepath.Base(e.file))

		must(t, os.WriteFile(broken, []byte(strings.Replace(string(source), e.old, e.new, 1)), 0o600))
		replace[path] = broken
	}
	content, err := json.Marshal(map[string]any{"Replace": replace})
	must(t, err)
	file := filepath.Join(dir, "overlay.json")
	must(t, os.WriteFile(file, content, 0o600))
	return file
}

func lineWith(text, part string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}
